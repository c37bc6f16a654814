"""What ends many orders at once ends all of them, and nobody else's."""

import pytest

from tests.trading.venue_rig import DAY, Rig
from trading import commands
from trading.events import OrderCancelled, OrderExpired
from trading.instruments import CLOSED
from trading.orders import GTD, STOP

ORDERS = 3_000


def filled_rig(**fields):
    """Half of the orders rest in the book, half are stops."""
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
def test_all_orders_end_together(kind, arguments, fields, ended):
    rig = filled_rig(**fields)
    rig.at_ns = 2 * 10**9
    found = rig.do(kind, *arguments)
    assert sum(isinstance(event, ended) for event in found) == ORDERS
    assert not rig.engine.venue.orders
    rig.check()


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
