"""Changing an order in place: all of it works, or nothing happened."""

from __future__ import annotations

from trading.account_events import CommandRefused
from trading.admission import set_prices
from trading.bounds import POSITION_UNITS_MAX
from trading.commands import ReplaceOrder
from trading.desk import missing_problem, work_off
from trading.instruments import CONTINUOUS, HALTED
from trading.live import CLOSE_LONG, NO_ROLE, OPEN_LONG, OPEN_SHORT, Order
from trading.order_events import OrderReplaced
from trading.orders import (
    CLS,
    DAY,
    FOK,
    GTD,
    HELD,
    IOC,
    LIMIT,
    MARKET,
    OPG,
    PRICE_TICKS_MAX,
    STOP_LIMIT,
    UNTRIGGERED,
)
from trading.reasons import Reason
from trading.reservations import cash_needed, hold
from trading.risk import (
    expiry_problem,
    price_problem,
    rate_problem,
    size_problem,
    switch_problem,
    takes_at_once,
    terms_problem,
)
from trading.terms import NewOrder
from trading.venue import Venue
from trading.working import work


def replace(venue: Venue, command: ReplaceOrder) -> None:
    """Change price, quantity, stop, trail, display size or time in force of a live order."""
    portfolio = venue.portfolios.get(command.portfolio_id)
    order = venue.orders.get(command.order_id)
    problem = Reason.UNKNOWN_PORTFOLIO if portfolio is None else rate_problem(venue, portfolio)
    if problem == 0:
        problem = missing_problem(venue, order, command.order_id, command.portfolio_id)
    if problem != 0:
        _refuse(venue, command, problem)
        return
    assert order is not None, "a missing order is a problem"
    terms = _new_terms(order, command)
    if command.time_in_force == 0 and command.expires_at_ns != 0:
        problem = Reason.EXPIRY_INVALID
    else:
        problem = _problem(venue, order, terms)
    if problem != 0:
        _refuse(venue, command, problem)
        return
    if _has_new_end(terms, order.terms) and _is_else_the_same(order, terms):
        _take(venue, order, terms)
        is_in_book = order.level is not None
        _report(venue, order, order.visible if is_in_book else 0, is_in_book)
        return
    _change(venue, order, terms)
    work_off(venue)


def _new_terms(order: Order, command: ReplaceOrder) -> NewOrder:
    old = order.terms
    is_trail_new = command.trail_ticks != 0 or command.trail_bps != 0
    is_end_new = command.time_in_force != 0
    return NewOrder(
        old.portfolio_id,
        old.instrument_id,
        old.side,
        old.order_type,
        command.time_in_force if is_end_new else old.time_in_force,
        command.quantity_units or order.quantity,
        command.price_ticks or old.price_ticks,
        command.stop_ticks or old.stop_ticks,
        command.trail_ticks if is_trail_new else old.trail_ticks,
        command.trail_bps if is_trail_new else old.trail_bps,
        command.display_units or old.display_units,
        command.expires_at_ns if is_end_new else old.expires_at_ns,
        old.self_trade,
        old.is_post_only,
        old.is_reduce_only,
        old.is_short,
    )


