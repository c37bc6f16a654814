"""May this order exist? Asked before anything is matched; every answer is one `Reason`.

First whether the terms make sense (`terms_problem`), then whether the market takes them now
(`market_problem`), then whether the portfolio may (`limits_problem`, `role_problem`). Funds are
checked last, by whoever reserves them.
"""

from __future__ import annotations

from typing import Final

from trading.bounds import FIGURE_MAX, POSITION_UNITS_MAX
from trading.instruments import (
    BPS,
    CLOSED,
    CONTINUOUS,
    HALTED,
    OPENING_CALL,
    Instrument,
    notional_ceil,
)
from trading.live import CLOSE_LONG, CLOSE_SHORT, OPEN_LONG, OPEN_SHORT, Market, Order
from trading.orders import (
    ALLOW,
    BUY,
    CLS,
    DAY,
    DECREMENT,
    FOK,
    GTD,
    IOC,
    LIMIT,
    MARKET,
    OPG,
    PRICE_TICKS_MAX,
    SELL,
    STOP,
    STOP_LIMIT,
    TRAILING_STOP,
)
from trading.portfolio import Portfolio, Position
from trading.reasons import Reason
from trading.terms import Limits, NewOrder
from trading.venue import Venue

_RECENT_MAX: Final = 1024


def terms_problem(terms: NewOrder, one: Instrument, at_ns: int) -> int:
    """What is wrong with an order in itself; 0 if nothing."""
    if terms.side not in (BUY, SELL):
        return Reason.UNKNOWN_SIDE
    if not MARKET <= terms.order_type <= TRAILING_STOP:
        return Reason.UNKNOWN_ORDER_TYPE
    if not DAY <= terms.time_in_force <= CLS:
        return Reason.UNKNOWN_TIME_IN_FORCE
    if not ALLOW <= terms.self_trade <= DECREMENT:
        return Reason.UNKNOWN_SELF_TRADE_MODE
    if terms.quantity_units <= 0:
        return Reason.QUANTITY_NOT_POSITIVE
    if terms.quantity_units > one.quantity_max:
        return Reason.QUANTITY_TOO_LARGE
    if terms.quantity_units % one.lot_units != 0:
        return Reason.QUANTITY_NOT_A_LOT
    problem = _price_problem(terms, one)
    if problem == 0:
        problem = _combination_problem(terms, one, at_ns)
    return problem


def _price_problem(terms: NewOrder, one: Instrument) -> int:
    price = terms.price_ticks
    if terms.order_type in (LIMIT, STOP_LIMIT):
        if price <= 0:
            return Reason.PRICE_MISSING
        if price > PRICE_TICKS_MAX:
            return Reason.PRICE_TOO_LARGE
        if not one.is_on_tick(price):
            return Reason.PRICE_OFF_TICK
    elif price != 0:
        return Reason.PRICE_NOT_ALLOWED
    stop = terms.stop_ticks
    if terms.order_type in (STOP, STOP_LIMIT):
        if stop <= 0:
            return Reason.STOP_PRICE_MISSING
        if stop > PRICE_TICKS_MAX:
            return Reason.PRICE_TOO_LARGE
        if not one.is_on_tick(stop):
            return Reason.PRICE_OFF_TICK
    elif stop != 0:
        return Reason.STOP_PRICE_NOT_ALLOWED
    trail, bps = terms.trail_ticks, terms.trail_bps
    if terms.order_type == TRAILING_STOP:
        if trail < 0 or bps < 0 or (trail > 0) == (bps > 0):
            return Reason.TRAIL_INVALID
        if trail > PRICE_TICKS_MAX or bps >= BPS:
            return Reason.TRAIL_INVALID
    elif trail != 0 or bps != 0:
        return Reason.TRAIL_INVALID
    return 0


def _combination_problem(terms: NewOrder, one: Instrument, at_ns: int) -> int:
    tif = terms.time_in_force
    problem = expiry_problem(terms, at_ns)
    if problem != 0:
        return problem
    display = terms.display_units
    if display != 0:
        if not 0 < display <= terms.quantity_units or display % one.lot_units != 0:
            return Reason.DISPLAY_INVALID
        if terms.order_type != LIMIT or tif in (IOC, FOK):
            return Reason.DISPLAY_INVALID
    if terms.order_type not in (MARKET, LIMIT) and tif in (IOC, FOK, OPG, CLS):
        return Reason.COMBINATION_NOT_ALLOWED
    if terms.order_type == MARKET and tif == GTD:
        return Reason.COMBINATION_NOT_ALLOWED
    if terms.is_post_only and (terms.order_type != LIMIT or tif in (IOC, FOK, OPG, CLS)):
        return Reason.COMBINATION_NOT_ALLOWED
    if terms.is_short and (terms.side == BUY or terms.is_reduce_only):
        return Reason.COMBINATION_NOT_ALLOWED
    return 0


def expiry_problem(terms: NewOrder, at_ns: int) -> int:
    """Whether an order that ends by the clock says when, and no other does."""
    tif = terms.time_in_force
    expires = terms.expires_at_ns
    if (tif == GTD) != (expires != 0) or (tif == GTD and not at_ns < expires <= FIGURE_MAX):
        return Reason.EXPIRY_INVALID
    return 0


def switch_problem(venue: Venue, portfolio: Portfolio) -> int:
    """Whether a kill switch stands against it."""
    if venue.is_killed:
        return Reason.VENUE_KILLED
    if venue.killed_accounts and portfolio.account_id in venue.killed_accounts:
        return Reason.ACCOUNT_KILLED
    return 0


