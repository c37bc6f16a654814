"""Whatever is sent: every figure of every event fits the 64-bit columns it is stored in."""

import random

import pytest

from tests.trading.venue_rig import BUY, SELL, Rig, check_venue
from trading import commands
from trading.bounds import (
    CASH_TOTAL_MAX,
    FEE_RATE_MAX,
    FIGURE_MAX,
    ORDER_UNITS_MAX,
    POSITION_UNITS_MAX,
)
from trading.engine import Engine
from trading.events import (
    BalanceChanged,
    CommandRefused,
    DividendPaid,
    OrderAccepted,
    PositionChanged,
)
from trading.instruments import CONTINUOUS, Instrument
from trading.orders import ALLOW, GTC, LIMIT, MARKET, MONEY_MAX, PRICE_TICKS_MAX, STOP
from trading.reasons import Reason
from trading.terms import Limits, NewOrder

BIGINT_MAX = (1 << 63) - 1
LARGE = (1, 7, 10**6, 10**9, 10**12, 10**14, 10**17, MONEY_MAX, 1 << 61, FIGURE_MAX)
ABSURD = (0, -1, FIGURE_MAX + 1, BIGINT_MAX, BIGINT_MAX + 1, 10**40, -(10**40))
PRICES = (1, 100, 10**6, 10**9, PRICE_TICKS_MAX)
IDS = (1, 2, 3, 4)


def figures(value):
    """Every number in an event, however deep."""
    if isinstance(value, (tuple, list)):
        for one in value:
            yield from figures(one)
    elif isinstance(value, int):
        yield int(value)


def misfits(events):
    return [
        event for event in events if any(abs(one) > BIGINT_MAX for one in figures(event.as_tuple()))
    ]


class Extremes:
    """A seeded stream of commands that are as large as they may be, or larger."""

    def __init__(self, seed):
        self.draw = random.Random(seed)
        self.sequence = 0
        self.orders = 0

    def amount(self):
        return self.draw.choice(LARGE if self.draw.random() < 0.9 else ABSURD)

    def any_id(self):
        return self.draw.choice(IDS) if self.draw.random() < 0.97 else self.amount()

    def next(self):
        kind, arguments = self._opening() if self.sequence < 40 else self._any()
        self.sequence += 1
        return kind(self.sequence, self.sequence, *arguments)

    def _opening(self):
        at = self.sequence
        if at < 4:
            return commands.ListInstrument, (self._instrument(at + 1, 1),)
        if at < 8:
            return commands.OpenPortfolio, (at - 3, at - 3)
        if at < 12:
            return commands.Deposit, (at - 7, self.draw.choice(LARGE[3:8]))
        if at < 16:
            return commands.SetLimits, (at - 11, Limits(may_short=1, short_margin_bps=0))
        if at < 39:
            return commands.DepositUnits, (
                at % 4 + 1,
                at // 4 % 4 + 1,
                self.draw.choice(LARGE[:6]),
                self.amount(),
            )
        return commands.SetPhase, (0, CONTINUOUS)

    def _instrument(self, number, calm):
        draw = self.draw
        is_calm = calm or draw.random() < 0.7
        taker = draw.choice((0, 300, FEE_RATE_MAX))
        return Instrument(
            number,
            f"X{number}",
            draw.choice(PRICES) if is_calm else self.amount(),
            money_multiplier=draw.choice((1, 7, 10**6)) if is_calm else self.amount(),
            money_divisor=draw.choice((1, 100, 10**8)) if is_calm else self.amount(),
            maker_fee_rate=draw.choice((-taker, 0, FEE_RATE_MAX)),
            taker_fee_rate=taker if is_calm else self.amount(),
            settle_days=draw.randint(0, 1),
            protection_bps=9_000,
            is_shortable=True,
        )

    def _order(self):
        draw = self.draw
        kind = draw.choice((LIMIT, LIMIT, LIMIT, MARKET, STOP))
        side = draw.choice((BUY, SELL))
        return NewOrder(
            self.any_id(),
            self.any_id(),
            side,
            kind,
            GTC,
            self.amount(),
            draw.choice(PRICES) if kind == LIMIT else 0,
            draw.choice(PRICES) if kind == STOP else 0,
            expires_at_ns=0,
            self_trade=ALLOW,
            is_short=side == SELL and draw.random() < 0.5,
        )

    def _any(self):
        draw, action = self.draw, self.draw.random()
        if action < 0.55:
            return commands.PlaceOrder, (self._order(),)
        if action < 0.60:
            order = draw.randint(1, max(self.orders, 1))
            return commands.ReplaceOrder, (order, self.any_id(), self.amount(), self.amount())
        if action < 0.63:
            return commands.CancelOrder, (self.amount(), self.any_id())
        if action < 0.70:
            return commands.Deposit, (self.any_id(), self.amount(), self.amount())
        if action < 0.76:
            return commands.TransferCash, (self.any_id(), self.any_id(), self.amount())
        if action < 0.80:
            return commands.DepositUnits, (
                *(self.any_id(), self.any_id()),
                *(self.amount(), self.amount(), self.amount()),
            )
        if action < 0.84:
            return commands.TransferUnits, (
                *(self.any_id(), draw.choice((0, *IDS))),
                *(self.any_id(), self.amount()),
            )
        if action < 0.90:
            return commands.PayDividend, (self.any_id(), self.amount(), self.amount())
        if action < 0.94:
            parts = (1, 2, 3, 9_999, 10_000)
            return commands.SplitInstrument, (
                self.any_id(),
                draw.choice(parts) if draw.random() < 0.9 else self.amount(),
                draw.choice(parts),
            )
        return draw.choice(
            (
                (commands.AdvanceDay, (self.sequence if draw.random() < 0.9 else self.amount(),)),
                (commands.ReserveWithdrawal, (self.any_id(), self.amount(), self.amount())),
                (commands.EndWithdrawal, (self.amount(), True)),
                (commands.ListInstrument, (self._instrument(self.any_id(), 0),)),
                (commands.OpenPortfolio, (self.amount(), self.amount())),
                (commands.SetLimits, (self.any_id(), Limits(0, self.amount(), may_short=1))),
                (commands.SetKillSwitch, (self.draw.choice(ABSURD[2:]), True)),
                (commands.SetBands, (self.any_id(), self.amount(), self.amount())),
                (commands.SetPhase, (0, CONTINUOUS)),
                (commands.MassCancel, (self.any_id(),)),
            )
        )


