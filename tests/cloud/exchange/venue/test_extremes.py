"""Acts as large as the API takes, on a real database: refused or stored, and trading goes on."""

import itertools
from datetime import UTC, date, datetime, timedelta

import pytest

from cloud.accounts.user import Role
from cloud.exchange.portfolios.history import EquityHistory
from cloud.exchange.portfolios.live import LivePortfolios
from cloud.exchange.portfolios.recorder import EquityRecorder
from cloud.exchange.public_ids import portfolio_uuid
from tests.support.venue_app import venue_app
from trading.bounds import CASH_TOTAL_MAX, FEE_RATE_MAX, FIGURE_MAX
from trading.commands import Deposit, TransferCash
from trading.orders import BUY, MONEY_MAX, PRICE_TICKS_MAX, SELL

PATH = "/api/v1/exchange/instruments"
EXTREME = {
    "reference_price": "100000000",
    "lot_units": 1,
    "maker_fee_rate": -FEE_RATE_MAX,
    "taker_fee_rate": FEE_RATE_MAX,
    "settle_days": 0,
    "protection_bps": 9_999,
    "reason": "as much as there is",
}


class Venue:
    """The application with an admin and two rich traders."""

    def __init__(self, app, admin):
        self.app = app
        self.admin = admin
        self.days = itertools.count()
        self.numbers = []

    async def list(self, symbol, **changes):
        body = EXTREME | changes
        return await self.app.client.put(f"{PATH}/{symbol}", json=body, headers=self.admin)

    async def act(self, symbol, what, **body):
        day = date(2026, 3, 2) + timedelta(days=next(self.days))
        body |= {"effective_on": day.isoformat(), "reason": "an absurd act"}
        return await self.app.client.post(f"{PATH}/{symbol}/{what}", json=body, headers=self.admin)

    async def bring_in(self, number, symbol, units, unit_price):
        body = {"symbol": symbol, "units": units, "unit_price": unit_price, "reason": "many"}
        path = f"/api/v1/exchange/portfolios/{portfolio_uuid(number)}/units"
        return await self.app.client.post(path, json=body, headers=self.admin)

    async def goes_on(self):
        """An ordinary order is still taken, stored and answered."""
        number = self.numbers[0]
        receipt = await self.app.limit(number, BUY, 1, 100, instrument_id=1)
        (order_id,) = receipt.order_ids
        stored = await self.app.kit.database.pool.fetchval(
            "SELECT price_ticks FROM orders WHERE id = $1", order_id
        )
        assert stored == 100
        assert self.app.sequencer.is_leading
        return True


@pytest.fixture
async def venue(kit):
    async with venue_app(kit) as app:
        made = Venue(app, await app.sign_in("admin@example.org", Role.ADMIN))
        answer = await made.list("MAX")
        assert answer.status_code == 200, answer.text
        phase = {"phase": "continuous", "reason": "open"}
        await app.client.post(f"{PATH}/MAX/phase", json=phase, headers=made.admin)
        for name in ("alice", "bob"):
            await app.sign_in(f"{name}@example.org", Role.TRADER)
            number, _ = await app.open_portfolio(f"{name}@example.org", MONEY_MAX)
            made.numbers.append(number)
        yield made


@pytest.mark.parametrize(
    "changes",
    [
        {"taker_fee_rate": FEE_RATE_MAX + 1},
        {"maker_fee_rate": -FEE_RATE_MAX - 1},
        {"reference_price": "100000000.01"},
        {"lot_units": 10**18},
        {"settle_days": 10**18},
        {"protection_bps": 10**18},
    ],
)
async def test_a_listing_beyond_its_bounds_is_refused(venue, changes):
    answer = await venue.list("MORE", **changes)
    assert answer.status_code in (400, 422), answer.text
    assert await venue.goes_on()


@pytest.mark.parametrize(
    ("amount", "status", "code"),
    [
        ("1000000000000000000", 422, "invalid_dividend"),
        ("10000000000000000", 422, "payout_too_large"),
        ("100000000", 422, "payout_too_large"),
        ("999999.9999999999", 201, None),
    ],
)
async def test_a_dividend_is_paid_or_refused_as_a_whole(venue, amount, status, code):
    alice, _ = venue.numbers
    assert (await venue.bring_in(alice, "MAX", 10**9, "0.01")).status_code == 201
    answer = await venue.act("MAX", "dividends", amount=amount)
    assert (answer.status_code, answer.json().get("code")) == (status, code), answer.text
    cash = await venue.app.kit.database.pool.fetchval(
        "SELECT cash FROM portfolio_balances WHERE portfolio_id = $1", alice
    )
    assert cash == MONEY_MAX if code else MONEY_MAX < cash <= CASH_TOTAL_MAX
    assert await venue.goes_on()


