"""An order in Alpaca's JSON, with our additions behind: what REST answers and streams carry."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from cloud.exchange.orders.views import OrderView
from cloud.exchange.orders.words import (
    ORDER_CLASS_WORDS,
    ORDER_TYPE_WORDS,
    REPLACED,
    SELF_TRADE_WORDS,
    SIDE_WORDS,
    STATUS_WORDS,
    TIME_IN_FORCE_WORDS,
)
from cloud.exchange.prices import average_text, fixed_text, price_text
from cloud.exchange.public_ids import instrument_uuid, order_uuid
from trading.instruments import Instrument
from trading.orders import (
    CANCELLED,
    EXPIRED,
    FILLED,
    LIMIT,
    REJECTED,
    STOP,
    STOP_LIMIT,
    TRAILING_STOP,
)
from trading.reasons import Reason

ASSET_CLASS: Final = "us_equity"


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """An order as Alpaca shows it; numbers are text, so that none is rounded on the way.

    seq: the number of the command that changed it last. reason: why it ended without being filled
    whole, or lost units. fees: what was charged for its fills (a rebate is negative).
    """

    id: UUID
    client_order_id: str
    created_at: datetime
    updated_at: datetime
    submitted_at: datetime
    filled_at: datetime | None
    expired_at: datetime | None
    expires_at: datetime | None
    canceled_at: datetime | None
    failed_at: datetime | None
    replaced_at: datetime | None
    replaced_by: UUID | None
    replaces: UUID | None
    asset_id: UUID
    symbol: str
    asset_class: str
    notional: str | None
    qty: str
    filled_qty: str
    filled_avg_price: str | None
    order_class: str
    order_type: str
    type: str
    side: str
    time_in_force: str
    limit_price: str | None
    stop_price: str | None
    status: str
    extended_hours: bool
    legs: "list[Order] | None"
    trail_percent: str | None
    trail_price: str | None
    hwm: str | None
    display_qty: str | None
    post_only: bool
    reduce_only: bool
    self_trade: str
    reason: str | None
    fees: str
    seq: int


def order_answer(view: OrderView, instrument: Instrument) -> Order:
    """The order of this instrument, its legs with it where the view has them."""
    state, kind = view.state, view.order_type
    ended_at = view.ended_at
    public_id = order_uuid(view.id)
    order_type = ORDER_TYPE_WORDS[kind]
    return Order(
        id=public_id,
        client_order_id=view.client_order_id or str(public_id),
        created_at=view.created_at,
        updated_at=view.changed_at,
        submitted_at=view.created_at,
        filled_at=ended_at if state == FILLED else None,
        expired_at=ended_at if state == EXPIRED else None,
        expires_at=view.expires_at,
        canceled_at=ended_at if state == CANCELLED else None,
        failed_at=ended_at if state == REJECTED else None,
        replaced_at=ended_at if state == REPLACED else None,
        replaced_by=None if view.replaced_by is None else order_uuid(view.replaced_by),
        replaces=None if view.replaces is None else order_uuid(view.replaces),
        asset_id=instrument_uuid(view.instrument_id),
        symbol=instrument.symbol,
        asset_class=ASSET_CLASS,
        notional=None,
        qty=str(view.quantity_units),
        filled_qty=str(view.filled_units),
        filled_avg_price=_average(view, instrument),
        order_class=ORDER_CLASS_WORDS[view.group_kind],
        order_type=order_type,
        type=order_type,
        side=SIDE_WORDS[view.side],
        time_in_force=TIME_IN_FORCE_WORDS[view.time_in_force],
        limit_price=_price(instrument, view.price_ticks if kind in (LIMIT, STOP_LIMIT) else 0),
        stop_price=_price(
            instrument, view.stop_ticks if kind in (STOP, STOP_LIMIT, TRAILING_STOP) else 0
        ),
        status=STATUS_WORDS[state],
        extended_hours=False,
        legs=None if view.legs is None else [order_answer(leg, instrument) for leg in view.legs],
        trail_percent=fixed_text(view.trail_bps, 2) if view.trail_bps else None,
        trail_price=_price(instrument, view.trail_ticks),
        hwm=_price(instrument, view.extreme_ticks) if kind == TRAILING_STOP else None,
        display_qty=str(view.display_units) if view.display_units else None,
        post_only=view.is_post_only,
        reduce_only=view.is_reduce_only,
        self_trade=SELF_TRADE_WORDS[view.self_trade],
        reason=Reason(view.reason).name.lower() if view.reason else None,
        fees=fixed_text(view.fees, 2),
        seq=view.changed_sequence,
    )


def _average(view: OrderView, instrument: Instrument) -> str | None:
    if view.filled_units == 0:
        return None
    return average_text(instrument, view.filled_ticks, view.filled_units)


def _price(instrument: Instrument, ticks: int) -> str | None:
    return price_text(instrument, ticks) if ticks else None
