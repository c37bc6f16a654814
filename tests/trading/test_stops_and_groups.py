"""Stops wait for trades; trailing ones follow; the orders of a group live and die together."""

import pytest

from tests.trading.venue_rig import BUY, DAY, GTC, SELL, Rig
from trading import commands
from trading.events import (
    ActivationRefused,
    OrderActivated,
    OrderCancelled,
    OrderRejected,
    OrderTriggered,
    StopMoved,
)
from trading.orders import (
    BRACKET,
    FILLED,
    GTD,
    HELD,
    LIMIT,
    MARKET,
    OCO,
    OTO,
    STOP,
    STOP_LIMIT,
    TRAILING_STOP,
)
from trading.reasons import Reason
from trading.terms import NewOrder


def trade(rig, price, quantity=1):
    """A trade at this price between portfolios 3 and 4."""
    rig.sell(3, quantity, price)
    rig.buy(4, quantity, price)


def kinds(events, kind):
    return [event for event in events if isinstance(event, kind)]


def terms(side, quantity, price=0, kind=LIMIT, portfolio=1, tif=GTC, **fields):
    return NewOrder(portfolio, 1, side, kind, tif, quantity, price_ticks=price, **fields)


def group(rig, kind, *orders):
    found = rig.do(commands.PlaceGroup, kind, orders)
    return [e.order_id for e in found if type(e).__name__ == "OrderAccepted"], found


def test_a_stop_waits_for_its_price_and_then_takes_the_market():
    rig = Rig()
    rig.buy(2, 50, 95)
    stop = rig.sell(1, 10, kind=STOP, stop_ticks=98)
    trade(rig, 99)
    assert rig.live(stop).state == 2
    trade(rig, 98)
    assert rig.fills()[-1][1:] == (stop, 95, 10)
    rig.check()


def test_a_stop_limit_rests_at_its_limit():
    rig = Rig()
    stop = rig.buy(1, 10, 103, kind=STOP_LIMIT, stop_ticks=102)
    trade(rig, 102)
    assert rig.depth()[0] == [(103, 10)]
    assert kinds(rig.events, OrderTriggered)[0].order_id == stop


def test_stops_set_each_other_off_in_the_order_of_their_prices():
    rig = Rig()
    for price in (97, 96, 95):
        rig.buy(2, 1, price)
    low = rig.sell(1, 1, kind=STOP, stop_ticks=96)
    high = rig.sell(1, 1, kind=STOP, stop_ticks=98)
    trade(rig, 98)
    assert [event.order_id for event in kinds(rig.events, OrderTriggered)] == [high]
    rig.sell(3, 1, 96)
    assert [event.order_id for event in kinds(rig.events, OrderTriggered)] == [high, low]
    rig.check()


@pytest.mark.parametrize(("field", "value"), [("trail_ticks", 5), ("trail_bps", 500)])
def test_a_trailing_stop_follows_one_way_only(field, value):
    rig = Rig()
    stop = rig.sell(1, 10, kind=TRAILING_STOP, **{field: value})
    assert rig.live(stop).stop_ticks == 95
    trade(rig, 110)
    assert kinds(rig.events, StopMoved)[-1].extreme_ticks == 110
    moved = rig.live(stop).stop_ticks
    assert moved == (105 if field == "trail_ticks" else 104)
    trade(rig, 106)
    assert rig.live(stop).stop_ticks == moved
    rig.buy(2, 10, 100)
    trade(rig, moved)
    assert rig.fills()[-1][1:] == (stop, 100, 10)
    rig.check()


def test_a_stop_that_is_reached_already_goes_at_once():
    rig = Rig()
    rig.buy(2, 10, 99)
    rig.sell(1, 10, kind=STOP, stop_ticks=100)
    assert rig.fills()


def test_a_replaced_stop_waits_for_its_new_price():
    rig = Rig()
    stop = rig.sell(1, 10, kind=STOP, stop_ticks=98)
    rig.do(commands.ReplaceOrder, stop, 1, 0, 0, 90)
    trade(rig, 95)
    assert not kinds(rig.events, OrderTriggered)
    rig.buy(2, 10, 89)
    trade(rig, 90)
    assert rig.fills()[-1][1:] == (stop, 89, 10)


def test_of_an_oco_one_fill_shrinks_the_other_and_its_end_ends_it():
    rig = Rig()
    (profit, loss), _ = group(
        rig, OCO, terms(SELL, 10, 105), terms(SELL, 10, kind=STOP, stop_ticks=95)
    )
    assert rig.position(1).held == 10
    rig.buy(2, 4, 105)
    assert rig.live(loss).remaining == 6
    assert rig.position(1).held == 6
    rig.buy(2, 6, 105)
    assert rig.live(profit) is None
    assert rig.live(loss) is None
    assert rig.position(1).held == 0
    rig.check()


