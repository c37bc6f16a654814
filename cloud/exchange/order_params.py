"""Drafts of orders as rows for the statement's parts, each in the smallest part that fits."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from cloud.exchange.batch_sql import packer_of
from cloud.exchange.order_draft import UNCHANGED, OrderDraft
from cloud.exchange.public_ids import REPLACEMENT
from trading.orders import CANCEL_NEWEST, LIMIT

Row = tuple[object, ...]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_INSTANT: Final = datetime(9999, 12, 31, tzinfo=UTC)
_LAST_NS: Final = (_LAST_INSTANT - _EPOCH) // timedelta(microseconds=1) * 1_000
_BIGINT_MAX: Final = (1 << 63) - 1
_packed_plain: Final = packer_of("orders_plain")
_packed_step: Final = packer_of("orders_step")


def add_order(parts: dict[str, list[Row]], draft: OrderDraft) -> None:
    """Put the draft's row into the part of the statement that it needs."""
    if draft.accepted is not None:
        if _is_plain(draft):
            parts["orders_plain"].append(_plain(draft))
        else:
            parts["orders_full"].append(_full(draft))
    elif draft.base_id:
        parts["orders_clone"].append((*_change(draft), *_origin(draft)))
    elif _is_step(draft):
        parts["orders_step"].append((_step(draft),))
    else:
        parts["orders_change"].append(_change(draft))


def at_of(at_ns: int) -> datetime:
    """The instant, to the microsecond; nothing lies beyond the year 9999."""
    return _EPOCH + timedelta(microseconds=min(at_ns, _LAST_NS) // 1_000)


def _is_plain(draft: OrderDraft) -> bool:
    assert draft.accepted is not None, "only new orders are asked about"
    terms = draft.accepted.order
    return (
        terms.order_type <= LIMIT
        and draft.replaces is None
        and draft.replaced_by is None
        and draft.group_kind == 0
        and terms.display_units == 0
        and terms.expires_at_ns == 0
        and terms.self_trade == CANCEL_NEWEST
        and not terms.is_post_only
        and not terms.is_reduce_only
        and draft.ticks <= _BIGINT_MAX
    )


def _plain(draft: OrderDraft) -> Row:
    event = draft.accepted
    assert event is not None, "a plain row is of a new order"
    terms = event.order
    figures = _packed_plain(
        draft.row_id,
        event.portfolio_id,
        event.instrument_id,
        terms.side,
        terms.order_type,
        terms.time_in_force,
        terms.is_short,
        draft.quantity,
        terms.price_ticks,
        draft.state,
        draft.reason,
        draft.remaining,
        draft.units,
        draft.ticks,
        draft.fees,
        event.sequence,
        draft.sequence,
        draft.is_ended,
    )
    return (figures, draft.client_order_id, draft.source)


def _full(draft: OrderDraft) -> Row:
    event = draft.accepted
    assert event is not None, "a full row is of a new order"
    terms = event.order
    expires_at_ns = _or(draft.expires_at_ns, terms.expires_at_ns)
    return (
        draft.row_id,
        draft.engine_order_id,
        event.portfolio_id,
        event.instrument_id,
        draft.client_order_id,
        terms.side,
        terms.order_type,
        _or(draft.time_in_force, terms.time_in_force),
        draft.quantity,
        _or(draft.price, terms.price_ticks),
        _or(draft.stop, terms.stop_ticks),
        _or(draft.trail, terms.trail_ticks),
        _or(draft.trail_bps, terms.trail_bps),
        _or(draft.extreme, 0),
        _or(draft.display, terms.display_units),
        at_of(expires_at_ns) if expires_at_ns else None,
        terms.self_trade,
        terms.is_post_only,
        terms.is_reduce_only,
        terms.is_short,
        draft.group_kind,
        draft.parent_id,
        draft.leg,
        draft.state,
        draft.reason,
        draft.remaining,
        draft.units,
        Decimal(draft.ticks),
        draft.fees,
        draft.source,
        draft.row_id & ~REPLACEMENT if draft.replaces else event.sequence,
        draft.sequence,
        draft.is_triggered,
        draft.is_ended,
        draft.replaces,
        draft.replaced_by,
    )


def _is_step(draft: OrderDraft) -> bool:
    return (
        draft.state != 0
        and draft.remaining != UNCHANGED
        and draft.quantity == UNCHANGED
        and draft.lost == 0
        and draft.stop == UNCHANGED
        and not draft.is_triggered
        and draft.replaced_by is None
        and draft.ticks <= _BIGINT_MAX
    )


def _step(draft: OrderDraft) -> bytes:
    return _packed_step(
        draft.row_id,
        draft.units,
        draft.ticks,
        draft.fees,
        draft.state,
        draft.reason,
        draft.remaining,
        draft.sequence,
        draft.is_ended,
    )


def _change(draft: OrderDraft) -> Row:
    return (
        draft.row_id,
        draft.units,
        Decimal(draft.ticks),
        draft.fees,
        draft.state or None,
        draft.reason or None,
        _known(draft.remaining),
        _known(draft.quantity),
        draft.lost,
        _known(draft.price),
        _known(draft.stop),
        _known(draft.trail),
        _known(draft.trail_bps),
        _known(draft.extreme),
        _known(draft.display),
        draft.sequence,
        draft.is_triggered,
        draft.is_ended,
        draft.replaced_by,
    )


def _origin(draft: OrderDraft) -> Row:
    return (
        draft.base_id,
        draft.replaces,
        draft.row_id & ~REPLACEMENT,
        draft.client_order_id,
        draft.source,
        _known(draft.time_in_force),
        at_of(draft.expires_at_ns) if draft.expires_at_ns > 0 else None,
    )


def _known(figure: int) -> int | None:
    return None if figure == UNCHANGED else figure


def _or(figure: int, otherwise: int) -> int:
    return otherwise if figure == UNCHANGED else figure
