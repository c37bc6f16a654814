"""From the engine's events to trade updates: the orders of watched portfolios, step by step.

Only portfolios that somebody listens to are followed; for all others an event costs a look into a
dictionary. What an update shows is the order right after its event, not after the whole batch.

| the engine says | Alpaca's event | |
| --- | --- | --- |
| OrderAccepted, OrderActivated | `new`, `held` | a stop that waits is `new`, as at Alpaca |
| OrderFilled | `partial_fill`, `fill` | with price, quantity and position after it |
| OrderCancelled, OrderExpired | `canceled`, `expired` | `reason` says why |
| OrderReplaced | `replaced`, then `new` | the old row, then the one that goes on |
| OrderReduced, OrderTriggered | `restated` | lost units without trading; a stop was elected |
| ActivationRefused | `rejected` | a leg that could not be let go |
| CommandRefused | `order_replace_rejected`, `order_cancel_rejected` | |
| PhaseChanged | `done_for_day`, `suspended` | for what rests when a market closes, is halted |

`pending_new`, `pending_cancel` and `pending_replace` never come: an answer is final when given.
"""

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from cloud.exchange.order_rows import replacement_row
from cloud.exchange.orders.views import OrderView, accepted_view, at_of
from cloud.exchange.tables import REPLACED
from cloud.exchange.wishes import CommittedBatch, Wish
from trading import events
from trading.command_base import Command
from trading.commands import CancelOrder, PlaceGroup, ReplaceOrder, SetPhase
from trading.event_base import Event
from trading.instruments import CLOSED, CLOSING_CALL, HALTED
from trading.orders import (
    BUY,
    CANCELLED,
    EXPIRED,
    FILLED,
    HELD,
    OPEN,
    PARTIALLY_FILLED,
    REJECTED,
    SELL,
    TRAILING_STOP,
    UNTRIGGERED,
)

_REFUSED: Final = {
    ReplaceOrder.KIND: "order_replace_rejected",
    CancelOrder.KIND: "order_cancel_rejected",
}
_STOPS_TRADING: Final = {CLOSED: "done_for_day", HALTED: "suspended"}


@dataclass(frozen=True, slots=True)
class Update:
    """One step of an order. `order` goes on changing: show it before the next step is taken.

    trade_id, price_ticks, units, position_units: of a fill, else 0.
    reason: a `trading.reasons.Reason`, 0 for none.
    """

    word: str
    order: OrderView
    at_ns: int
    reason: int = 0
    trade_id: int = 0
    price_ticks: int = 0
    units: int = 0
    position_units: int = 0


@dataclass(slots=True)
class Watched:
    """A portfolio that is followed: its live orders by engine id, its units by instrument."""

    orders: dict[int, OrderView] = field(default_factory=dict)
    units: dict[int, int] = field(default_factory=dict)


