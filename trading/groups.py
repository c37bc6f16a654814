"""OCO, OTO and bracket: what makes a group valid, and the children that a parent's end lets go."""

from __future__ import annotations

from trading.admission import first_state, reserve, set_prices, start
from trading.lifecycle import close, end
from trading.live import Group, Order
from trading.order_events import ActivationRefused, OrderActivated
from trading.orders import (
    BRACKET,
    CANCELLED,
    CLS,
    FOK,
    IOC,
    LIMIT,
    MARKET,
    OCO,
    OPG,
    OTO,
    REJECTED,
    SELL,
)
from trading.reasons import Reason
from trading.risk import switch_problem
from trading.terms import NewOrder
from trading.venue import Venue, step_to


def shape_problem(kind: int, orders: tuple[NewOrder, ...]) -> int:
    """Whether these orders can depend on each other in this way; 0 if they can."""
    if len(orders) != (3 if kind == BRACKET else 2) or kind not in (OCO, OTO, BRACKET):
        return Reason.GROUP_INVALID
    first = orders[0]
    for order in orders[1:]:
        if (
            order.portfolio_id != first.portfolio_id
            or order.instrument_id != first.instrument_id
            or order.quantity_units != first.quantity_units
        ):
            return Reason.GROUP_INVALID
    for order in orders if kind == OCO else orders[1:]:
        # A leg that cannot wait has no place in a group.
        if order.time_in_force in (IOC, FOK, OPG, CLS):
            return Reason.GROUP_INVALID
    if kind == OTO:
        return 0
    profit, loss = orders[-2], orders[-1]
    if profit.side != loss.side or profit.order_type != LIMIT or loss.order_type in (MARKET, LIMIT):
        return Reason.GROUP_INVALID
    if kind == BRACKET and profit.side == first.side:
        return Reason.GROUP_INVALID
    if loss.stop_ticks != 0:
        gap = profit.price_ticks - loss.stop_ticks
        if (gap <= 0) if profit.side == SELL else (gap >= 0):
            return Reason.GROUP_INVALID
    return 0


def let_go(venue: Venue, group: Group) -> None:
    """A parent ended: its live children get what it filled, or end with it."""
    parent = group.parent
    assert parent is not None, "only a parent lets go"
    group.parent = None
    legs = [leg for leg in group.legs if leg.order_id in venue.orders]
    filled = parent.filled()
    if filled == 0:
        group.legs = []
        for leg in legs:
            end(venue, leg, CANCELLED, Reason.PARENT_ENDED)
        return
    group.legs = legs
    for leg in legs:
        leg.remaining = filled
        leg.quantity = filled
        set_prices(leg)
    if not legs:
        return
    problem = switch_problem(venue, parent.portfolio)
    if problem == 0:
        problem = reserve(venue, legs)
    if problem != 0:
        group.legs = []
        for leg in legs:
            instrument_id = leg.market.instrument.instrument_id
            venue.events.append(
                ActivationRefused(venue.sequence, leg.order_id, instrument_id, problem)
            )
            close(venue, leg, REJECTED)
        return
    for leg in legs:
        step_to(leg, first_state(leg))
        report_activated(venue, leg)
    # The stop first: it must be waiting when the limit trades at once.
    for leg in reversed(legs):
        if leg.order_id in venue.orders:
            start(venue, leg)


def report_activated(venue: Venue, leg: Order) -> None:
    """Tell that a child works now."""
    venue.events.append(
        OrderActivated(
            venue.sequence,
            leg.order_id,
            leg.market.instrument.instrument_id,
            leg.quantity,
            leg.state,
            leg.price,
            leg.stop_ticks,
        )
    )
