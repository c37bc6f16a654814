"""How long a resting order lasts can be changed; it keeps its place, and ends when it says now."""

import pytest

from tests.trading.venue_rig import BUY, DAY, GTC, SECOND_NS, SELL, Rig
from trading import commands
from trading.engine import Engine
from trading.events import (
    CommandRefused,
    OrderAccepted,
    OrderCancelled,
    OrderExpired,
    OrderReplaced,
)
from trading.instruments import (
    CLOSED,
    CLOSING_CALL,
    CONTINUOUS,
    HALTED,
    OPENING_CALL,
    VOLATILITY_CALL,
)
from trading.orders import (
    BRACKET,
    CLS,
    DECREMENT,
    FOK,
    GTD,
    IOC,
    LIMIT,
    MARKET,
    OCO,
    OPG,
    OTO,
    STOP,
    STOP_LIMIT,
    TRAILING_STOP,
)
from trading.reasons import Reason
from trading.terms import Limits, NewOrder

STOPS = {
    STOP: {"stop_ticks": 105},
    STOP_LIMIT: {"price_ticks": 106, "stop_ticks": 105},
    TRAILING_STOP: {"trail_ticks": 5},
}


def lasts(rig, order, time_in_force, until=0, owner=1, **more):
    return rig.do(
        commands.ReplaceOrder,
        order,
        owner,
        time_in_force=time_in_force,
        expires_at_ns=until,
        **more,
    )


def change(rig, *arguments, **more):
    """A change that is made; gives the event."""
    found = lasts(rig, *arguments, **more)
    assert isinstance(found[0], OrderReplaced), found
    return found[0]


def refusal(rig, order, *arguments, **more):
    """A change that is refused and changes nothing; gives the reason."""
    before = rig.live(order).terms
    (found,) = lasts(rig, order, *arguments, **more)
    assert isinstance(found, CommandRefused)
    assert rig.live(order).terms is before
    return found.reason


def phase(rig, number):
    return rig.do(commands.SetPhase, 1, number)


def at(rig, at_ns):
    rig.at_ns = at_ns
    return rig.do(commands.AdvanceTime)


def ids(found, kind):
    return [event.order_id for event in found if isinstance(event, kind)]


def test_what_becomes_a_day_order_ends_with_the_day_and_what_becomes_gtc_does_not():
    rig = Rig()
    ends, stays = rig.buy(1, 5, 99, tif=GTC), rig.buy(1, 5, 98, tif=DAY)
    change(rig, ends, DAY)
    change(rig, stays, GTC)
    assert ids(phase(rig, CLOSED), OrderExpired) == [ends]
    phase(rig, CONTINUOUS)
    assert ids(phase(rig, CLOSED), OrderExpired) == []
    assert rig.live(stays) is not None
    change(rig, stays, DAY)
    phase(rig, CONTINUOUS)
    assert ids(phase(rig, CLOSED), OrderExpired) == [stays]
    rig.check()


def test_a_gtd_order_ends_at_the_time_it_says_now_and_at_no_other():
    rig = Rig()
    soon, late = 10 * SECOND_NS, 20 * SECOND_NS
    later = rig.buy(1, 5, 99, tif=GTD, expires_at_ns=soon)
    sooner = rig.buy(1, 5, 98, tif=GTD, expires_at_ns=late)
    always = rig.buy(1, 5, 97, tif=GTD, expires_at_ns=soon)
    new = rig.buy(1, 5, 96, tif=DAY)
    change(rig, later, GTD, late)
    change(rig, sooner, GTD, soon)
    change(rig, always, GTC)
    change(rig, new, GTD, soon)
    assert ids(at(rig, soon), OrderExpired) == [sooner, new]
    assert ids(at(rig, late), OrderExpired) == [later]
    assert rig.live(always) is not None
    rig.check()


