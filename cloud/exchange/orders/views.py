"""An order as it stands: read from its row, or, right after it was placed, from what it caused.

Placing answers from the receipt, so that the fast path asks the database nothing; a test compares
the two ways.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import asyncpg
import msgspec

from cloud.exchange.wishes import Receipt
from trading.order_events import (
    ActivationRefused,
    OrderAccepted,
    OrderActivated,
    OrderCancelled,
    OrderExpired,
    OrderFilled,
    OrderReduced,
    StopMoved,
)
from trading.orders import CANCELLED, EXPIRED, FILLED, PARTIALLY_FILLED, REJECTED
from trading.terms import NewOrder

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class OrderView(msgspec.Struct, kw_only=True):
    """The fields of `OrderRow` that somebody outside may see; `legs` where they were asked for."""

    id: int
    engine_order_id: int
    portfolio_id: int
    instrument_id: int
    client_order_id: str | None
    side: int
    order_type: int
    time_in_force: int
    quantity_units: int
    price_ticks: int
    stop_ticks: int
    trail_ticks: int
    trail_bps: int
    extreme_ticks: int
    display_units: int
    expires_at: datetime | None
    self_trade: int
    is_post_only: bool
    is_reduce_only: bool
    group_kind: int
    parent_id: int | None
    leg: int
    state: int
    reason: int
    remaining_units: int
    filled_units: int
    filled_ticks: int
    fees: int
    sequence: int
    changed_sequence: int
    created_at: datetime
    changed_at: datetime
    ended_at: datetime | None = None
    replaces: int | None = None
    replaced_by: int | None = None
    legs: "list[OrderView] | None" = None


COLUMNS: Final = tuple(name for name in OrderView.__struct_fields__ if name != "legs")
SELECT: Final = "SELECT " + ", ".join(COLUMNS) + " FROM orders"  # noqa: S608 -- names of ours


def view_of(row: "asyncpg.Record") -> OrderView:
    """The order in a row read with `SELECT`."""
    view = OrderView(**dict(row.items()))
    view.filled_ticks = int(view.filled_ticks)  # numeric in the database
    return view


def at_of(at_ns: int) -> datetime:
    """The instant of the engine's time, to the microsecond."""
    return _EPOCH + timedelta(microseconds=at_ns // 1_000)


def views_of(receipt: Receipt, kind: int, client_order_ids: Sequence[str]) -> list[OrderView]:
    """The orders that a command placed, as they were when it had done all its work.

    kind: of their group, 0 for one order alone.
    client_order_ids: of the orders, in their order; "" or fewer where the trader gave none.
    """
    at = at_of(receipt.at_ns)
    views: dict[int, OrderView] = {}
    for event in receipt.events:
        if isinstance(event, OrderAccepted):
            ordinal = len(views)
            named = client_order_ids[ordinal] if ordinal < len(client_order_ids) else ""
            views[event.order_id] = accepted_view(event, named, at)
    if kind:
        _join_group(kind, list(views.values()))
    for event in receipt.events:
        _follow(views, event, at)
    return list(views.values())


def accepted_view(event: OrderAccepted, client_order_id: str, at: datetime) -> OrderView:
    """The order as it begins; "" where the trader gave no name."""
    terms: NewOrder = event.order
    return OrderView(
        id=event.order_id,
        engine_order_id=event.order_id,
        portfolio_id=event.portfolio_id,
        instrument_id=event.instrument_id,
        client_order_id=client_order_id or None,
        side=terms.side,
        order_type=terms.order_type,
        time_in_force=terms.time_in_force,
        quantity_units=terms.quantity_units,
        price_ticks=terms.price_ticks,
        stop_ticks=event.stop_ticks,
        trail_ticks=terms.trail_ticks,
        trail_bps=terms.trail_bps,
        extreme_ticks=0,
        display_units=terms.display_units,
        expires_at=at_of(terms.expires_at_ns) if terms.expires_at_ns else None,
        self_trade=terms.self_trade,
        is_post_only=terms.is_post_only,
        is_reduce_only=terms.is_reduce_only,
        group_kind=0,
        parent_id=None,
        leg=0,
        state=event.state,
        reason=0,
        remaining_units=terms.quantity_units,
        filled_units=0,
        filled_ticks=0,
        fees=0,
        sequence=event.sequence,
        changed_sequence=event.sequence,
        created_at=at,
        changed_at=at,
    )


def _join_group(kind: int, views: list[OrderView]) -> None:
    for leg, view in enumerate(views):
        view.group_kind, view.leg = kind, leg
        view.parent_id = None if leg == 0 else views[0].id


def _follow(views: Mapping[int, OrderView], event: object, at: datetime) -> None:
    if isinstance(event, OrderFilled):
        for order_id, remaining, fee in (
            (event.maker_order_id, event.maker_remaining_units, event.maker_fee),
            (event.taker_order_id, event.taker_remaining_units, event.taker_fee),
        ):
            if (view := views.get(order_id)) is not None:
                _fill(view, event, remaining, fee, at)
    elif isinstance(event, OrderCancelled | OrderExpired | ActivationRefused):
        if (view := views.get(event.order_id)) is not None:
            _end(view, _END_STATES[type(event)], event.reason, at)
    elif isinstance(event, OrderReduced):
        if (view := views.get(event.order_id)) is not None:
            view.remaining_units, view.reason = event.remaining_units, event.reason
            view.quantity_units -= event.by_units
    elif isinstance(event, OrderActivated):
        if (view := views.get(event.order_id)) is not None:
            view.state, view.stop_ticks = event.state, event.stop_ticks
            view.quantity_units = view.remaining_units = event.quantity_units
    elif isinstance(event, StopMoved) and (view := views.get(event.order_id)) is not None:
        view.stop_ticks, view.extreme_ticks = event.stop_ticks, event.extreme_ticks


_END_STATES: Final = {
    OrderCancelled: CANCELLED,
    OrderExpired: EXPIRED,
    ActivationRefused: REJECTED,
}


def _fill(view: OrderView, event: OrderFilled, remaining: int, fee: int, at: datetime) -> None:
    view.filled_units += event.quantity_units
    view.filled_ticks += event.price_ticks * event.quantity_units
    view.fees += fee
    view.remaining_units = remaining
    view.state = PARTIALLY_FILLED if remaining else FILLED
    if not remaining:
        view.ended_at = at


def _end(view: OrderView, state: int, reason: int, at: datetime) -> None:
    view.state, view.reason, view.remaining_units, view.ended_at = state, reason, 0, at


def nest(views: Iterable[OrderView]) -> list[OrderView]:
    """Legs put under their parents; a leg whose parent is not among them stays by itself."""
    views = list(views)
    # A leg names its parent's first row; replaced or not, that is the engine's number of it.
    parents = {
        view.engine_order_id: view
        for view in views
        if view.group_kind and view.parent_id is None and view.replaced_by is None
    }
    top: list[OrderView] = []
    for view in views:
        parent = None if view.parent_id is None else parents.get(view.parent_id)
        if parent is None:
            top.append(view)
        else:
            parent.legs = [*(parent.legs or ()), view]
    return top
