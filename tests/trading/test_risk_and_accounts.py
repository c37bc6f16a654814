"""Every refusal has its reason; money and units come, go, settle and split exactly."""

import pytest

from tests.trading.venue_rig import BUY, DAY, SELL, Rig
from trading import commands
from trading.events import DividendPaid
from trading.orders import ALLOW, FOK, GTD, IOC, MARKET, STOP, TRAILING_STOP
from trading.reasons import Reason
from trading.terms import Limits

NONSENSE = [
    ({"side": 3}, Reason.UNKNOWN_SIDE),
    ({"kind": 6}, Reason.UNKNOWN_ORDER_TYPE),
    ({"kind": 0}, Reason.UNKNOWN_ORDER_TYPE),
    ({"tif": 8}, Reason.UNKNOWN_TIME_IN_FORCE),
    ({"self_trade": 0}, Reason.UNKNOWN_SELF_TRADE_MODE),
    ({"quantity": 0}, Reason.QUANTITY_NOT_POSITIVE),
    ({"quantity": -5}, Reason.QUANTITY_NOT_POSITIVE),
    ({"quantity": 10**40}, Reason.QUANTITY_TOO_LARGE),
    ({"quantity": 15}, Reason.QUANTITY_NOT_A_LOT),
    ({"price": 0}, Reason.PRICE_MISSING),
    ({"price": -1}, Reason.PRICE_MISSING),
    ({"price": 10**40}, Reason.PRICE_TOO_LARGE),
    ({"price": 102}, Reason.PRICE_OFF_TICK),
    ({"kind": MARKET}, Reason.PRICE_NOT_ALLOWED),
    ({"kind": STOP, "price": 0}, Reason.STOP_PRICE_MISSING),
    ({"stop_ticks": 5}, Reason.STOP_PRICE_NOT_ALLOWED),
    ({"kind": STOP, "price": 0, "stop_ticks": 10**40}, Reason.PRICE_TOO_LARGE),
    ({"kind": TRAILING_STOP, "price": 0}, Reason.TRAIL_INVALID),
    (
        {"kind": TRAILING_STOP, "price": 0, "trail_ticks": 5, "trail_bps": 5},
        Reason.TRAIL_INVALID,
    ),
    ({"trail_ticks": 5}, Reason.TRAIL_INVALID),
    ({"tif": GTD}, Reason.EXPIRY_INVALID),
    ({"expires_at_ns": 10**20}, Reason.EXPIRY_INVALID),
    ({"display_units": 5}, Reason.DISPLAY_INVALID),
    ({"display_units": 1000}, Reason.DISPLAY_INVALID),
    ({"display_units": 10, "tif": FOK}, Reason.DISPLAY_INVALID),
    ({"kind": STOP, "price": 0, "stop_ticks": 105, "tif": IOC}, Reason.COMBINATION_NOT_ALLOWED),
    ({"is_post_only": True, "tif": IOC}, Reason.COMBINATION_NOT_ALLOWED),
    ({"is_short": True}, Reason.COMBINATION_NOT_ALLOWED),
    ({"portfolio": 99}, Reason.UNKNOWN_PORTFOLIO),
    ({"instrument": 99}, Reason.UNKNOWN_INSTRUMENT),
]


@pytest.mark.parametrize(("wrong", "reason"), NONSENSE)
def test_an_order_that_makes_no_sense_is_refused_with_its_reason(wrong, reason):
    rig = Rig(lot_units=10, tick_table=((0, 1), (100, 5)))
    fields = {"portfolio": 1, "side": BUY, "quantity": 20, "price": 100} | wrong
    assert rig.refusal(**fields) == reason
    assert not rig.engine.venue.orders
    rig.check()


@pytest.mark.parametrize(
    ("limits", "order", "reason"),
    [
        (Limits(max_order_units=9), (BUY, 10, 100), Reason.ORDER_UNITS_LIMIT),
        (Limits(max_order_notional=999), (BUY, 10, 100), Reason.ORDER_NOTIONAL_LIMIT),
        (Limits(max_position_units=10_009), (BUY, 10, 100), Reason.POSITION_LIMIT),
        (Limits(collar_bps=500), (BUY, 10, 106), Reason.PRICE_COLLAR),
        (Limits(collar_bps=500), (SELL, 10, 94), Reason.PRICE_COLLAR),
        (Limits(), (SELL, 10_001, 100), Reason.INSUFFICIENT_UNITS),
        (Limits(), (BUY, 10**7, 101), Reason.INSUFFICIENT_FUNDS),
    ],
)
def test_each_limit_refuses_with_a_reason_of_its_own(limits, order, reason):
    rig = Rig()
    rig.do(commands.SetLimits, 1, limits)
    assert rig.refusal(1, *order) == reason
    rig.do(commands.SetLimits, 1, Limits())
    if reason not in (Reason.INSUFFICIENT_UNITS, Reason.INSUFFICIENT_FUNDS):
        rig.order(1, *order)