def test_a_time_that_was_left_and_taken_again_ends_the_order_once():
    rig = Rig()
    order = rig.buy(1, 5, 99, tif=GTD, expires_at_ns=10 * SECOND_NS)
    change(rig, order, GTC)
    change(rig, order, GTD, 20 * SECOND_NS)
    change(rig, order, GTD, 10 * SECOND_NS)
    assert ids(at(rig, 10 * SECOND_NS), OrderExpired) == [order]
    assert at(rig, 20 * SECOND_NS) == []


def test_times_that_orders_left_do_not_pile_up():
    rig = Rig()
    order = rig.buy(1, 5, 99)
    for number in range(5_000):
        change(rig, order, GTD, (100 + number % 2) * SECOND_NS)
    assert len(rig.engine.venue.expiries) < 3_000
    assert ids(at(rig, 101 * SECOND_NS), OrderExpired) == [order]


@pytest.mark.parametrize("side", [BUY, SELL])
@pytest.mark.parametrize("old", [DAY, GTC])
def test_the_order_keeps_its_place_in_the_queue(side, old):
    rig = Rig()
    price = 99 if side == BUY else 101
    first, second = (rig.order(number, side, 5, price, tif=old) for number in (1, 2))
    done = change(rig, first, DAY if old == GTC else GTC)
    assert (done.has_kept_priority, done.visible_units) == (True, 5)
    # Less of it at the same time keeps the place too, as without.
    assert change(rig, first, old, quantity_units=4).has_kept_priority
    rig.order(3, 3 - side, 6, price)
    assert [fill[0] for fill in rig.fills()] == [first, second]
    # A new price does not, whatever else changes.
    third = rig.order(1, side, 5, price, tif=old)
    other = DAY if old == GTC else GTC
    assert not change(rig, third, other, price_ticks=price - 1).has_kept_priority
    rig.check()


def test_what_was_filled_and_what_is_hidden_stay():
    rig = Rig()
    order = rig.buy(1, 10, 99, display_units=3)
    rig.sell(2, 4, 99)
    held = rig.portfolio(1).held_cash
    done = change(rig, order, DAY)
    assert (done.quantity_units, done.remaining_units, done.visible_units) == (10, 6, 2)
    assert rig.depth()[0] == [(99, 2)]
    assert rig.portfolio(1).held_cash == held
    rig.check()


@pytest.mark.parametrize("kind", STOPS)
def test_a_stop_that_waits_can_last_longer_and_is_still_elected(kind):
    rig = Rig()
    price = STOPS[kind].get("price_ticks", 0)
    rest = {name: value for name, value in STOPS[kind].items() if name != "price_ticks"}
    order = rig.buy(1, 5, price, kind=kind, tif=DAY, **rest)
    change(rig, order, GTC)
    phase(rig, CLOSED)
    assert rig.live(order) is not None
    phase(rig, CONTINUOUS)
    rig.check()
    rig.sell(2, 5, 106)
    rig.sell(2, 5, 105)
    rig.buy(3, 5, 105)
    assert [fill[1] for fill in rig.fills()][-1] == order
    rig.check()


@pytest.mark.parametrize("call", [OPENING_CALL, VOLATILITY_CALL, CLOSING_CALL])
def test_it_can_be_changed_while_orders_are_collected(call):
    rig = Rig(phase=CLOSED if call == OPENING_CALL else CONTINUOUS)
    phase(rig, call)
    first, second = rig.buy(1, 5, 99, tif=DAY), rig.buy(2, 5, 99, tif=GTC)
    assert change(rig, first, GTC).has_kept_priority
    assert change(rig, second, DAY, owner=2).has_kept_priority
    if call != CLOSING_CALL:
        phase(rig, CONTINUOUS)
    assert ids(phase(rig, CLOSED), OrderExpired) == [second]
    rig.check()


