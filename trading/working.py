"""Brings accepted orders to the market: matches, rests, triggers, and lets groups go.

Whatever an order sets off (stops elected by its trades, children of filled parents) waits in the
venue's queues and is worked off after it, first elected first, inside the same command.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trading.account_events import PhaseChanged
from trading.instruments import BPS, CONTINUOUS, VOLATILITY_CALL
from trading.lifecycle import (
    account_for_loss,
    after_fill,
    end,
    live_order,
    report_rested,
    rest,
    working_sibling,
)
from trading.live import Market, Order
from trading.matching import (
    DECREMENTED,
    MAKER_CANCELLED,
    REFILLED,
    TAKER_CANCELLED,
    TRADED,
    Steps,
    can_fill,
    match,
)
from trading.order_events import OrderTriggered, StopMoved
from trading.orders import CANCELLED, FOK, IOC, OPEN, STOP_LIMIT
from trading.reasons import Reason
from trading.reservations import hold
from trading.settlement import settle_trade
from trading.venue import Venue, step_to

if TYPE_CHECKING:
    # In annotations only, so that plain Python runs without the package.
    from mypy_extensions import i64


def work(venue: Venue, order: Order) -> None:
    """Match an open order that is not in the book; rest, or end, what remains."""
    market = order.market
    if market.phase != CONTINUOUS:
        # Collected for the next auction.
        rest(venue, order)
        return
    other = market.asks if order.is_buy else market.bids
    best = other.best
    if best is not None and (
        best.price <= order.price if order.is_buy else best.price >= order.price
    ):
        limit, is_narrowed = _reach(market, order)
        if order.time_in_force == FOK and not can_fill(other, order, limit):
            end(venue, order, CANCELLED, Reason.FOK_UNFILLABLE)
            return
        steps = venue.steps
        before: int = order.remaining
        is_alive = match(other, order, limit, steps)
        carry_out(venue, market, order, steps, before)
        steps.clear()
        if not is_alive or order.remaining == 0:
            return
        if is_narrowed and _is_beyond(market, order):
            # The next trade would be too far from the last one: everybody may answer first.
            enter(venue, market, VOLATILITY_CALL, Reason.VOLATILITY)
            if order.time_in_force != IOC:
                rest(venue, order)
                return
    if order.time_in_force == FOK:
        end(venue, order, CANCELLED, Reason.FOK_UNFILLABLE)
    elif order.time_in_force == IOC:
        end(venue, order, CANCELLED, Reason.IOC_REMAINDER)
    elif order.is_market():
        end(venue, order, CANCELLED, Reason.MARKET_REMAINDER)
    else:
        rest(venue, order)


def _reach(market: Market, order: Order) -> tuple[int, bool]:
    """The worst price to trade at now, and whether the volatility corridor set it."""
    limit: int = order.price
    corridor = market.instrument.volatility_bps
    if corridor == 0:
        return limit, False
    if order.is_buy:
        edge = market.last_ticks * (BPS + corridor) // BPS
        return (edge, True) if edge < limit else (limit, False)
    edge = -(-market.last_ticks * (BPS - corridor) // BPS)
    return (edge, True) if edge > limit else (limit, False)


def _is_beyond(market: Market, order: Order) -> bool:
    best = market.asks.best if order.is_buy else market.bids.best
    if best is None:
        return False
    return best.price <= order.price if order.is_buy else best.price >= order.price


def carry_out(venue: Venue, market: Market, taker: Order, steps: Steps, before: int) -> None:
    """Turn the steps of a match into money, units, states and events.

    before: what the taker had remaining when the match began.
    """
    left = before
    at: i64 = 0
    while at < steps.count:
        step = steps.entries[at]
        at += 1
        maker = live_order(step.maker)
        kind: int = step.kind
        quantity: int = step.quantity
        maker_left: int = step.left
        if kind == TRADED:
            left -= quantity
            price: int = step.price
            settle_trade(venue, market, maker, taker, price, quantity, maker_left, left, False)
            after_fill(venue, maker, quantity, maker_left)
            after_fill(venue, taker, quantity, left)
            note_price(venue, market, price)
        elif kind == REFILLED:
            report_rested(venue, maker, quantity, maker_left)
        elif kind == DECREMENTED:
            left -= quantity
            if maker_left > 0:
                account_for_loss(venue, maker, quantity, maker_left, Reason.SELF_TRADE)
            if left > 0:
                account_for_loss(venue, taker, quantity, left, Reason.SELF_TRADE)
        elif kind == MAKER_CANCELLED:
            end(venue, maker, CANCELLED, Reason.SELF_TRADE)
        else:
            assert kind == TAKER_CANCELLED, "an unknown step"
            end(venue, taker, CANCELLED, Reason.SELF_TRADE)


def note_price(venue: Venue, market: Market, price: int) -> None:
    """A trade happened: trailing stops follow, stops are elected."""
    market.last_ticks = price
    triggers = market.triggers
    if triggers.count == 0 or market.phase != CONTINUOUS:
        return
    for order in triggers.follow(price):
        venue.events.append(
            StopMoved(
                venue.sequence,
                order.order_id,
                market.instrument.instrument_id,
                order.stop_ticks,
                order.extreme_ticks,
            )
        )
    venue.elected.extend(triggers.elect(price))


def trigger(venue: Venue, order: Order) -> None:
    """Wake up an elected stop; of an OCO, it takes over what its sibling held."""
    market = order.market
    market.triggers.count -= 1
    step_to(order, OPEN)
    if order.order_type != STOP_LIMIT:
        price = market.protection_ticks(order.is_buy, order.stop_ticks)
        order.price = min(price, order.hold_price) if order.is_buy else price
    sibling = working_sibling(venue, order)
    if sibling is not None:
        assert order.group is not None, "a sibling comes from a group"
        order.group.legs = []
        end(venue, sibling, CANCELLED, Reason.OCO_SIBLING)
        order.is_hold_free = False
        hold(venue, order, order.remaining)
    venue.events.append(
        OrderTriggered(venue.sequence, order.order_id, market.instrument.instrument_id, order.price)
    )
    work(venue, order)


def enter(venue: Venue, market: Market, phase: int, reason: int) -> None:
    """Put a market into a phase."""
    market.phase = phase
    instrument_id = market.instrument.instrument_id
    venue.events.append(PhaseChanged(venue.sequence, instrument_id, phase, reason))
