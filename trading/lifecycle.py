"""Steps every order may take: rest, wait, lose units, end; and what they mean for its group."""

from __future__ import annotations

from trading.book import BookOrder
from trading.live import Order
from trading.order_events import OrderCancelled, OrderExpired, OrderReduced, OrderRested
from trading.orders import (
    BUY,
    CANCELLED,
    EXPIRED,
    FILLED,
    HELD,
    PARTIALLY_FILLED,
    SELL,
    STOP,
    UNTRIGGERED,
)
from trading.reasons import Reason
from trading.reservations import hold
from trading.venue import Venue, step_to


def live_order(order: BookOrder) -> Order:
    """The engine's view of an order that the book handed out."""
    assert isinstance(order, Order), "the engine's books hold the engine's orders"
    return order


def rest(venue: Venue, order: Order) -> None:
    """Put an order into the book, behind all others of its price."""
    order.place_in().add(order)
    report_rested(venue, order, order.visible, order.remaining)


def report_rested(venue: Venue, order: Order, visible: int, remaining: int) -> None:
    """Tell that an order shows units at the back of its queue."""
    venue.events.append(
        OrderRested(
            venue.sequence,
            order.order_id,
            order.market.instrument.instrument_id,
            BUY if order.is_buy else SELL,
            order.price,
            visible,
            remaining,
        )
    )


def reduce(venue: Venue, order: Order, by: int, reason: int) -> None:
    """Take units off an order that keeps some; they are neither filled nor cancelled."""
    if order.level is not None:
        order.place_in().shrink(order, by)
    else:
        order.remaining -= by
    account_for_loss(venue, order, by, order.remaining, reason)


def account_for_loss(venue: Venue, order: Order, by: int, left: int, reason: int) -> None:
    """Report units that an order lost without a trade, and free what they held."""
    order.quantity -= by
    hold(venue, order, left)
    instrument_id = order.market.instrument.instrument_id
    venue.events.append(
        OrderReduced(venue.sequence, order.order_id, instrument_id, by, left, reason)
    )


def end(venue: Venue, order: Order, state: int, reason: int) -> None:
    """Cancel or expire an order, wherever it is; tell its group."""
    if order.level is not None:
        order.place_in().remove(order)
    portfolio_id = order.portfolio.portfolio_id
    instrument_id = order.market.instrument.instrument_id
    left: int = order.remaining
    if state == EXPIRED:
        venue.events.append(
            OrderExpired(venue.sequence, order.order_id, portfolio_id, instrument_id, left, reason)
        )
    else:
        venue.events.append(
            OrderCancelled(
                venue.sequence, order.order_id, portfolio_id, instrument_id, left, reason
            )
        )
    close(venue, order, state)


def close(venue: Venue, order: Order, state: int) -> None:
    """Take an order, already out of the book, to its final state and free all it holds."""
    if order.state == UNTRIGGERED and order.order_type >= STOP:
        order.market.triggers.count -= 1
    step_to(order, state)
    hold(venue, order, 0)
    del venue.orders[order.order_id]
    order.portfolio.orders.remove(order)
    group = order.group
    if group is None:
        return
    if order is group.parent:
        venue.ended_parents.append(group)
        return
    sibling = working_sibling(venue, order)
    if sibling is not None:
        group.legs = []
        end(venue, sibling, CANCELLED, Reason.OCO_SIBLING)


def working_sibling(venue: Venue, order: Order) -> Order | None:
    """The other leg of a working OCO."""
    group = order.group
    if group is None:
        return None
    sibling = group.sibling_of(order)
    if sibling is None or sibling.state == HELD or sibling.order_id not in venue.orders:
        return None
    return sibling


def after_fill(venue: Venue, order: Order, quantity: int, left: int) -> None:
    """Step an order along after a trade was booked; an OCO's other leg loses as much."""
    if left == 0:
        close(venue, order, FILLED)
        return
    step_to(order, PARTIALLY_FILLED)
    if order.group is not None:
        sibling = working_sibling(venue, order)
        if sibling is not None:
            reduce(venue, sibling, quantity, Reason.OCO_SIBLING)
