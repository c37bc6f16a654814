"""A portfolio whose worth or lifetime no 64 bits hold: all that is asked of it is answered."""

from datetime import timedelta

import pytest

from cloud.exchange.public_ids import portfolio_uuid
from tests.cloud.exchange.updates.conftest import stream_of
from tests.support.listeners import owner
from tests.support.trading_clients import Trader, Venue
from trading.bounds import FIGURE_MAX
from trading.commands import (
    AdvanceDay,
    DepositUnits,
    PlaceOrder,
    SetLimits,
    SplitInstrument,
    TransferCash,
)
from trading.orders import (
    BUY,
    GTC,
    LIMIT,
    MONEY_MAX,
    PRICE_TICKS_MAX,
    QUANTITY_UNITS_MAX,
    SELL,
)
from trading.terms import Limits, NewOrder

V1 = "/api/v1/portfolios"
UNITS = 9_999 * QUANTITY_UNITS_MAX
TICKS_PER_CENT = 100
BEYOND_MAX = 1 << 64
LIFETIME_ROUNDS = 10


@pytest.fixture
def venue_tasks() -> tuple[str, ...]:
    """It streams."""
    return ("trade-updates",)


@pytest.fixture
async def buyer(venue: Venue) -> Trader:
    """Has most of all cash there may be."""
    return await venue.trader("buyer@example.org", cash=MONEY_MAX)


async def _answers(venue: Venue, trader: Trader) -> dict[str, object]:
    """What every answer about worth says, by its path."""
    own = f"{V1}/{portfolio_uuid(trader.portfolio_id)}"
    keys = {"APCA-API-KEY-ID": trader.key, "APCA-API-SECRET-KEY": trader.secret}
    paths = [(f"{own}/{path}", trader.headers) for path in ("valuation", "positions/ACME")]
    paths += [(f"{own}/history?timeframe={one}", trader.headers) for one in ("1Min", "1H", "1D")]
    paths += [(f"{own}/statement?format={one}", trader.headers) for one in ("csv", "pdf", "json")]
    paths += [
        (f"/v2/{path}", keys)
        for path in (
            "account",
            "account/activities",
            "account/portfolio/history?timeframe=1Min&period=1D",
            "account/portfolio/history",
            "positions",
            "positions/ACME",
        )
    ]
    found = {}
    for path, headers in paths:
        answer = await venue.app.client.get(path, headers=headers)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        is_json = "json" in answer.headers["content-type"]
        found[path.removeprefix(f"{own}/")] = answer.json() if is_json else answer.content
    return found


async def _minute(venue: Venue) -> None:
    """One minute of the equity curve; the recorder must not break."""
    recorder = owner(venue.app.sequencer, "equity-curve")
    await recorder.look()
    venue.app.kit.clock.advance(timedelta(minutes=1))
    await recorder.look()