def test_too_many_messages_are_refused_until_the_next_window():
    rig = Rig()
    rig.do(commands.SetLimits, 1, Limits(max_messages=2))
    rig.buy(1, 1, 99)
    rig.buy(1, 1, 99)
    assert rig.refusal(1, BUY, 1, 99) == Reason.MESSAGE_RATE
    rig.buy(2, 1, 99)
    rig.at_ns += 1_000_000_000
    rig.buy(1, 1, 99)


def test_the_same_order_again_within_the_time_is_taken_for_a_mistake():
    rig = Rig()
    rig.do(commands.SetLimits, 1, Limits(duplicate_ns=100))
    rig.buy(1, 1, 99)
    assert rig.refusal(1, BUY, 1, 99) == Reason.DUPLICATE_ORDER
    rig.buy(1, 2, 99)
    rig.at_ns += 100
    rig.buy(1, 1, 99)


def test_open_orders_are_limited():
    rig = Rig()
    rig.do(commands.SetLimits, 0, Limits(max_open_orders=1))
    rig.buy(1, 1, 99)
    assert rig.refusal(1, BUY, 1, 98) == Reason.OPEN_ORDERS_LIMIT


def test_a_used_up_daily_loss_leaves_only_the_way_out():
    rig = Rig()
    rig.do(commands.AdvanceDay, 1)
    rig.do(commands.SetLimits, 1, Limits(max_daily_loss=50_000))
    rig.sell(3, 1, 95)
    rig.buy(4, 1, 95)
    assert rig.refusal(1, BUY, 1, 90) == Reason.DAILY_LOSS_LIMIT
    rig.sell(1, 1, 96)
    rig.do(commands.AdvanceDay, 2)
    rig.buy(1, 1, 90)


def test_post_only_refuses_to_take():
    rig = Rig()
    rig.sell(2, 5, 101)
    assert rig.refusal(1, BUY, 1, 101, is_post_only=True) == Reason.POST_ONLY_WOULD_TAKE
    rest = rig.buy(1, 1, 100, is_post_only=True)
    refused = rig.do(commands.ReplaceOrder, rest, 1, 0, 101)[0]
    assert refused.reason == Reason.POST_ONLY_WOULD_TAKE
    assert rig.live(rest).price == 100


def test_short_sales_need_permission_flag_and_margin():
    rig = Rig(units=0, is_shortable=True)
    rig.do(commands.DepositUnits, 2, 1, 100, 0)
    assert rig.refusal(1, SELL, 10, 100) == Reason.INSUFFICIENT_UNITS
    assert rig.refusal(1, SELL, 10, 100, is_short=True) == Reason.SHORT_NOT_ALLOWED
    rig.do(commands.SetLimits, 1, Limits(may_short=1, short_margin_bps=5_000))
    assert rig.refusal(1, SELL, 10, 100) == Reason.SHORT_NOT_FLAGGED
    before = rig.portfolio(1).available()
    rig.sell(1, 10, 100, is_short=True)
    assert before - rig.portfolio(1).available() == 500
    rig.buy(3, 10, 100)
    assert rig.position(1).units == -10
    assert before - rig.portfolio(1).available() == 500
    rig.check()
    assert rig.refusal(1, BUY, 11, 90) == Reason.CROSSES_ZERO
    assert rig.refusal(1, BUY, 11, 90, is_reduce_only=True) == Reason.REDUCE_ONLY
    rig.sell(2, 10, 90)
    rig.buy(1, 10, 90, is_reduce_only=True)
    assert rig.position(1).units == 0
    assert rig.position(1).realised == 100
    assert rig.portfolio(1).held_cash == 0
    rig.check()


def test_reduce_only_never_opens():
    rig = Rig()
    assert rig.refusal(1, BUY, 1, 100, is_reduce_only=True) == Reason.REDUCE_ONLY
    rig.sell(1, 10_000, 110, is_reduce_only=True)
    assert rig.refusal(1, SELL, 1, 110, is_reduce_only=True) == Reason.REDUCE_ONLY


