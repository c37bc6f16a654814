"""A market's day: calls and their auctions, continuous trading, halts, and the price bands."""

from __future__ import annotations

from trading.account_events import BandsChanged, CommandRefused
from trading.auction import uncross
from trading.commands import SetBands, SetPhase
from trading.desk import work_off
from trading.instruments import (
    BPS,
    CLOSED,
    CLOSING_CALL,
    CONTINUOUS,
    OPENING_CALL,
    PHASE_CHANGES,
    VOLATILITY_CALL,
)
from trading.lifecycle import end, live_order, rest
from trading.live import Market, Order
from trading.orders import (
    CANCELLED,
    CLS,
    DAY,
    EXPIRED,
    HELD,
    OPEN,
    OPG,
    PRICE_TICKS_MAX,
    UNTRIGGERED,
)
from trading.reasons import Reason
from trading.venue import Venue, step_to
from trading.working import enter, note_price


def set_phase(venue: Venue, command: SetPhase) -> None:
    """Move one instrument, or all that can."""
    phase = command.phase
    if command.instrument_id != 0:
        market = venue.markets.get(command.instrument_id)
        if market is None:
            _refuse(venue, SetPhase.KIND, command.instrument_id, Reason.UNKNOWN_INSTRUMENT)
        elif phase not in PHASE_CHANGES[market.phase]:
            _refuse(venue, SetPhase.KIND, command.instrument_id, Reason.PHASE_NOT_ALLOWED)
        else:
            _move(venue, market, phase)
        return
    if phase not in PHASE_CHANGES:
        _refuse(venue, SetPhase.KIND, 0, Reason.PHASE_NOT_ALLOWED)
        return
    for market in list(venue.markets.values()):
        if phase in PHASE_CHANGES[market.phase]:
            _move(venue, market, phase)


def _move(venue: Venue, market: Market, phase: int) -> None:
    before = market.phase
    is_auction = (phase == CONTINUOUS and before in (CLOSED, OPENING_CALL, VOLATILITY_CALL)) or (
        phase == CLOSED and before == CLOSING_CALL
    )
    if is_auction:
        uncross(venue, market)
        _end_auction_orders(venue, market)
    enter(venue, market, phase, Reason.NONE)
    if phase == CLOSING_CALL:
        _join_closing_call(venue, market)
    elif phase == CLOSED:
        _end_day_orders(venue, market)
        _set_bands(venue, market, 0, 0)
    elif phase == CONTINUOUS:
        if before != VOLATILITY_CALL:
            _set_bands_of_day(venue, market)
        # What the auction's price elects, or what was set while the market was closed.
        note_price(venue, market, market.last_ticks)
    work_off(venue)


def _end_auction_orders(venue: Venue, market: Market) -> None:
    """Nothing that was meant for the auction only outlives it."""
    for resting in market.bids.orders() + market.asks.orders():
        order = live_order(resting)
        if order.order_id not in venue.orders:
            continue
        if order.time_in_force in (OPG, CLS):
            end(venue, order, CANCELLED, Reason.AUCTION_ENDED)
        elif order.is_market():
            end(venue, order, CANCELLED, Reason.MARKET_REMAINDER)


def orders_of(venue: Venue, market: Market) -> list[Order]:
    """The live orders of a market, oldest first."""
    return [order for order in venue.orders.values() if order.market is market]


def _join_closing_call(venue: Venue, market: Market) -> None:
    for order in orders_of(venue, market):
        if order.state == UNTRIGGERED and order.time_in_force == CLS:
            step_to(order, OPEN)
            rest(venue, order)


def _end_day_orders(venue: Venue, market: Market) -> None:
    """Day orders end with the day, and whatever missed its auction."""
    for order in orders_of(venue, market):
        if order.order_id in venue.orders and order.time_in_force in (DAY, OPG, CLS):
            end(venue, order, EXPIRED, Reason.DAY_ENDED)


def _set_bands_of_day(venue: Venue, market: Market) -> None:
    one = market.instrument
    if one.band_bps != 0:
        lower = one.round_up(-(-market.last_ticks * (BPS - one.band_bps) // BPS))
        upper = one.round_down(market.last_ticks * (BPS + one.band_bps) // BPS)
        _set_bands(venue, market, lower, max(upper, lower))


def set_bands(venue: Venue, command: SetBands) -> None:
    """Set the bands by hand."""
    market = venue.markets.get(command.instrument_id)
    lower, upper = command.lower_ticks, command.upper_ticks
    if market is None:
        _refuse(venue, SetBands.KIND, command.instrument_id, Reason.UNKNOWN_INSTRUMENT)
    elif not (0 <= lower <= PRICE_TICKS_MAX and (upper == 0 or lower <= upper <= PRICE_TICKS_MAX)):
        _refuse(venue, SetBands.KIND, command.instrument_id, Reason.BANDS_INVALID)
    else:
        _set_bands(venue, market, lower, upper)
        work_off(venue)


def _set_bands(venue: Venue, market: Market, lower: int, upper: int) -> None:
    if (lower, upper) == (market.lower_ticks, market.upper_ticks):
        return
    market.lower_ticks = lower
    market.upper_ticks = upper
    venue.events.append(BandsChanged(venue.sequence, market.instrument.instrument_id, lower, upper))
    # An order beyond a band could trade outside it: it goes, wherever it waits.
    for order in orders_of(venue, market):
        if order.order_id not in venue.orders or order.state == HELD:
            continue
        is_beyond = upper != 0 and order.price > upper if order.is_buy else order.price < lower
        if is_beyond:
            end(venue, order, CANCELLED, Reason.BANDS_MOVED)


def _refuse(venue: Venue, kind: int, subject_id: int, reason: int) -> None:
    venue.events.append(CommandRefused(venue.sequence, kind, subject_id, reason))