def test_a_triggered_oco_stop_takes_over_what_its_sibling_held():
    rig = Rig()
    (profit, loss), _ = group(
        rig, OCO, terms(SELL, 10, 105), terms(SELL, 10, 90, kind=STOP_LIMIT, stop_ticks=95)
    )
    trade(rig, 95)
    assert rig.live(profit) is None
    assert rig.live(loss).reserved_units == 10
    assert rig.depth()[1] == [(90, 10)]
    rig.check()


def test_a_buy_oco_reserves_the_dearer_leg_once():
    rig = Rig()
    group(rig, OCO, terms(BUY, 10, 90), terms(BUY, 10, 110, kind=STOP_LIMIT, stop_ticks=108))
    assert rig.portfolio(1).held_cash == 1100
    rig.sell(2, 4, 90)
    assert rig.portfolio(1).held_cash == 660
    rig.check()


def test_a_bracket_lets_its_exits_go_with_what_the_parent_filled():
    rig = Rig(units=0)
    rig.do(commands.DepositUnits, 2, 1, 100, 0)
    ids, _ = group(
        rig,
        BRACKET,
        terms(BUY, 10, 100),
        terms(SELL, 10, 110),
        terms(SELL, 10, kind=STOP, stop_ticks=95),
    )
    assert [rig.live(number).state for number in ids[1:]] == [HELD, HELD]
    rig.sell(2, 4, 100)
    assert rig.depth()[1] == []
    found = rig.do(commands.CancelOrder, ids[0], 1)
    assert [event.quantity_units for event in kinds(found, OrderActivated)] == [4, 4]
    assert rig.depth()[1] == [(110, 4)]
    rig.check()
    rig.buy(2, 4, 110)
    assert rig.live(ids[2]) is None
    rig.check()


def test_children_of_a_parent_that_never_filled_end_with_it():
    rig = Rig()
    ids, _ = group(rig, OTO, terms(BUY, 10, 90), terms(SELL, 10, 110))
    found = rig.do(commands.CancelOrder, ids[0], 1)
    reasons = [event.reason for event in kinds(found, OrderCancelled)]
    assert reasons == [Reason.BY_TRADER, Reason.PARENT_ENDED]
    assert not rig.engine.venue.orders


def test_a_child_whose_units_are_gone_is_rejected_not_lost():
    rig = Rig(units=0)
    rig.do(commands.DepositUnits, 2, 1, 100, 0)
    group(rig, OTO, terms(BUY, 10, 100), terms(SELL, 10, 110))
    rig.sell(2, 5, 100)
    rig.sell(1, 5, 120)
    found = rig.sell(2, 5, 100) and rig.events
    refused = kinds(found, ActivationRefused)
    assert [event.reason for event in refused] == [Reason.INSUFFICIENT_UNITS]
    rig.check()


@pytest.mark.parametrize(
    ("kind", "orders"),
    [
        (OCO, (terms(SELL, 10, 105),)),
        (OCO, (terms(SELL, 10, 105), terms(SELL, 9, kind=STOP, stop_ticks=95))),
        (OCO, (terms(SELL, 10, 105), terms(SELL, 10, 106))),
        (OCO, (terms(SELL, 10, 95), terms(SELL, 10, kind=STOP, stop_ticks=105))),
        (BRACKET, (terms(BUY, 10, 100), terms(BUY, 10, 95), terms(BUY, 10, kind=STOP))),
        (7, (terms(BUY, 10, 100), terms(SELL, 10, 105))),
        (OTO, ()),
    ],
)
def test_a_group_that_makes_no_sense_is_refused_whole(kind, orders):
    rig = Rig()
    _, found = group(rig, kind, *orders)
    assert kinds(found, OrderRejected)[0].reason == Reason.GROUP_INVALID
    assert not rig.engine.venue.orders


def test_orders_good_till_a_date_end_with_the_first_command_after_it():
    rig = Rig()
    order = rig.buy(1, 5, 99, tif=GTD, expires_at_ns=rig.at_ns + 10)
    rig.at_ns += 9
    rig.do(commands.AdvanceTime)
    assert rig.live(order) is not None
    rig.at_ns += 1
    rig.sell(2, 5, 99)
    assert not rig.fills()
    assert rig.events[-1].sequence == len(rig.journal)
    assert rig.live(order) is None


def test_a_market_order_never_trades_beyond_its_protection():
    rig = Rig(protection_bps=500)
    rig.sell(2, 5, 104)
    rig.sell(2, 5, 106)
    order = rig.buy(1, 10, kind=MARKET, tif=DAY)
    assert rig.fills() == [(rig.fills()[0][0], order, 104, 5)]
    assert rig.live(order) is None
    assert rig.portfolio(1).held_cash == 0
    assert FILLED not in [one.state for one in rig.engine.venue.orders.values()]