@pytest.mark.parametrize("wanted", [IOC, FOK, OPG, CLS])
@pytest.mark.parametrize("kind", [LIMIT, *STOPS])
def test_a_resting_order_becomes_none_that_is_for_a_moment_only(kind, wanted):
    rig = Rig()
    fields = {"price_ticks": 99, "display_units": 2} if kind == LIMIT else STOPS[kind]
    terms = NewOrder(1, 1, BUY, kind, GTC, 5, **fields)
    (order,) = ids(rig.do(commands.PlaceOrder, terms), OrderAccepted)
    assert refusal(rig, order, wanted) == Reason.TIME_IN_FORCE_FIXED
    assert refusal(rig, order, wanted, quantity_units=4) == Reason.TIME_IN_FORCE_FIXED
    rig.check()


@pytest.mark.parametrize("wanted", [DAY, GTC])
def test_an_order_for_an_auction_stays_one(wanted):
    rig = Rig(phase=CLOSED)
    opening, closing = rig.buy(1, 5, 99, tif=OPG), rig.buy(1, 5, 98, tif=CLS)
    market = rig.buy(1, 5, kind=MARKET, tif=CLS)
    for order in (opening, closing, market):
        assert refusal(rig, order, wanted) == Reason.TIME_IN_FORCE_FIXED
    assert refusal(rig, opening, CLS) == Reason.TIME_IN_FORCE_FIXED
    # To say again what it is changes nothing, so other things may change with it.
    assert change(rig, opening, OPG, quantity_units=4).quantity_units == 4
    assert change(rig, closing, CLS, price_ticks=97).price_ticks == 97
    rig.check()


def test_senseless_changes_are_refused_by_name():
    rig = Rig(reference_ticks=100)
    order = rig.buy(1, 5, 99, tif=GTC)
    assert refusal(rig, order, GTC) == Reason.NOTHING_TO_REPLACE
    assert refusal(rig, order, 99) == Reason.UNKNOWN_TIME_IN_FORCE
    assert refusal(rig, order, -1) == Reason.UNKNOWN_TIME_IN_FORCE
    assert refusal(rig, order, GTD) == Reason.EXPIRY_INVALID
    assert refusal(rig, order, GTD, rig.at_ns) == Reason.EXPIRY_INVALID
    assert refusal(rig, order, GTD, 1 << 63) == Reason.EXPIRY_INVALID
    assert refusal(rig, order, DAY, 10 * SECOND_NS) == Reason.EXPIRY_INVALID
    # A time without its kind would be forgotten by whoever reads the command alone.
    assert refusal(rig, order, 0, 10 * SECOND_NS) == Reason.EXPIRY_INVALID
    change(rig, order, GTD, 10 * SECOND_NS)
    assert refusal(rig, order, GTD, 10 * SECOND_NS) == Reason.NOTHING_TO_REPLACE
    assert refusal(rig, order, 0, 20 * SECOND_NS) == Reason.EXPIRY_INVALID
    phase(rig, VOLATILITY_CALL)
    market = rig.buy(1, 5, kind=MARKET, tif=DAY)
    assert refusal(rig, market, GTD, 10 * SECOND_NS) == Reason.COMBINATION_NOT_ALLOWED
    rig.check()


def leg(side, kind, quantity=5, tif=DAY, **prices):
    return NewOrder(1, 1, side, kind, tif, quantity, **prices)


def group(rig, kind, *orders):
    return ids(rig.do(commands.PlaceGroup, kind, orders), OrderAccepted)


def test_orders_of_a_group_last_equally_long():
    """A parent that outlived its children would leave a position without its stop."""
    rig = Rig()
    exits = (leg(SELL, LIMIT, price_ticks=110), leg(SELL, STOP, stop_ticks=90))
    bracket = group(rig, BRACKET, leg(BUY, LIMIT, price_ticks=95), *exits)
    oco = group(rig, OCO, *exits)
    for order in bracket + oco:
        assert refusal(rig, order, GTC) == Reason.GROUP_FIXED
        assert refusal(rig, order, GTD, 10 * SECOND_NS) == Reason.GROUP_FIXED
    assert refusal(rig, oco[0], IOC) == Reason.TIME_IN_FORCE_FIXED
    rig.sell(2, 5, 95)
    for order in bracket[1:]:
        assert refusal(rig, order, GTC) == Reason.GROUP_FIXED
    rig.check()


