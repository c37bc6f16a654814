"""What ends many orders at once does it in one go, whatever else the process does with memory."""

import gc
from contextlib import contextmanager

import pytest

from tests.trading.venue_rig import DAY, Rig
from trading import commands
from trading.events import OrderCancelled, OrderExpired
from trading.instruments import CLOSED
from trading.orders import GTD, STOP

ORDERS = 3_000


@contextmanager
def searches_counted():
    """How often the collector began to look for garbage within the block."""
    begun = []

    def note(phase, _):
        if phase == "start":
            begun.append(phase)

    gc.collect()
    gc.callbacks.append(note)
    try:
        yield begun
    finally:
        gc.callbacks.remove(note)


def filled_rig(**fields):
    """Half of the orders rest in the book; half are stops, which the triggers' heaps let go of late
    so that they do not make room for the events."""
    rig = Rig()
    for number in range(ORDERS // 2):
        if number % 2:
            rig.buy(1, 1, 90 + number % 7, **fields)
            rig.buy(1, 1, kind=STOP, stop_ticks=104 + number % 7, **fields)
        else:
            rig.sell(1, 1, 104 + number % 7, **fields)
            rig.sell(1, 1, kind=STOP, stop_ticks=90 + number % 7, **fields)
    return rig


@pytest.mark.parametrize(
    ("kind", "arguments", "fields", "ended"),
    [
        (commands.SetKillSwitch, (1, True), {}, OrderCancelled),
        (commands.SetKillSwitch, (0, True), {}, OrderCancelled),
        (commands.MassCancel, (1, 0, 0), {}, OrderCancelled),
        (commands.SplitInstrument, (1, 2, 1), {}, OrderCancelled),
        (commands.SetPhase, (1, CLOSED), {"tif": DAY}, OrderExpired),
        (commands.AdvanceTime, (), {"tif": GTD, "expires_at_ns": 2 * 10**9}, OrderExpired),
    ],
)
def test_no_search_for_garbage_comes_between_the_orders_that_end_together(
    kind, arguments, fields, ended
):
    rig = filled_rig(**fields)
    rig.at_ns = 2 * 10**9
    with searches_counted() as begun:
        found = rig.do(kind, *arguments)
    assert sum(isinstance(event, ended) for event in found) == ORDERS
    assert not rig.engine.venue.orders
    # The one that was due comes afterwards.
    assert len(begun) <= 1
    rig.check()


@pytest.mark.parametrize("is_on", [True, False])
def test_the_collector_is_left_as_it_was_found(is_on):
    rig = Rig()
    rig.buy(1, 1, 90)
    was_on = gc.isenabled()
    (gc.enable if is_on else gc.disable)()
    try:
        rig.do(commands.MassCancel, 1)
        assert gc.isenabled() == is_on
        # Also where a mistake of ours ends the command.
        del rig.engine.venue.orders[rig.buy(2, 1, 90)]
        with pytest.raises(KeyError):
            rig.do(commands.MassCancel, 2)
        assert gc.isenabled() == is_on
    finally:
        (gc.enable if was_on else gc.disable)()


def test_ending_all_orders_of_an_account_leaves_the_others_where_they_were():
    rig = Rig()
    for number in range(60):
        rig.buy(1 + number % 3, 1, 90 + number % 5)
    before = rig.depth()
    kept = [one.order_id for one in rig.engine.venue.orders.values() if one.account_id != 2]
    found = rig.do(commands.SetKillSwitch, 2, True)
    ended = [event.order_id for event in found if isinstance(event, OrderCancelled)]
    assert ended == sorted(set(range(1, 61)) - set(kept))
    assert list(rig.engine.venue.orders) == kept
    assert sum(units for _, units in rig.depth()[0]) == len(kept) < sum(u for _, u in before[0])
    rig.check()
