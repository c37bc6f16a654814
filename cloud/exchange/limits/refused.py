"""A row of `risk_violations` in people's words; pure."""

from collections.abc import Sequence
from typing import Any

from cloud.exchange.limits.rules import sentence_of
from cloud.exchange.limits.schemas import RefusedTerms, Violation
from cloud.exchange.prices import price_text
from cloud.exchange.public_ids import order_uuid, portfolio_uuid
from cloud.exchange.tables import InstrumentRow, RiskViolationRow
from cloud.exchange.venue.rules import instrument_of_row
from trading.commands import PlaceGroup, PlaceOrder, ReplaceOrder
from trading.instruments import Instrument
from trading.orders import OrderType, Side, TimeInForce
from trading.reasons import Reason
from trading.terms import NewOrder


def violation_of(row: RiskViolationRow, instrument: InstrumentRow | None) -> Violation:
    """The row as the API shows it; without its instrument, prices stay unsaid."""
    one = instrument_of_row(instrument) if instrument is not None else None
    return Violation(
        id=f"{row.sequence}-{row.ordinal}",
        at=row.at,
        portfolio_id=portfolio_uuid(row.portfolio_id),
        symbol=instrument.symbol if instrument is not None else "",
        reason=Reason(row.reason).name.lower(),
        sentence=sentence_of(row.reason),
        orders=_orders(row.terms, one),
    )


def _orders(terms: Sequence[Any], instrument: Instrument | None) -> list[RefusedTerms]:
    kind = terms[0]
    if kind == PlaceOrder.KIND:
        return [_new_order(terms[1], instrument)]
    if kind == PlaceGroup.KIND:
        return [_new_order(order, instrument) for order in terms[2]]
    if kind == ReplaceOrder.KIND:
        order_id, _, units, price, stop = terms[1:6]
        # Rows of before it could be changed end sooner.
        time_in_force = terms[9] if len(terms) > 9 else 0
        return [
            RefusedTerms(
                side=None,
                order_type=None,
                time_in_force=TimeInForce(time_in_force).name.lower() if time_in_force else None,
                quantity_units=units or None,
                limit_price=_price(instrument, price),
                stop_price=_price(instrument, stop),
                order_id=order_uuid(order_id),
            )
        ]
    return []


def _new_order(values: Sequence[Any], instrument: Instrument | None) -> RefusedTerms:
    order = NewOrder(*values)
    return RefusedTerms(
        side=Side(order.side).name.lower(),
        order_type=OrderType(order.order_type).name.lower(),
        time_in_force=TimeInForce(order.time_in_force).name.lower(),
        quantity_units=order.quantity_units,
        limit_price=_price(instrument, order.price_ticks),
        stop_price=_price(instrument, order.stop_ticks),
    )


def _price(instrument: Instrument | None, ticks: int) -> str | None:
    return price_text(instrument, ticks) if instrument is not None and ticks else None