async def test_a_portfolio_worth_more_than_64_bits_is_shown_exactly(venue, buyer):
    rich = await venue.trader("rich@example.org", units={1: 1})
    app, number = venue.app, rich.portfolio_id
    await _minute(venue)
    await app.submit(DepositUnits(0, 0, number, 1, QUANTITY_UNITS_MAX - 1, 0))
    await app.submit(SplitInstrument(0, 0, 1, 9_999, 1))
    async with stream_of(venue.url) as client:
        await client.authenticate(rich)
        await client.listen("portfolio")
        await app.limit(number, SELL, 1, PRICE_TICKS_MAX)
        await app.limit(buyer.portfolio_id, BUY, 1, PRICE_TICKS_MAX)
        worth = (UNITS - 1) * PRICE_TICKS_MAX // TICKS_PER_CENT
        told = 0
        while told != worth:
            told = (await client.next("portfolio"))["data"]["long_value_minor"]
    assert worth > BEYOND_MAX
    for day in range(12):
        await _minute(venue)
        await app.submit(AdvanceDay(0, 0, 20_500 + day))
        app.kit.clock.advance(timedelta(days=1))
    await _minute(venue)
    rich.headers = await app.sign_in("rich@example.org")  # the old one has expired
    found = await _answers(venue, rich)
    for method in ("lognormal", "bootstrap"):
        path = f"{V1}/{portfolio_uuid(number)}/projection?method={method}"
        answer = await app.client.get(path, headers=rich.headers)
        assert answer.status_code == 200, answer.text
        assert answer.json()["days"][-1]["equity_minor"][-1] > BEYOND_MAX
    (cash,) = await app.kit.database.pool.fetchrow(
        "SELECT cash FROM portfolio_balances WHERE portfolio_id = $1", number
    )
    assert found["valuation"]["equity_minor"] == cash + worth
    assert found["valuation"]["day_profit_minor"] == 0
    assert found["valuation"]["positions"][0]["value_minor"] == worth
    assert found["positions/ACME"]["lots"][-1]["unrealised_minor"] > BEYOND_MAX
    assert found["history?timeframe=1Min"]["points"][-1]["equity_minor"] == cash + worth
    assert found["statement?format=json"]["closing"]["equity_minor"] == cash + worth
    assert found["/v2/account"]["equity"] == f"{(cash + worth) // 100}.{(cash + worth) % 100:02}"
    assert found["/v2/positions/ACME"]["market_value"] == f"{worth // 100}.{worth % 100:02}"
    stored = await app.kit.database.pool.fetchval(
        "SELECT max(equity) FROM equity_samples WHERE portfolio_id = $1", number
    )
    assert stored == FIGURE_MAX


async def test_a_short_worth_less_than_64_bits_is_shown_exactly(venue, buyer):
    await venue.app.submit(SetLimits(0, 0, 0, Limits(may_short=1)))
    app, units = venue.app, 4 * 10**9
    bear = await venue.trader("bear@example.org", cash=10**15)
    await app.limit(buyer.portfolio_id, BUY, units, 100)
    short = NewOrder(bear.portfolio_id, 1, SELL, LIMIT, GTC, units, 100, is_short=True)
    await app.submit(PlaceOrder(0, 0, short))
    await app.limit(buyer.portfolio_id, SELL, 1, PRICE_TICKS_MAX)
    await app.limit(bear.portfolio_id, BUY, 1, PRICE_TICKS_MAX)
    await _minute(venue)
    await _minute(venue)
    found = await _answers(venue, bear)
    worth = -(units - 1) * PRICE_TICKS_MAX // TICKS_PER_CENT
    assert worth < -BEYOND_MAX
    assert found["valuation"]["short_value_minor"] == worth


async def test_what_a_lifetime_added_up_beyond_64_bits_is_shown(venue, buyer):
    """The same money goes round until cost and realised profit are past what is stored."""
    seller = await venue.trader("seller@example.org", cash=0)
    app, price = venue.app, PRICE_TICKS_MAX // 2
    mine, other = buyer.portfolio_id, seller.portfolio_id

    await app.give_units(other, 1, 1)
    for _ in range(LIFETIME_ROUNDS):
        # Worth 5 * 10^17 cents each time.
        await app.submit(DepositUnits(0, 0, other, 1, 10**8, 0))
        await app.limit(other, SELL, 10**8, price)
        await app.limit(mine, BUY, 10**8, price)
        cash = app.sequencer.engine.venue.portfolios[other].cash
        await app.submit(TransferCash(0, 0, other, mine, cash))
    venue_books = app.sequencer.engine.venue.portfolios
    cost, realised = venue_books[mine].positions[1].cost, venue_books[other].realised
    assert cost == realised == LIFETIME_ROUNDS * 5 * 10**17 > FIGURE_MAX
    await _minute(venue)
    await _minute(venue)
    bought, sold = await _answers(venue, buyer), await _answers(venue, seller)
    assert bought["positions/ACME"]["fifo_cost_minor"] == cost
    assert bought["statement?format=json"]["closing"]["positions"][0]["cost_minor"] == cost
    assert sold["statement?format=json"]["closing"]["realised_minor"] == realised
    # What the engine tells of it ends there; see docs/trading.md.
    assert bought["valuation"]["positions"][0]["cost_minor"] == FIGURE_MAX
    assert sold["valuation"]["realised_minor"] == FIGURE_MAX
