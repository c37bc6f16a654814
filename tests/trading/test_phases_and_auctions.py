"""A market's day: calls, auctions at one price, halts, bands and the kill switch."""

import pytest

from tests.trading.venue_rig import BUY, DAY, SELL, Rig
from trading import commands
from trading.events import AuctionHeld, BandsChanged, PhaseChanged
from trading.instruments import (
    CLOSED,
    CLOSING_CALL,
    CONTINUOUS,
    HALTED,
    OPENING_CALL,
    PHASE_CHANGES,
    VOLATILITY_CALL,
)
from trading.orders import CLS, FOK, IOC, MARKET, OPG
from trading.reasons import Reason


def phase(rig, number):
    return rig.do(commands.SetPhase, 1, number)


def last(rig, kind):
    return next(event for event in reversed(rig.events) if isinstance(event, kind))


def test_a_market_order_takes_the_price_that_limit_orders_made():
    """A single market-on-close buy must not lift the close by its whole protection."""
    rig = Rig(reference_ticks=148_90)
    rig.sell(1, 5, 149_00)
    rig.buy(2, 10, kind=MARKET, tif=CLS)
    phase(rig, CLOSING_CALL)
    assert rig.live(2).price == 163_79
    phase(rig, CLOSED)
    held = last(rig, AuctionHeld)
    assert (held.price_ticks, held.volume_units, held.surplus_units) == (149_00, 5, 5)
    assert rig.engine.venue.markets[1].last_ticks == 149_00


def test_in_an_auction_the_older_of_two_equal_orders_trades_first():
    rig = Rig(phase=OPENING_CALL)
    first, second = rig.buy(1, 5, 100), rig.buy(2, 5, 100)
    seller = rig.sell(3, 5, 100)
    phase(rig, CONTINUOUS)
    assert rig.fills() == [(first, seller, 100, 5)]
    assert rig.live(second) is not None


def test_opening_orders_live_for_the_auction_only():
    rig = Rig(phase=CLOSED)
    order = rig.buy(1, 5, 100, tif=OPG)
    market = rig.buy(2, 5, kind=MARKET, tif=OPG)
    phase(rig, OPENING_CALL)
    rig.sell(3, 5, 100)
    phase(rig, CONTINUOUS)
    assert [fill[:2] for fill in rig.fills()] == [(market, rig.fills()[0][1])]
    assert rig.live(order) is None
    assert rig.refusal(1, BUY, 5, 100, tif=OPG) == Reason.NOT_IN_THIS_PHASE
    rig.check()


def test_closing_orders_wait_for_the_closing_call():
    rig = Rig()
    order = rig.buy(1, 5, 101, tif=CLS)
    seller = rig.sell(2, 5, 101)
    assert not rig.fills()
    phase(rig, CLOSING_CALL)
    assert rig.depth()[0] == [(101, 5)]
    phase(rig, CLOSED)
    assert rig.fills() == [(order, seller, 101, 5)]
    rig.check()


def test_day_orders_end_with_the_day_and_others_stay():
    rig = Rig()
    day, stays = rig.buy(1, 5, 99, tif=DAY), rig.buy(1, 5, 98)
    phase(rig, CLOSED)
    assert rig.live(day) is None
    assert rig.live(stays) is not None
    assert rig.portfolio(1).held_cash == 490


def test_a_halt_takes_cancels_only_and_ends_in_a_call():
    rig = Rig()
    order = rig.buy(1, 5, 99)
    phase(rig, HALTED)
    assert rig.refusal(2, SELL, 5, 99) == Reason.HALTED
    assert rig.do(commands.ReplaceOrder, order, 1, 4)[0].reason == Reason.HALTED
    assert phase(rig, CONTINUOUS)[0].reason == Reason.PHASE_NOT_ALLOWED
    rig.do(commands.CancelOrder, order, 1)
    assert rig.live(order) is None
    phase(rig, VOLATILITY_CALL)
    phase(rig, CONTINUOUS)
    rig.check()


def test_a_jump_calls_an_auction_instead_of_trading():
    rig = Rig(volatility_bps=300)
    rig.sell(2, 5, 103)
    rig.sell(2, 5, 108)
    order = rig.buy(1, 10, 110)
    assert rig.fills() == [(rig.fills()[0][0], order, 103, 5)]
    change = last(rig, PhaseChanged)
    assert (change.phase, change.reason) == (VOLATILITY_CALL, Reason.VOLATILITY)
    assert rig.refusal(3, BUY, 1, 108, tif=IOC) == Reason.NOT_IN_THIS_PHASE
    phase(rig, CONTINUOUS)
    assert rig.fills()[-1][3] == 5
    rig.check()


def test_no_trade_outside_the_bands_and_orders_beyond_them_go():
    rig = Rig(phase=CLOSED, band_bps=500)
    phase(rig, CONTINUOUS)
    bands = last(rig, BandsChanged)
    assert (bands.lower_ticks, bands.upper_ticks) == (95, 105)
    assert rig.refusal(1, BUY, 1, 106) == Reason.PRICE_BAND
    assert rig.refusal(1, SELL, 1, 94) == Reason.PRICE_BAND
    far = rig.sell(1, 1, 120)
    near = rig.buy(2, 1, 105)
    rig.do(commands.SetBands, 1, 90, 103)
    assert rig.live(near) is None
    assert rig.live(far) is not None
    assert rig.do(commands.SetBands, 1, 9, 3)[0].reason == Reason.BANDS_INVALID


def test_the_kill_switch_cancels_refuses_and_survives_a_restart():
    from trading.engine import Engine

    rig = Rig()
    mine, other = rig.buy(1, 5, 99), rig.buy(2, 5, 99)
    rig.do(commands.SetKillSwitch, 1, True)
    assert rig.live(mine) is None
    assert rig.live(other) is not None
    rig.engine = Engine.restore(rig.engine.snapshot())
    assert rig.refusal(1, BUY, 1, 99) == Reason.ACCOUNT_KILLED
    rig.do(commands.SetKillSwitch, 0, True)
    assert rig.refusal(2, BUY, 1, 99) == Reason.VENUE_KILLED
    assert not rig.engine.venue.orders
    rig.do(commands.SetKillSwitch, 0, False)
    rig.do(commands.SetKillSwitch, 1, False)
    rig.buy(1, 1, 99)


@pytest.mark.parametrize("before", PHASE_CHANGES)
@pytest.mark.parametrize("after", [*PHASE_CHANGES, 0, 99])
def test_phases_change_by_the_table_only(before, after):
    route = {
        CLOSED: (),
        OPENING_CALL: (OPENING_CALL,),
        CONTINUOUS: (CONTINUOUS,),
        VOLATILITY_CALL: (CONTINUOUS, VOLATILITY_CALL),
        CLOSING_CALL: (CONTINUOUS, CLOSING_CALL),
        HALTED: (HALTED,),
    }
    rig = Rig(phase=CLOSED)
    for number in route[before]:
        phase(rig, number)
    found = phase(rig, after)
    is_allowed = after in PHASE_CHANGES[before]
    assert any(isinstance(event, PhaseChanged) for event in found) == is_allowed
    assert rig.engine.venue.markets[1].phase == (after if is_allowed else before)


def test_what_needs_matching_now_is_refused_in_a_call():
    rig = Rig(phase=OPENING_CALL)
    for fields in ({"tif": IOC}, {"tif": FOK}, {"is_post_only": True}):
        assert rig.refusal(1, BUY, 1, 99, **fields) == Reason.NOT_IN_THIS_PHASE