async def test_splits_go_on_until_a_position_would_be_too_large(venue):
    alice, _ = venue.numbers
    assert (await venue.bring_in(alice, "MAX", 10**14, "0.01")).status_code == 201
    answers = [
        await venue.act("MAX", "splits", numerator=new, denominator=old)
        for new, old in ((9_999, 1), (10_000, 1), (1, 9_999), (3, 10_000), (10_000, 3))
    ]
    codes = [(one.status_code, one.json().get("code")) for one in answers]
    assert codes == [
        (201, None),
        (422, "payout_too_large"),
        (201, None),
        (201, None),
        (201, None),
    ]
    assert await venue.goes_on()


async def test_units_come_in_until_their_cost_is_too_large(venue):
    alice, _ = venue.numbers
    # A thousandth of all units at the highest price: 10^18 cents.
    answers = [await venue.bring_in(alice, "MAX", 10**8, "100000000") for _ in range(6)]
    codes = [one.status_code for one in answers]
    assert codes == [201, 201, 201, 201, 409, 409]
    assert (await venue.bring_in(alice, "MAX", 10**14, "0.0001")).status_code == 201
    assert await venue.goes_on()


async def test_cash_comes_in_until_the_venue_is_full(venue):
    alice, _ = venue.numbers
    answers = [await venue.app.submit(Deposit(0, 0, alice, MONEY_MAX)) for _ in range(2)]
    assert [type(one.events[0]).__name__ for one in answers] == ["CommandRefused"] * 2
    assert await venue.goes_on()


async def test_the_same_money_may_go_round_until_no_column_could_hold_the_sum(venue):
    """Fees and profit of a lifetime are stored as the most there can be, and trading goes on."""
    alice, bob = venue.numbers
    price = 5 * 10**11
    for _ in range(30):
        assert (await venue.bring_in(alice, "MAX", 1, "0.01")).status_code == 201
        # 10^8 units at half the highest price are 5 * 10^17 cents.
        await venue.app.give_units(alice, 1, 10**8)
        await venue.app.limit(bob, BUY, 10**8, price)
        await venue.app.limit(alice, SELL, 10**8, price)
        engine = venue.app.sequencer.engine.venue
        back = engine.portfolios[alice].cash - MONEY_MAX
        await venue.app.submit(TransferCash(0, 0, alice, bob, back))
    rows = await venue.app.kit.database.pool.fetch(
        "SELECT portfolio_id, fees, realised FROM portfolio_balances ORDER BY portfolio_id"
    )
    assert rows[0]["realised"] == FIGURE_MAX
    assert engine.portfolios[alice].realised > FIGURE_MAX
    fees = await venue.app.kit.database.pool.fetchval("SELECT sum(fees) FROM orders")
    assert fees == sum(one.fees for one in engine.portfolios.values())
    assert await venue.goes_on()


async def test_a_portfolio_worth_more_than_a_column_holds_is_sampled(venue):
    alice, bob = venue.numbers
    assert (await venue.bring_in(alice, "MAX", 10**14, "0.01")).status_code == 201
    await venue.app.limit(bob, BUY, 1, PRICE_TICKS_MAX)
    await venue.app.limit(alice, SELL, 1, PRICE_TICKS_MAX)
    live = LivePortfolios()
    live.start(venue.app.sequencer.engine)
    assert live.equity(live.portfolios[alice]) > 1 << 63
    pool = venue.app.kit.database.pool
    recorder = EquityRecorder(live, EquityHistory(pool), venue.app.kit.clock)
    recorder.begin()
    await recorder.look()
    recorder.sample(datetime(2026, 3, 2, 15, 1, tzinfo=UTC))
    await recorder.look()
    stored = await pool.fetch("SELECT portfolio_id, equity FROM equity_samples ORDER BY 1")
    assert [one["portfolio_id"] for one in stored] == [alice, bob]
    assert stored[0]["equity"] == FIGURE_MAX