def run(seed, count):
    stream, engine, seen = Extremes(seed), Engine(), {}
    for number in range(count):
        command = stream.next()
        found = engine.apply(command)
        assert not misfits(found), (command, misfits(found))
        for event in found:
            seen.setdefault(type(event), []).append(event)
            if isinstance(event, OrderAccepted):
                stream.orders = event.order_id
        if number % 50 == 0:
            check_money(engine.venue)
    assert Engine.restore(engine.snapshot()).state_hash() == engine.state_hash()
    return seen


def check_money(venue):
    cash = sum(one.cash for one in venue.portfolios.values())
    assert cash + venue.cash == venue.external_cash
    assert abs(venue.external_cash) <= CASH_TOTAL_MAX
    for portfolio in venue.portfolios.values():
        assert portfolio.held_cash == sum(one.hold_cash for one in portfolio.orders.all()) + sum(
            one.collateral for one in portfolio.positions.values()
        ) + sum(
            amount
            for number, amount in venue.withdrawals.values()
            if number == portfolio.portfolio_id
        )


@pytest.mark.parametrize("seed", range(12))
def test_no_figure_of_any_event_is_too_large_for_its_column(seed):
    run(seed, 1_500)


def test_the_extremes_reach_trades_splits_dividends_and_every_new_refusal():
    kinds, reasons = set(), set()
    for seed in range(100, 112):
        seen = run(seed, 1_500)
        kinds |= {kind.__name__ for kind in seen}
        reasons |= {event.reason for event in seen.get(CommandRefused, ())}
    assert {"OrderFilled", "DividendPaid", "UnitsSplit", "UnitsMoved", "CashMoved"} <= kinds
    assert {
        Reason.AMOUNT_TOO_LARGE,
        Reason.FIGURE_TOO_LARGE,
        Reason.PAYOUT_TOO_LARGE,
        Reason.INSTRUMENT_INVALID,
        Reason.LIMITS_INVALID,
        Reason.RATIO_INVALID,
        Reason.BANDS_INVALID,
    } <= reasons


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_no_figure_is_too_large_in_a_million_extreme_commands():
    for seed in range(1000, 1100):
        run(seed, 10_000)