def test_who_is_left_alone_of_a_group_may_last_longer():
    rig = Rig()
    _, child = group(
        rig, OTO, leg(BUY, LIMIT, price_ticks=95), leg(SELL, STOP, stop_ticks=90, tif=DAY)
    )
    assert refusal(rig, child, GTC) == Reason.GROUP_FIXED
    rig.sell(2, 5, 95)
    change(rig, child, GTC)
    phase(rig, CLOSED)
    assert rig.live(child) is not None
    assert ids(rig.do(commands.CancelOrder, child, 1), OrderCancelled) == [child]
    rig.check()


def test_a_snapshot_and_a_journal_know_how_long_an_order_lasts_now():
    rig = Rig()
    day, always = rig.buy(1, 5, 99), rig.buy(1, 5, 98, tif=GTD, expires_at_ns=10 * SECOND_NS)
    timed = rig.buy(1, 5, 97)
    change(rig, day, DAY)
    change(rig, always, GTC)
    change(rig, timed, GTD, 20 * SECOND_NS)
    replayed = Engine()
    for command in rig.journal:
        replayed.apply(commands.decode(commands.encode(command)))
    restored = Engine.restore(rig.engine.snapshot())
    assert replayed.state_hash() == restored.state_hash() == rig.engine.state_hash()
    late = commands.AdvanceTime(len(rig.journal) + 1, 20 * SECOND_NS)
    close = commands.SetPhase(len(rig.journal) + 2, 20 * SECOND_NS, 1, CLOSED)
    for engine in (replayed, restored, rig.engine):
        assert ids(engine.apply(late), OrderExpired) == [timed]
        assert ids(engine.apply(close), OrderExpired) == [day]
        assert list(engine.venue.orders) == [always]


def test_a_command_of_before_this_could_be_said_still_reads_and_leaves_it_alone():
    rig = Rig()
    order = rig.buy(1, 5, 99, tif=GTD, expires_at_ns=10 * SECOND_NS)
    number = len(rig.journal) + 1
    old = commands.decode((12, number, rig.at_ns, order, 1, 4, 0, 0, 0, 0, 0))
    assert (old.time_in_force, old.expires_at_ns) == (0, 0)
    rig.engine.apply(old)
    terms = rig.live(order).terms
    assert (terms.quantity_units, terms.time_in_force) == (4, GTD)
    assert terms.expires_at_ns == 10 * SECOND_NS


def test_what_was_allowed_once_is_not_asked_about_again():
    """Limits and what an order lost on the way are no reason against the time that it lasts."""
    rig = Rig()
    order = rig.buy(1, 10, 99, display_units=8, self_trade=DECREMENT)
    rig.sell(1, 4, 99, self_trade=DECREMENT)
    assert rig.live(order).quantity == 6
    rig.do(commands.SetLimits, 1, Limits(max_order_units=1, max_order_notional=1, collar_bps=1))
    held = rig.portfolio(1).held_cash
    assert change(rig, order, DAY).has_kept_priority
    assert rig.portfolio(1).held_cash == held
    assert refusal(rig, order, GTC, quantity_units=5) == Reason.DISPLAY_INVALID
    rig.check()


def test_a_killed_account_and_a_halt_change_nothing():
    rig = Rig()
    order = rig.buy(1, 5, 99)
    phase(rig, HALTED)
    assert refusal(rig, order, DAY) == Reason.HALTED
    assert refusal(rig, order, DAY, owner=2) == Reason.ORDER_NOT_YOURS
    rig.do(commands.SetKillSwitch, 1, True)
    (found,) = lasts(rig, order, DAY)
    assert found.reason == Reason.ORDER_IS_DONE
