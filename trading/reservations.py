"""What an open order holds of its portfolio: cash or units, exactly, from acceptance to its end.

Cash for a buy: the ceiling of its worst cost and the worst fee on it, so that no partial fill ever
takes more than its part. Units for a sale. A short sale holds its margin; a buy that covers a short
is helped by the collateral of the units it covers.
"""

from trading.fees import worst_fee
from trading.instruments import BPS, notional_ceil
from trading.live import CLOSE_LONG, CLOSE_SHORT, NO_ROLE, OPEN_LONG, OPEN_SHORT, Order
from trading.venue import Venue


def cash_needed(order: Order, remaining: int) -> int:
    """The cash to hold for this many units of an order."""
    if remaining == 0 or order.role in (CLOSE_LONG, NO_ROLE):
        return 0
    one = order.market.instrument
    cost = notional_ceil(one, order.hold_price, remaining)
    if order.role == OPEN_SHORT:
        return -(-cost * order.margin_bps // BPS)
    cost += worst_fee(one, cost)
    if order.role == CLOSE_SHORT:
        cost -= order.credit * remaining // order.credit_units
        return max(cost, 0)
    return cost


def hold(venue: Venue, order: Order, remaining: int) -> int:
    """Make the order hold exactly what this many units need; gives the cash this set free."""
    if order.is_hold_free:
        remaining = 0
    return hold_cash(venue, order, remaining, cash_needed(order, remaining))


def hold_cash(venue: Venue, order: Order, remaining: int, needed: int) -> int:
    """`hold` where the cash that these units need is known already."""
    freed = order.hold_cash - needed
    if freed != 0:
        order.hold_cash = needed
        order.portfolio.held_cash -= freed
        venue.touch(order.portfolio)
    units = remaining - order.reserved_units
    if units != 0 and order.role != NO_ROLE:
        position = order.position
        assert position is not None, "an order with a role has a position"
        order.reserved_units = remaining
        if order.role == OPEN_LONG:
            position.opening_long += units
        elif order.role == OPEN_SHORT:
            position.opening_short += units
        else:
            position.held += units
            assert 0 <= position.held <= abs(position.units) or units < 0, "held more than there is"
            venue.touch_position(order.portfolio, position)
    return freed