class Fold:
    """The watched portfolios; `apply` every batch after the one they were read at, in order.

    extreme_of: where the mark of a trailing stop stands before it first moves, which no event says;
        0 if it is not known any more.
    """

    def __init__(self, extreme_of: Callable[[int], int]) -> None:
        self._extreme_of = extreme_of
        # The tables have the batch's time for whatever happened in it; so has the stream.
        self._at_ns = 0
        self._at = at_of(0)
        self._watched: dict[int, Watched] = {}
        self._owner: dict[int, Watched] = {}

    @property
    def is_idle(self) -> bool:
        """Whether nobody is watched."""
        return not self._watched

    def watch(
        self, portfolio_id: int, orders: Iterable[OrderView], units: Mapping[int, int]
    ) -> None:
        """Follow a portfolio from this state on."""
        self.forget(portfolio_id)
        watched = Watched({order.engine_order_id: order for order in orders}, dict(units))
        self._watched[portfolio_id] = watched
        for engine_order_id in watched.orders:
            self._owner[engine_order_id] = watched

    def forget(self, portfolio_id: int) -> None:
        """Follow it no more."""
        watched = self._watched.pop(portfolio_id, None)
        if watched is not None:
            for engine_order_id in watched.orders:
                del self._owner[engine_order_id]

    def take_over(self, portfolio_id: int, other: "Fold") -> None:
        """Follow a portfolio from where another has followed it to."""
        watched = other._watched[portfolio_id]
        self.watch(portfolio_id, watched.orders.values(), watched.units)

    def orders_of(self, portfolio_id: int) -> list[OrderView]:
        """The live orders of a watched portfolio, oldest first."""
        return sorted(self._watched[portfolio_id].orders.values(), key=lambda one: one.sequence)

    def apply(self, batch: CommittedBatch) -> Iterator[Update]:
        """What the batch did to watched portfolios; take every update before the next batch."""
        self._at_ns, self._at = batch.at_ns, at_of(batch.at_ns)
        for command, wish, found in zip(batch.commands, batch.wishes, batch.events, strict=True):
            accepted_here = 0
            for event in found:
                if isinstance(event, events.OrderAccepted):
                    yield from self._accept(command, wish, event, accepted_here)
                    accepted_here += 1
                elif isinstance(event, events.OrderFilled):
                    yield from self._fill(command, event)
                else:
                    yield from self._other(command, wish, event)

    def _accept(
        self, command: Command, wish: Wish, event: events.OrderAccepted, place: int
    ) -> Iterator[Update]:
        watched = self._watched.get(event.portfolio_id)
        if watched is None:
            return
        ids = wish.client_order_ids
        named = ids[place] if place < len(ids) else ""
        order = accepted_view(event, named, self._at)
        if isinstance(command, PlaceGroup):
            order.group_kind, order.leg = command.kind, place
            order.parent_id = event.order_id - place if place else None
        if order.order_type == TRAILING_STOP:
            order.extreme_ticks = self._extreme_of(event.order_id)
        watched.orders[event.order_id] = order
        self._owner[event.order_id] = watched
        yield Update("held" if order.state == HELD else "new", order, self._at_ns)

    def _fill(self, command: Command, event: events.OrderFilled) -> Iterator[Update]:
        maker_side = SELL if event.taker_side == BUY else BUY
        for engine_order_id, side, fee, left in (
            (event.maker_order_id, maker_side, event.maker_fee, event.maker_remaining_units),
            (event.taker_order_id, event.taker_side, event.taker_fee, event.taker_remaining_units),
        ):
            watched = self._owner.get(engine_order_id)
            if watched is None:
                continue
            order = self._changed(command, watched.orders[engine_order_id])
            units = watched.units.get(event.instrument_id, 0)
            units += event.quantity_units if side == BUY else -event.quantity_units
            watched.units[event.instrument_id] = units
            order.filled_units += event.quantity_units
            order.filled_ticks += event.quantity_units * event.price_ticks
            order.fees += fee
            order.remaining_units = left
            order.state = PARTIALLY_FILLED
            if left == 0:
                self._end(command, order, FILLED, 0)
            yield Update(
                "partial_fill" if left else "fill",
                order,
                self._at_ns,
                trade_id=event.trade_id,
                price_ticks=event.price_ticks,
                units=event.quantity_units,
                position_units=units,
            )

    def _other(self, command: Command, wish: Wish, event: Event) -> Iterator[Update]:
        match event:
            case events.OrderCancelled() | events.OrderExpired() | events.ActivationRefused():
                yield from self._ended(command, event)
            case events.OrderReplaced():
                yield from self._replaced(command, wish, event)
            case events.OrderReduced():
                yield from self._reduced(command, event)
            case events.OrderTriggered() | events.OrderActivated() | events.StopMoved():
                yield from self._moved(command, event)
            case events.CommandRefused():
                yield from self._refused(command, event)
            case events.PhaseChanged():
                yield from self._stopped(command, event)
            case events.OrderRested() if isinstance(command, SetPhase):
                self._joined_closing_call(command, event)
            case events.PositionChanged() if event.portfolio_id in self._watched:
                self._watched[event.portfolio_id].units[event.instrument_id] = event.units
            case _:
                pass

    def _ended(
        self,
        command: Command,
        event: events.OrderCancelled | events.OrderExpired | events.ActivationRefused,
    ) -> Iterator[Update]:
        order = self._order(event.order_id)
        if order is None:
            return
        word, state = "canceled", CANCELLED
        if isinstance(event, events.OrderExpired):
            word, state = "expired", EXPIRED
        elif isinstance(event, events.ActivationRefused):
            word, state = "rejected", REJECTED
        self._changed(command, order)
        self._end(command, order, state, event.reason)
        yield Update(word, order, self._at_ns, reason=event.reason)

    def _replaced(
        self, command: Command, wish: Wish, event: events.OrderReplaced
    ) -> Iterator[Update]:
        order = self._order(event.order_id)
        if order is None:
            return
        watched = self._owner[event.order_id]
        successor = self._successor(command, wish, event, order)
        self._changed(command, order)
        self._end(command, order, REPLACED, 0)
        order.replaced_by = successor.id
        yield Update("replaced", order, self._at_ns)
        watched.orders[event.order_id] = successor
        self._owner[event.order_id] = watched
        yield Update("new", successor, self._at_ns)

    def _successor(
        self, command: Command, wish: Wish, event: events.OrderReplaced, order: OrderView
    ) -> OrderView:
        """The row that goes on; see `cloud.exchange.tables.OrderRow`."""
        after = copy.copy(order)
        after.id = replacement_row(event.sequence)
        after.client_order_id = (wish.client_order_ids or ("",))[0] or None
        after.quantity_units, after.remaining_units = event.quantity_units, event.remaining_units
        after.stop_ticks = event.stop_ticks
        after.replaces = order.id
        after.sequence = after.changed_sequence = event.sequence
        after.created_at = after.changed_at = self._at
        if isinstance(command, ReplaceOrder):
            after.price_ticks = command.price_ticks or after.price_ticks
            after.display_units = command.display_units or after.display_units
            if command.trail_ticks or command.trail_bps:
                after.trail_ticks, after.trail_bps = command.trail_ticks, command.trail_bps
            if command.time_in_force:
                after.time_in_force = command.time_in_force
                at_ns = command.expires_at_ns
                after.expires_at = at_of(at_ns) if at_ns else None
        return after

    def _reduced(self, command: Command, event: events.OrderReduced) -> Iterator[Update]:
        order = self._order(event.order_id)
        if order is not None:
            self._changed(command, order)
            order.quantity_units -= event.by_units
            order.remaining_units = event.remaining_units
            order.reason = event.reason
            yield Update("restated", order, self._at_ns, reason=event.reason)

    def _moved(
        self,
        command: Command,
        event: events.OrderTriggered | events.OrderActivated | events.StopMoved,
    ) -> Iterator[Update]:
        order = self._order(event.order_id)
        if order is None:
            return
        self._changed(command, order)
        if isinstance(event, events.StopMoved):
            order.stop_ticks, order.extreme_ticks = event.stop_ticks, event.extreme_ticks
        elif isinstance(event, events.OrderTriggered):
            order.state = OPEN
            yield Update("restated", order, self._at_ns)
        else:
            order.state, order.stop_ticks = event.state, event.stop_ticks
            order.quantity_units = order.remaining_units = event.quantity_units
            yield Update("new", order, self._at_ns)

    def _refused(self, command: Command, event: events.CommandRefused) -> Iterator[Update]:
        """Only the order's own trader hears of it: others may guess numbers."""
        word = _REFUSED.get(event.kind)
        order = self._order(event.subject_id) if word else None
        if not word or order is None or not isinstance(command, ReplaceOrder | CancelOrder):
            return
        if command.portfolio_id in (0, order.portfolio_id):
            yield Update(word, order, self._at_ns, reason=event.reason)

    def _stopped(self, command: Command, event: events.PhaseChanged) -> Iterator[Update]:
        word = _STOPS_TRADING.get(event.phase)
        if word is None:
            return
        for watched in self._watched.values():
            for order in watched.orders.values():
                is_working = order.state not in (HELD, UNTRIGGERED)
                if order.instrument_id == event.instrument_id and is_working:
                    yield Update(word, order, self._at_ns, reason=event.reason)

    def _joined_closing_call(self, command: SetPhase, event: events.OrderRested) -> None:
        """Orders that were waiting for it; no other event says so."""
        order = self._order(event.order_id)
        if order is not None and command.phase == CLOSING_CALL:
            self._changed(command, order).state = OPEN

    def _order(self, engine_order_id: int) -> OrderView | None:
        watched = self._owner.get(engine_order_id)
        return None if watched is None else watched.orders[engine_order_id]

    def _changed(self, command: Command, order: OrderView) -> OrderView:
        order.changed_sequence = command.sequence
        order.changed_at = self._at
        return order

    def _end(self, command: Command, order: OrderView, state: int, reason: int) -> None:
        order.state = state
        order.remaining_units = 0
        order.reason = reason or order.reason
        order.ended_at = self._at
        watched = self._owner.pop(order.engine_order_id)
        del watched.orders[order.engine_order_id]