def refusal(found):
    (event,) = (one for one in found if isinstance(one, CommandRefused))
    return event.reason


def test_a_dividend_nobody_could_hold_is_paid_to_nobody():
    rig = Rig()
    found = rig.do(commands.PayDividend, 1, MONEY_MAX, 1)
    assert refusal(found) == Reason.PAYOUT_TOO_LARGE
    assert not any(isinstance(one, DividendPaid) for one in found)
    assert [one.cash for one in rig.engine.venue.portfolios.values()] == [10**9] * 4
    rig.check()
    # Nor one whose single amount is too large, though the venue could hold it.
    few = Rig(portfolios=1, cash=0)
    assert refusal(few.do(commands.PayDividend, 1, 10**14 + 1, 1)) == Reason.PAYOUT_TOO_LARGE
    few.do(commands.PayDividend, 1, 10**14, 1)
    assert few.portfolio(1).cash == MONEY_MAX
    paid = rig.do(commands.PayDividend, 1, 10**13, 1)
    assert [one.amount for one in paid if isinstance(one, DividendPaid)] == [10**17] * 4
    rig.check()


def test_a_split_that_makes_too_many_units_cancels_nothing():
    rig = Rig(portfolios=1, units=0)
    rig.do(commands.DepositUnits, 1, 1, 10**14, 0)
    order = rig.sell(1, 5, 100)
    assert refusal(rig.do(commands.SplitInstrument, 1, 10_000, 1)) == Reason.PAYOUT_TOO_LARGE
    assert rig.live(order) is not None
    rig.do(commands.SplitInstrument, 1, 9_999, 1)
    assert rig.position(1).units == 10**14 * 9_999
    assert rig.live(order) is None
    rig.check()


def test_cash_units_and_their_cost_come_in_up_to_what_can_be_held():
    rig = Rig(portfolios=2, cash=0, units=0)
    rig.do(commands.Deposit, 1, MONEY_MAX)
    rig.do(commands.Deposit, 2, MONEY_MAX)
    assert refusal(rig.do(commands.Deposit, 2, MONEY_MAX)) == Reason.AMOUNT_TOO_LARGE
    rig.do(commands.Deposit, 1, CASH_TOTAL_MAX - 2 * MONEY_MAX)
    assert refusal(rig.do(commands.Deposit, 1, 1)) == Reason.AMOUNT_TOO_LARGE
    for _ in range(4):
        rig.do(commands.DepositUnits, 1, 1, 1, MONEY_MAX)
    found = rig.do(commands.DepositUnits, 1, 1, 1, MONEY_MAX)
    assert refusal(found) == Reason.AMOUNT_TOO_LARGE
    assert rig.position(1).cost == 4 * MONEY_MAX <= FIGURE_MAX
    rig.do(commands.DepositUnits, 2, 1, 1, MONEY_MAX)
    assert refusal(rig.do(commands.TransferUnits, 1, 2, 1, 4)) == Reason.AMOUNT_TOO_LARGE
    rig.do(commands.TransferUnits, 1, 2, 1, 3)
    rig.check()


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        (commands.OpenPortfolio, (10**40, 1)),
        (commands.OpenPortfolio, (9, 10**40)),
        (commands.SetKillSwitch, (10**40, True)),
        (commands.AdvanceDay, (10**40,)),
        (commands.Deposit, (1, 5, 10**40)),
        (commands.DepositUnits, (1, 1, 5, 5, -(10**40))),
        (commands.TransferCash, (1, 2, 5, 10**40)),
        (commands.TransferUnits, (1, 2, 1, 5, 10**40)),
        (commands.ReserveWithdrawal, (1, 5, 10**40)),
    ],
)
def test_what_can_be_no_id_and_no_day_is_refused(kind, arguments):
    rig = Rig()
    found = rig.do(kind, *arguments)
    assert [refusal(found)] == [Reason.FIGURE_TOO_LARGE]
    assert not misfits(found)
    rig.check()