def _problem(venue: Venue, order: Order, terms: NewOrder) -> int:
    old = order.terms
    market = order.market
    limits = venue.limits_of(order.portfolio)
    left = terms.quantity_units - order.filled()
    problem = switch_problem(venue, order.portfolio)
    if problem == 0 and terms == old and terms.quantity_units == order.quantity:
        problem = Reason.NOTHING_TO_REPLACE
    if problem == 0 and _has_new_end(terms, old):
        problem = _end_problem(venue, order, terms)
        if problem == 0 and _is_else_the_same(order, terms):
            # Prices and sizes were allowed once, and are not asked about again.
            return _standing_problem(order, terms)
    if problem == 0:
        # An order that is due this very moment was ended before this command.
        problem = terms_problem(terms, market.instrument, venue.at_ns)
    if problem == 0 and left <= 0:
        problem = Reason.QUANTITY_ALREADY_FILLED
    is_waiting = order.state in (HELD, UNTRIGGERED)
    if problem == 0 and not is_waiting and terms.stop_ticks != old.stop_ticks:
        problem = Reason.STOP_PRICE_NOT_ALLOWED
    if problem == 0 and not is_waiting and _has_new_trail(terms, old):
        problem = Reason.TRAIL_INVALID
    if problem == 0 and order.group is not None:
        problem = _group_problem(order, terms)
    if problem == 0 and market.phase == HALTED:
        problem = Reason.HALTED
    if problem == 0:
        problem = price_problem(terms, market, limits)
    if problem == 0 and not is_waiting and terms.is_post_only and market.phase == CONTINUOUS:
        problem = Reason.POST_ONLY_WOULD_TAKE if takes_at_once(terms, market) else 0
    if problem == 0 and order.role != NO_ROLE:
        problem = _reservation_problem(venue, order, terms, left)
    return problem


def _standing_problem(order: Order, terms: NewOrder) -> int:
    """What can be said against another end alone."""
    problem = 0 if order.group is None else _group_problem(order, terms)
    if problem == 0 and order.market.phase == HALTED:
        problem = Reason.HALTED
    return problem


def _has_new_end(terms: NewOrder, old: NewOrder) -> bool:
    new = (terms.time_in_force, terms.expires_at_ns)
    return new != (old.time_in_force, old.expires_at_ns)


def _is_else_the_same(order: Order, terms: NewOrder) -> bool:
    """Whether only the end may be another; what it lost without trading is not asked for again."""
    old = order.terms
    return (
        terms.quantity_units == order.quantity
        and terms.price_ticks == old.price_ticks
        and terms.stop_ticks == old.stop_ticks
        and terms.display_units == old.display_units
        and not _has_new_trail(terms, old)
    )


def _end_problem(venue: Venue, order: Order, terms: NewOrder) -> int:
    """Only how long an order stays can be changed; some orders are not there to stay.

    A resting order that became IOC or FOK would end at once, which a cancel says plainly; one that
    is for an auction waits elsewhere, and may have missed it.
    """
    tif = terms.time_in_force
    if not DAY <= tif <= CLS:
        return Reason.UNKNOWN_TIME_IN_FORCE
    if tif in (IOC, FOK, OPG, CLS) or order.time_in_force in (OPG, CLS):
        return Reason.TIME_IN_FORCE_FIXED
    if terms.order_type == MARKET and tif == GTD:
        return Reason.COMBINATION_NOT_ALLOWED
    return expiry_problem(terms, venue.at_ns)


def _has_new_trail(terms: NewOrder, old: NewOrder) -> bool:
    return (terms.trail_ticks, terms.trail_bps) != (old.trail_ticks, old.trail_bps)


def _group_problem(order: Order, terms: NewOrder) -> int:
    """Quantities of a group belong together, and so do its ends and the cash of an OCO."""
    if terms.quantity_units != order.quantity:
        return Reason.GROUP_FIXED
    group = order.group
    assert group is not None, "asked about a group"
    is_leg = group.sibling_of(order) is not None
    if (is_leg or group.parent is not None) and _has_new_end(terms, order.terms):
        # A parent that outlived its children would leave a position without its stop.
        return Reason.GROUP_FIXED
    if is_leg and order.role not in (CLOSE_LONG, NO_ROLE):
        return Reason.GROUP_FIXED
    return 0