def rate_problem(venue: Venue, portfolio: Portfolio) -> int:
    """Count one message of the portfolio; a problem when there were too many in this window."""
    limits = venue.limits_of(portfolio)
    if limits.max_messages == 0:
        return 0
    window = venue.at_ns // limits.window_ns
    if window != portfolio.window:
        portfolio.window = window
        portfolio.messages = 0
    portfolio.messages += 1
    return Reason.MESSAGE_RATE if portfolio.messages > limits.max_messages else 0


def phase_problem(terms: NewOrder, market: Market) -> int:
    """Whether the market takes an order of this time in force now."""
    phase = market.phase
    tif = terms.time_in_force
    if phase == HALTED:
        return Reason.HALTED
    if tif in (IOC, FOK) or terms.is_post_only:
        return 0 if phase == CONTINUOUS else Reason.NOT_IN_THIS_PHASE
    if tif == OPG:
        return 0 if phase in (CLOSED, OPENING_CALL) else Reason.NOT_IN_THIS_PHASE
    return 0


def price_problem(terms: NewOrder, market: Market, limits: Limits) -> int:
    """Whether a limit lies beyond the bands or the portfolio's collar."""
    price = terms.price_ticks
    if price == 0:
        return 0
    if terms.side == BUY:
        if market.upper_ticks != 0 and price > market.upper_ticks:
            return Reason.PRICE_BAND
    elif price < market.lower_ticks:
        return Reason.PRICE_BAND
    if limits.collar_bps != 0:
        # A stop's limit is measured from where it will wake up.
        around = terms.stop_ticks if terms.stop_ticks != 0 else market.last_ticks
        far = price - around if terms.side == BUY else around - price
        if far > 0 and far * BPS > around * limits.collar_bps:
            return Reason.PRICE_COLLAR
    return 0


def takes_at_once(terms: NewOrder, market: Market) -> bool:
    """Whether a limit order would trade with what rests now."""
    best = market.asks.best if terms.side == BUY else market.bids.best
    if best is None:
        return False
    at = best.price
    return at <= terms.price_ticks if terms.side == BUY else at >= terms.price_ticks


def size_problem(limits: Limits, one: Instrument, quantity: int, price: int) -> int:
    """Whether one order is too large."""
    if limits.max_order_units != 0 and quantity > limits.max_order_units:
        return Reason.ORDER_UNITS_LIMIT
    if limits.max_order_notional != 0 and (
        notional_ceil(one, price, quantity) > limits.max_order_notional
    ):
        return Reason.ORDER_NOTIONAL_LIMIT
    return 0


def loss_problem(limits: Limits, portfolio: Portfolio, role: int) -> int:
    """Whether today's loss is used up; what only reduces a position is still allowed."""
    if limits.max_daily_loss == 0 or role in (CLOSE_LONG, CLOSE_SHORT):
        return 0
    loss = portfolio.day_start_equity + portfolio.moved_today - portfolio.equity()
    return Reason.DAILY_LOSS_LIMIT if loss >= limits.max_daily_loss else 0


def duplicate_problem(limits: Limits, portfolio: Portfolio, terms: NewOrder, at_ns: int) -> int:
    """Whether the portfolio sent the very same order a moment ago; remembers this one."""
    if limits.duplicate_ns == 0:
        return 0
    key = (
        terms.instrument_id,
        terms.side,
        terms.order_type,
        terms.time_in_force,
        terms.quantity_units,
        terms.price_ticks,
        terms.stop_ticks,
    )
    recent = portfolio.recent
    last = recent.pop(key, None)
    recent[key] = at_ns
    while recent:
        oldest = next(iter(recent))
        if recent[oldest] + limits.duplicate_ns > at_ns and len(recent) <= _RECENT_MAX:
            break
        del recent[oldest]
    if last is not None and at_ns - last < limits.duplicate_ns:
        return Reason.DUPLICATE_ORDER
    return 0


def role_of(order: Order, position: Position) -> int:
    """What the order does to the position as it is now; see `role_problem` for whether it may."""
    if order.is_buy:
        return CLOSE_SHORT if position.units < 0 or position.opening_short > 0 else OPEN_LONG
    return CLOSE_LONG if position.units > 0 else OPEN_SHORT


def role_problem(limits: Limits, order: Order, position: Position, role: int, quantity: int) -> int:
    """Whether units allow it: enough to sell, and never through zero in one go."""
    terms = order.terms
    if role == CLOSE_LONG:
        free = position.units - position.held
        if quantity <= free:
            return 0
        return Reason.REDUCE_ONLY if terms.is_reduce_only else Reason.INSUFFICIENT_UNITS
    if role == CLOSE_SHORT:
        if quantity <= -position.units - position.held:
            return 0
        return Reason.REDUCE_ONLY if terms.is_reduce_only else Reason.CROSSES_ZERO
    if terms.is_reduce_only:
        return Reason.REDUCE_ONLY
    if role == OPEN_SHORT:
        if not (limits.may_short != 0 and order.market.instrument.is_shortable):
            return Reason.SHORT_NOT_ALLOWED if terms.is_short else Reason.INSUFFICIENT_UNITS
        if not terms.is_short:
            return Reason.SHORT_NOT_FLAGGED
        if position.opening_long > 0:
            return Reason.CROSSES_ZERO
        exposure = -position.units + position.opening_short
    else:
        exposure = position.units + position.opening_long
    if exposure + quantity > POSITION_UNITS_MAX or (
        limits.max_position_units != 0 and exposure + quantity > limits.max_position_units
    ):
        return Reason.POSITION_LIMIT
    return 0
