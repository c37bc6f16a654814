"""The JSON of trade updates and snapshots: Alpaca's fields, with ours behind."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

import msgspec

from cloud.exchange.orders.answers import Order, order_answer
from cloud.exchange.orders.views import OrderView, at_of
from cloud.exchange.portfolios.schemas import Valuation
from cloud.exchange.prices import price_text
from cloud.exchange.public_ids import trade_uuid
from cloud.exchange.updates.fold import Update
from trading.instruments import Instrument
from trading.reasons import Reason


class TradeUpdate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`data` of a trade update. price, qty, position_qty and execution_id: of fills.

    order: as it was right after this event. reason: why it ended or was refused, where that is not
    plain. execution_id: the trade's, the same for both sides.
    """

    event: str
    timestamp: datetime
    order: Order
    execution_id: UUID | None = None
    price: str | None = None
    qty: str | None = None
    position_qty: str | None = None
    reason: str | None = None


class TradeSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """`data` of a snapshot of `trade_updates`: what a client that lost its place starts from."""

    orders: list[Order]
    portfolio: Valuation


def trade_update(update: Update, instrument: Instrument) -> TradeUpdate:
    """The body of an update, made before the next step changes the order."""
    order, at = order_answer(update.order, instrument), at_of(update.at_ns)
    if update.trade_id:
        return TradeUpdate(
            event=update.word,
            timestamp=at,
            order=order,
            execution_id=trade_uuid(update.trade_id),
            price=price_text(instrument, update.price_ticks),
            qty=str(update.units),
            position_qty=str(update.position_units),
        )
    reason = Reason(update.reason).name.lower() if update.reason else None
    return TradeUpdate(event=update.word, timestamp=at, order=order, reason=reason)


def open_orders(orders: Iterable[OrderView], instruments: "dict[int, Instrument]") -> list[Order]:
    """Orders as snapshots show them; legs stay by themselves, with their parents' ids."""
    return [order_answer(order, instruments[order.instrument_id]) for order in orders]
