"""From a new order's terms to an order with its reservations, or to the reason why not."""

from __future__ import annotations

import heapq

from trading.instruments import CLOSING_CALL, CONTINUOUS
from trading.lifecycle import end
from trading.live import CLOSE_SHORT, NO_ROLE, OPEN_SHORT, Market, Order
from trading.order_events import OrderAccepted
from trading.orders import (
    CLS,
    EXPIRED,
    GTD,
    LIMIT,
    MARKET,
    OPEN,
    PRICE_TICKS_MAX,
    STOP,
    TRAILING_STOP,
    UNTRIGGERED,
)
from trading.portfolio import Portfolio
from trading.reasons import Reason
from trading.reservations import cash_needed, hold, hold_cash
from trading.risk import (
    duplicate_problem,
    loss_problem,
    phase_problem,
    price_problem,
    role_of,
    role_problem,
    size_problem,
    switch_problem,
    takes_at_once,
    terms_problem,
)
from trading.terms import NewOrder
from trading.triggers import trailing_stop_ticks
from trading.venue import Venue, step_to
from trading.working import work


def entry_problem(venue: Venue, portfolio: Portfolio, market: Market, terms: NewOrder) -> int:
    """Everything that can be said against an order before its price and role are known."""
    problem = switch_problem(venue, portfolio)
    if problem == 0:
        problem = terms_problem(terms, market.instrument, venue.at_ns)
    if problem == 0:
        problem = phase_problem(terms, market)
    if problem == 0:
        problem = price_problem(terms, market, venue.limits_of(portfolio))
    if problem == 0 and terms.is_post_only and takes_at_once(terms, market):
        problem = Reason.POST_ONLY_WOULD_TAKE
    limits = venue.limits_of(portfolio)
    if problem == 0 and 0 < limits.max_open_orders <= portfolio.orders.count:
        problem = Reason.OPEN_ORDERS_LIMIT
    return problem


def make_order(venue: Venue, portfolio: Portfolio, market: Market, terms: NewOrder) -> Order:
    """An order with its prices, not yet reserved for; it takes its number when it is accepted."""
    order = Order(0, terms, portfolio, market)
    order.position = venue.position_of(portfolio, market)
    set_prices(order)
    return order


def set_prices(order: Order) -> None:
    """Work out stop, worst price and the price to reserve with, from the market as it is now."""
    market = order.market
    kind = order.order_type
    if kind == TRAILING_STOP:
        order.extreme_ticks = market.last_ticks
        order.stop_ticks = trailing_stop_ticks(order, market.last_ticks)
    if kind == MARKET:
        order.price = market.protection_ticks(order.is_buy, market.last_ticks)
    elif kind in (STOP, TRAILING_STOP):
        order.price = market.protection_ticks(order.is_buy, order.stop_ticks)
    order.hold_price = order.price
    if not order.is_buy:
        # A short sale may be filled well above its limit: its margin follows the market.
        order.hold_price = max(order.price, market.last_ticks)


def reserve_one(venue: Venue, order: Order) -> int:
    """Give an order a role and a reservation, or say why not."""
    portfolio = order.portfolio
    quantity: int = order.remaining
    problem = _take_role(venue, order, quantity)
    if problem != 0:
        return problem
    needed = cash_needed(order, quantity)
    if needed > portfolio.available():
        order.role = NO_ROLE
        return Reason.INSUFFICIENT_FUNDS
    order.is_hold_free = False
    hold_cash(venue, order, quantity, needed)
    return 0


def _take_role(venue: Venue, order: Order, quantity: int) -> int:
    """Settle what an order does to its position, or say why it may not."""
    portfolio = order.portfolio
    position = order.position
    assert position is not None, "an order that is reserved for has a position"
    limits = venue.limits_of(portfolio)
    if order.stop_ticks > PRICE_TICKS_MAX:
        return Reason.PRICE_TOO_LARGE
    problem = size_problem(limits, order.market.instrument, quantity, order.hold_price)
    role = role_of(order, position)
    if problem == 0:
        problem = role_problem(limits, order, position, role, quantity)
    if problem == 0:
        problem = loss_problem(limits, portfolio, role)
    if problem != 0:
        return problem
    order.role = role
    if role == OPEN_SHORT:
        order.margin_bps = limits.short_margin_bps
    elif role == CLOSE_SHORT:
        order.credit = position.collateral * quantity // -position.units
        order.credit_units = quantity
    return 0


def reserve(venue: Venue, orders: list[Order]) -> int:
    """Give one order, or the two legs of an OCO, a role and a reservation, or say why not.

    The leg that needs more cash carries the reservation for both.
    """
    carrier = orders[0]
    portfolio = carrier.portfolio
    quantity: int = carrier.remaining
    needed = 0
    for order in orders:
        problem = _take_role(venue, order, quantity)
        if problem != 0:
            return problem
        cost = cash_needed(order, quantity)
        if cost > needed:
            carrier, needed = order, cost
    if needed > portfolio.available():
        for order in orders:
            order.role = NO_ROLE
        return Reason.INSUFFICIENT_FUNDS
    for order in orders:
        order.is_hold_free = order is not carrier
        hold(venue, order, order.remaining)
    return 0


def accept(venue: Venue, order: Order, state: int) -> None:
    """Give an order its number and its first state, and tell of it."""
    order.order_id = venue.next_order_id
    venue.next_order_id += 1
    step_to(order, state)
    venue.orders[order.order_id] = order
    order.portfolio.orders.add(order)
    if order.time_in_force == GTD:
        venue.expire_at(order)
    venue.events.append(
        OrderAccepted(
            venue.sequence,
            order.order_id,
            order.portfolio.portfolio_id,
            order.market.instrument.instrument_id,
            0 if order.group is None else order.group.group_id,
            state,
            order.price,
            order.stop_ticks,
            order.hold_cash,
            order.reserved_units,
            order.terms,
        )
    )


def first_state(order: Order) -> int:
    """Whether an order that is let in works at once or waits for a price or a phase."""
    if order.order_type not in (MARKET, LIMIT):
        return UNTRIGGERED
    if order.time_in_force == CLS and order.market.phase != CLOSING_CALL:
        return UNTRIGGERED
    return OPEN


def start(venue: Venue, order: Order) -> None:
    """Let an accepted order do what its state says: wait, or work."""
    market = order.market
    if order.state == OPEN:
        work(venue, order)
    elif order.order_type not in (MARKET, LIMIT):
        market.triggers.count += 1
        market.triggers.add(order)
        last = market.last_ticks
        is_reached = last >= order.stop_ticks if order.is_buy else last <= order.stop_ticks
        if is_reached and market.phase == CONTINUOUS:
            venue.elected.append(order)


def is_duplicate(venue: Venue, portfolio: Portfolio, terms: NewOrder) -> int:
    """The duplicate check with the portfolio's limits."""
    return duplicate_problem(venue.limits_of(portfolio), portfolio, terms, venue.at_ns)


def expire_due(venue: Venue) -> None:
    """End the GTD orders whose time has come."""
    while venue.expiries and venue.expiries[0][0] <= venue.at_ns:
        order = venue.orders.get(heapq.heappop(venue.expiries)[1])
        # It may have been replaced to end later, or not by the clock any more.
        if (
            order is not None
            and order.time_in_force == GTD
            and order.terms.expires_at_ns <= venue.at_ns
        ):
            end(venue, order, EXPIRED, Reason.TIME_REACHED)
