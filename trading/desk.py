"""The order desk: places, groups and cancels orders, or says why not."""

from __future__ import annotations

from trading.account_events import CommandRefused
from trading.admission import (
    accept,
    entry_problem,
    first_state,
    is_duplicate,
    make_order,
    reserve,
    reserve_one,
    start,
)
from trading.commands import CancelOrder, MassCancel, PlaceGroup, PlaceOrder
from trading.groups import let_go, shape_problem
from trading.lifecycle import end
from trading.live import Group, Order
from trading.order_events import OrderRejected
from trading.orders import CANCELLED, HELD, OCO, PARTIALLY_FILLED, UNTRIGGERED
from trading.reasons import Reason
from trading.risk import rate_problem, terms_problem
from trading.terms import NewOrder
from trading.venue import Venue
from trading.working import trigger


def place(venue: Venue, command: PlaceOrder) -> None:
    """Check, accept and work one order."""
    terms = command.order
    portfolio = venue.portfolios.get(terms.portfolio_id)
    market = venue.markets.get(terms.instrument_id)
    if portfolio is None:
        _reject(venue, terms, Reason.UNKNOWN_PORTFOLIO)
        return
    problem = rate_problem(venue, portfolio)
    if market is None:
        _reject(venue, terms, Reason.UNKNOWN_INSTRUMENT if problem == 0 else problem)
        return
    if problem == 0:
        problem = entry_problem(venue, portfolio, market, terms)
    if problem == 0:
        problem = is_duplicate(venue, portfolio, terms)
    if problem != 0:
        _reject(venue, terms, problem)
        return
    order = make_order(venue, portfolio, market, terms)
    problem = reserve_one(venue, order)
    if problem != 0:
        _reject(venue, terms, problem)
        return
    accept(venue, order, first_state(order))
    start(venue, order)
    work_off(venue)


def place_group(venue: Venue, command: PlaceGroup) -> None:
    """Check and accept all orders of a group, or none."""
    problem = shape_problem(command.kind, command.orders)
    if not command.orders:
        venue.events.append(OrderRejected(venue.sequence, 0, 0, problem))
        return
    terms = command.orders[0]
    portfolio = venue.portfolios.get(terms.portfolio_id)
    market = venue.markets.get(terms.instrument_id)
    if portfolio is None or market is None:
        reason = Reason.UNKNOWN_PORTFOLIO if portfolio is None else Reason.UNKNOWN_INSTRUMENT
        _reject(venue, terms, reason)
        return
    rate = rate_problem(venue, portfolio)
    problem = rate if rate != 0 else problem
    works_at_once = command.orders if command.kind == OCO else command.orders[:1]
    for wanted in works_at_once:
        if problem == 0:
            problem = entry_problem(venue, portfolio, market, wanted)
    for wanted in command.orders[len(works_at_once) :]:
        if problem == 0:
            problem = terms_problem(wanted, market.instrument, venue.at_ns)
    if problem == 0:
        problem = is_duplicate(venue, portfolio, terms)
    orders = []
    if problem == 0:
        orders = [make_order(venue, portfolio, market, wanted) for wanted in command.orders]
        problem = reserve(venue, orders[: len(works_at_once)])
    if problem != 0:
        _reject(venue, terms, problem)
        return
    _accept_group(venue, command.kind, orders)
    work_off(venue)


def _accept_group(venue: Venue, kind: int, orders: list[Order]) -> None:
    group = Group(venue.next_group_id, kind)
    venue.next_group_id += 1
    group.legs = orders if kind == OCO else orders[1:]
    if kind != OCO:
        group.parent = orders[0]
    for order in orders:
        order.group = group
        is_held = kind != OCO and order is not orders[0]
        accept(venue, order, HELD if is_held else first_state(order))
    if kind != OCO:
        start(venue, orders[0])
        return
    # The stop first: it must be waiting when the limit trades at once.
    start(venue, orders[1])
    start(venue, orders[0])


def cancel(venue: Venue, command: CancelOrder) -> None:
    """Cancel one order of a portfolio."""
    problem = 0
    if command.portfolio_id != 0:
        portfolio = venue.portfolios.get(command.portfolio_id)
        unknown = Reason.UNKNOWN_PORTFOLIO
        problem = unknown if portfolio is None else rate_problem(venue, portfolio)
    order = venue.orders.get(command.order_id)
    if problem == 0:
        problem = missing_problem(venue, order, command.order_id, command.portfolio_id)
    if problem != 0:
        venue.events.append(
            CommandRefused(venue.sequence, CancelOrder.KIND, command.order_id, problem)
        )
        return
    assert order is not None, "a missing order is a problem"
    reason = Reason.BY_VENUE if command.portfolio_id == 0 else Reason.BY_TRADER
    end(venue, order, CANCELLED, reason)
    work_off(venue)


def missing_problem(venue: Venue, order: Order | None, order_id: int, portfolio_id: int) -> int:
    """Whether there is no such live order, or it is another's."""
    if order is None:
        is_old = 0 < order_id < venue.next_order_id
        return Reason.ORDER_IS_DONE if is_old else Reason.UNKNOWN_ORDER
    if portfolio_id not in (0, order.portfolio.portfolio_id):
        return Reason.ORDER_NOT_YOURS
    return 0


def mass_cancel(venue: Venue, command: MassCancel) -> None:
    """Cancel every order that matches."""
    cancel_matching(
        venue,
        command.account_id,
        command.portfolio_id,
        command.instrument_id,
        Reason.MASS_CANCEL,
    )
    work_off(venue)


def cancel_matching(
    venue: Venue, account_id: int, portfolio_id: int, instrument_id: int, reason: int
) -> None:
    """Cancel every live order of these; 0 matches all. Children go with the rest."""
    orders = _orders_of(venue, account_id, portfolio_id)
    orders.reverse()
    # Each is let go of where it ends, while it is still in the processor's cache: a quarter off.
    while orders:
        order = orders.pop()
        if instrument_id not in (0, order.market.instrument.instrument_id):
            continue
        # One of an OCO takes the other with it.
        if order.state <= PARTIALLY_FILLED:
            end(venue, order, CANCELLED, reason)


def _orders_of(venue: Venue, account_id: int, portfolio_id: int) -> list[Order]:
    """The live orders of these, oldest first; costs by their number, not by that of all."""
    if account_id == 0 and portfolio_id == 0:
        return list(venue.orders.values())
    portfolios = [
        one
        for one in venue.portfolios.values()
        if portfolio_id in (0, one.portfolio_id) and account_id in (0, one.account_id)
    ]
    orders = [order for one in portfolios for order in one.orders.all()]
    if len(portfolios) > 1:
        orders.sort(key=_number)
    return orders


def _number(order: Order) -> int:
    return order.order_id


def work_off(venue: Venue) -> None:
    """Do everything that was set off: parents' ends first, then stops in the order of election."""
    while venue.ended_parents or venue.elected:
        if venue.ended_parents:
            let_go(venue, venue.ended_parents.pop(0))
            continue
        order = venue.elected.pop(0)
        if order.state == UNTRIGGERED:
            trigger(venue, order)


def _reject(venue: Venue, terms: NewOrder, reason: int) -> None:
    venue.events.append(
        OrderRejected(venue.sequence, terms.portfolio_id, terms.instrument_id, reason)
    )