def _reservation_problem(venue: Venue, order: Order, terms: NewOrder, left: int) -> int:
    limits = venue.limits_of(order.portfolio)
    position = order.position
    assert position is not None, "an order with a role has a position"
    trial = _trial(order, terms)
    if trial.stop_ticks > PRICE_TICKS_MAX:
        return Reason.PRICE_TOO_LARGE
    one = order.market.instrument
    problem = size_problem(limits, one, terms.quantity_units, trial.hold_price)
    if problem != 0 or order.is_hold_free:
        return problem
    more = left - order.reserved_units
    if more > 0:
        if order.role in (OPEN_LONG, OPEN_SHORT):
            exposure = abs(position.units) + position.opening_long + position.opening_short
            allowed = limits.max_position_units or POSITION_UNITS_MAX
            if exposure + more > min(allowed, POSITION_UNITS_MAX):
                return Reason.POSITION_LIMIT
        elif more > abs(position.units) - position.held:
            return Reason.INSUFFICIENT_UNITS
    if cash_needed(trial, left) - order.hold_cash > order.portfolio.available():
        return Reason.INSUFFICIENT_FUNDS
    return 0


def _trial(order: Order, terms: NewOrder) -> Order:
    """The order as it would be, to reckon with; it is never accepted."""
    trial = Order(0, terms, order.portfolio, order.market)
    trial.role = order.role
    trial.margin_bps = order.margin_bps
    trial.credit = order.credit
    trial.credit_units = order.credit_units
    if terms.order_type not in (LIMIT, STOP_LIMIT) and not _moves_stop(order, terms):
        trial.price, trial.hold_price = order.price, order.hold_price
        trial.stop_ticks = order.stop_ticks
    else:
        set_prices(trial)
    return trial


def _moves_stop(order: Order, terms: NewOrder) -> bool:
    return terms.stop_ticks != order.terms.stop_ticks or _has_new_trail(terms, order.terms)


def _change(venue: Venue, order: Order, terms: NewOrder) -> None:
    trial = _trial(order, terms)
    left = terms.quantity_units - order.filled()
    lost: int = order.remaining - left
    is_waiting = order.state in (HELD, UNTRIGGERED)
    is_in_book = order.level is not None
    keeps = (
        is_in_book
        and trial.price == order.price
        and lost >= 0
        and terms.display_units == order.terms.display_units
    )
    if keeps and lost > 0:
        order.place_in().shrink(order, lost)
    elif is_in_book and not keeps:
        order.place_in().remove(order)
    order.remaining = left
    order.quantity = terms.quantity_units
    order.display = terms.display_units
    order.price = trial.price
    order.hold_price = trial.hold_price
    if _moves_stop(order, terms):
        order.stop_ticks = trial.stop_ticks
        order.extreme_ticks = trial.extreme_ticks
    _take(venue, order, terms)
    if order.role != NO_ROLE:
        hold(venue, order, left)
    _report(venue, order, order.visible if keeps else 0, keeps)
    if is_in_book and not keeps:
        work(venue, order)
    elif is_waiting and order.state == UNTRIGGERED and order.order_type > LIMIT:
        _wait_anew(venue, order)


def _take(venue: Venue, order: Order, terms: NewOrder) -> None:
    """Let the order have these terms, its end with them."""
    is_end_new = _has_new_end(terms, order.terms)
    order.terms = terms
    order.time_in_force = terms.time_in_force
    if is_end_new and terms.time_in_force == GTD:
        venue.expire_at(order)


def _report(venue: Venue, order: Order, visible: int, keeps: bool) -> None:
    venue.events.append(
        OrderReplaced(
            venue.sequence,
            order.order_id,
            order.portfolio.portfolio_id,
            order.market.instrument.instrument_id,
            order.quantity,
            order.remaining,
            order.price,
            order.stop_ticks,
            visible,
            keeps,
        )
    )


def _wait_anew(venue: Venue, order: Order) -> None:
    market = order.market
    market.triggers.add(order)
    last = market.last_ticks
    is_reached = last >= order.stop_ticks if order.is_buy else last <= order.stop_ticks
    if is_reached and market.phase == CONTINUOUS:
        venue.elected.append(order)


def _refuse(venue: Venue, command: ReplaceOrder, reason: int) -> None:
    venue.events.append(CommandRefused(venue.sequence, ReplaceOrder.KIND, command.order_id, reason))