def test_an_order_is_no_larger_than_its_fees_can_be_added_up():
    assert Instrument(1, "A", 100).quantity_max == 4 * 10**7
    assert Instrument(1, "A", 100, money_divisor=100).quantity_max == 4 * 10**9
    assert Instrument(1, "A", 100, money_divisor=10**8).quantity_max == ORDER_UNITS_MAX
    rig = Rig(units=10**8)
    assert rig.refusal(1, SELL, 4 * 10**7 + 1, 100) == Reason.QUANTITY_TOO_LARGE
    order = rig.sell(1, 4 * 10**7, 100)
    found = rig.do(commands.ReplaceOrder, order, 1, 4 * 10**7 + 1)
    assert refusal(found) == Reason.QUANTITY_TOO_LARGE
    fees = 4 * 10**7 * PRICE_TICKS_MAX * FEE_RATE_MAX // 10**6
    assert fees <= FIGURE_MAX


def test_a_position_has_a_largest_size_on_either_side():
    rig = Rig(units=0, is_shortable=True, money_divisor=10**8)
    rig.do(commands.SetLimits, 0, Limits(may_short=1, short_margin_bps=0))
    venue = rig.engine.venue
    rig.sell(1, 10**12, 1, is_short=True)
    venue.portfolios[1].positions[1].opening_short += POSITION_UNITS_MAX - 2 * 10**12
    assert rig.refusal(1, SELL, 10**12 + 1, 1, is_short=True) == Reason.QUANTITY_TOO_LARGE
    last = rig.sell(1, 10**12 - 1, 1, is_short=True)
    assert rig.refusal(1, SELL, 2, 1, is_short=True) == Reason.POSITION_LIMIT
    found = rig.do(commands.ReplaceOrder, last, 1, 10**12, 2)
    assert not any(isinstance(one, CommandRefused) for one in found)
    assert rig.refusal(1, SELL, 1, 1, is_short=True) == Reason.POSITION_LIMIT


def test_lifetime_totals_are_told_at_most_as_large_as_they_can_be_stored():
    """The same money goes round between two portfolios until fees and profit are past 2^62."""
    rig = Rig(
        portfolios=2,
        cash=10**18,
        units=0,
        reference_ticks=PRICE_TICKS_MAX,
        money_multiplier=10**6,
        maker_fee_rate=-FEE_RATE_MAX,
        taker_fee_rate=FEE_RATE_MAX,
    )
    price = PRICE_TICKS_MAX // 2
    for _ in range(60):
        rig.do(commands.DepositUnits, 1, 1, 1, 0)
        rig.buy(2, 1, price)
        rig.sell(1, 1, price)
        back = rig.portfolio(1).cash - 10**18
        rig.do(commands.TransferCash, 1, 2, back)
        rig.do(commands.TransferUnits, 2, 0, 1, 1)
    one, two = rig.portfolio(1), rig.portfolio(2)
    assert one.fees > FIGURE_MAX or one.realised > FIGURE_MAX
    assert not misfits(rig.events)
    told = [event for event in rig.events if isinstance(event, BalanceChanged)]
    assert max(event.realised for event in told) == min(FIGURE_MAX, one.realised)
    assert min(event.fees for event in told) >= -FIGURE_MAX
    positions = [event for event in rig.events if isinstance(event, PositionChanged)]
    assert max(event.realised_fifo for event in positions) == FIGURE_MAX
    assert two.cash + one.cash + rig.engine.venue.cash == rig.engine.venue.external_cash
    check_venue(rig.engine.venue)


@pytest.mark.parametrize(
    "wrong",
    [
        {"money_multiplier": 10**6 + 1},
        {"money_multiplier": MONEY_MAX},
        {"taker_fee_rate": FEE_RATE_MAX + 1},
        {"maker_fee_rate": FEE_RATE_MAX + 1},
        {"instrument_id": FIGURE_MAX + 1},
        {"tick_table": ((0, 1), (PRICE_TICKS_MAX + 1, 5))},
        {"tick_table": tuple((start, 1) for start in range(101))},
    ],
)
def test_an_instrument_whose_money_could_overflow_cannot_be_listed(wrong):
    fields = {"instrument_id": 1, "symbol": "A", "reference_ticks": 5} | wrong
    assert not Instrument(**fields).is_valid()
    at_most = {"money_multiplier": 10**6, "taker_fee_rate": FEE_RATE_MAX}
    assert Instrument(1, "A", 5, **at_most).is_valid()