def test_profit_by_average_cost_and_by_lots_differ_and_both_come_out_even():
    rig = Rig(units=0)
    rig.do(commands.DepositUnits, 1, 1, 10, 1000)
    rig.do(commands.DepositUnits, 1, 1, 10, 2000)
    rig.sell(1, 10, 180)
    rig.buy(2, 10, 180)
    position = rig.position(1)
    assert (position.realised, position.realised_fifo) == (300, 800)
    rig.sell(1, 10, 180)
    rig.buy(2, 10, 180)
    assert position.realised == position.realised_fifo == 600
    assert position.cost == 0
    rig.check()


def test_fees_go_to_the_venue_and_rebates_come_from_it():
    rig = Rig(maker_fee_rate=-1_000, taker_fee_rate=3_000)
    rig.sell(1, 10, 99)
    rig.buy(2, 10, 99)
    assert rig.portfolio(1).fees == 0  # 0.99 rounded toward zero
    assert rig.portfolio(2).fees == 2
    assert rig.engine.venue.cash == 2
    rig.check()


def test_what_was_sold_yesterday_may_be_spent_today_but_withdrawn_tomorrow():
    rig = Rig(cash=0, settle_days=1)
    rig.do(commands.Deposit, 2, 1000)
    rig.sell(1, 10, 100)
    rig.buy(2, 10, 100)
    assert rig.portfolio(1).available() == 1000
    refused = rig.do(commands.ReserveWithdrawal, 1, 1000, 7)[0]
    assert refused.reason == Reason.UNSETTLED_FUNDS
    assert rig.do(commands.TransferUnits, 2, 1, 1, 10_010)[0].reason == Reason.INSUFFICIENT_UNITS
    rig.do(commands.AdvanceDay, 1)
    rig.do(commands.ReserveWithdrawal, 1, 1000, 7)
    assert rig.portfolio(1).available() == 0
    assert rig.do(commands.ReserveWithdrawal, 1, 1, 7)[0].reason == Reason.TRANSFER_EXISTS
    rig.do(commands.EndWithdrawal, 7, True)
    assert rig.portfolio(1).cash == 0
    assert rig.do(commands.EndWithdrawal, 7, True)[0].reason == Reason.UNKNOWN_TRANSFER
    rig.check()


def test_transfers_move_cash_and_units_with_their_cost():
    rig = Rig(portfolios=2)
    rig.do(commands.TransferCash, 1, 2, 10)
    rig.do(commands.TransferUnits, 1, 2, 1, 100)
    assert rig.position(2).cost == 1_010_000
    rig.do(commands.TransferUnits, 2, 0, 1, 100)
    assert rig.position(2).units == 10_000
    assert rig.do(commands.TransferCash, 1, 1, 10)[0].reason == Reason.UNKNOWN_PORTFOLIO
    rig.check()


@pytest.mark.parametrize(
    ("numerator", "denominator", "units", "paid"), [(3, 1, 30_003, 0), (1, 10, 1_000, 100)]
)
def test_a_split_keeps_the_cost_and_pays_fractions_out(numerator, denominator, units, paid):
    rig = Rig(units=10_001)
    rig.buy(2, 1, 99)
    cash = rig.portfolio(1).cash
    rig.do(commands.SplitInstrument, 1, numerator, denominator)
    assert not rig.engine.venue.orders
    assert rig.position(1).units == units
    assert rig.portfolio(1).cash - cash == paid
    assert rig.position(1).cost + paid == 1_000_100
    rig.check()


def test_a_fraction_paid_out_at_a_split_is_no_loss_of_the_day():
    rig = Rig(units=10_001)
    rig.do(commands.AdvanceDay, 7)
    rig.do(commands.SplitInstrument, 1, 1, 2)
    one = rig.portfolio(1)
    assert one.moved_today == 0
    assert abs(one.equity() - one.day_start_equity) <= 50  # half a unit: prices are whole ticks
    rig.check()


def test_dividends_are_paid_on_every_unit_held():
    rig = Rig(units=10)
    found = rig.do(commands.PayDividend, 1, 5, 2)
    paid = [event.amount for event in found if isinstance(event, DividendPaid)]
    assert paid == [25] * 4
    rig.check()


def test_a_market_order_reserves_and_frees_exactly():
    rig = Rig(cash=1_100, units=0)
    rig.do(commands.DepositUnits, 2, 1, 10, 0)
    rig.sell(2, 10, 100)
    rig.buy(1, 10, kind=MARKET, tif=DAY, self_trade=ALLOW)
    assert rig.portfolio(1).cash == 100
    assert rig.portfolio(1).held_cash == 0
