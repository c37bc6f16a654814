"""The ids outsiders see: UUIDs made from the engine's numbers and turned back without a look-up.

Upper 64 bits: "Curb", the kind, and the version (8: vendor-defined, RFC 9562); lower 64 bits: the
variant (binary 10) and the number.
"""

from enum import IntEnum
from typing import Final
from uuid import UUID

NUMBER_MAX: Final = (1 << 62) - 1
REPLACEMENT: Final = 1 << 60
"""Set in the row ids of orders that replaced another; the rest is their command's sequence."""

_CURB: Final = 0x43757262
_VARIANT: Final = 0b10 << 62


class PublicKind(IntEnum):
    """What an id is of; stored in clients' books, so never renumbered."""

    ORDER = 1
    PORTFOLIO = 2
    INSTRUMENT = 3
    TRADE = 4
    ACTIVITY = 5
    WATCHLIST = 6


def public_uuid(kind: int, number: int) -> UUID:
    """The id of this number.

    Raises:
        ValueError: the number is not in 0 to NUMBER_MAX.
    """
    if not 0 <= number <= NUMBER_MAX:
        raise ValueError(f"{number} is no number of the exchange's (0 to {NUMBER_MAX}).")
    return UUID(int=_high(kind) << 64 | _VARIANT | number)


def number_of(kind: int, public: UUID) -> int | None:
    """The number in an id, None if it is none of ours or of another kind."""
    low = public.int & ((1 << 64) - 1)
    if public.int >> 64 != _high(kind) or low >> 62 != 0b10:
        return None
    return low & NUMBER_MAX


def order_uuid(row_id: int) -> UUID:
    """The public id of an order's row (`OrderRow.id`)."""
    return public_uuid(PublicKind.ORDER, row_id)


def order_text(row_id: int) -> str:
    """`str(order_uuid(row_id))`, in a third of the time: order entry makes one for each answer."""
    low = _VARIANT | row_id
    return f"{_ORDER_TEXT}{low >> 48:04x}-{low & 0xFFFF_FFFF_FFFF:012x}"


def order_id_of(public: UUID) -> int | None:
    """The order's row id, None if this is no order's id."""
    return number_of(PublicKind.ORDER, public)


def portfolio_uuid(portfolio_id: int) -> UUID:
    """The public id of a portfolio: the account id of the Alpaca surface."""
    return public_uuid(PublicKind.PORTFOLIO, portfolio_id)


def portfolio_id_of(public: UUID) -> int | None:
    """The portfolio's number, None if this is no portfolio's id."""
    return number_of(PublicKind.PORTFOLIO, public)


def instrument_uuid(instrument_id: int) -> UUID:
    """The public id of an instrument: the asset id of the Alpaca surface."""
    return public_uuid(PublicKind.INSTRUMENT, instrument_id)


def instrument_id_of(public: UUID) -> int | None:
    """The instrument's number, None if this is no instrument's id."""
    return number_of(PublicKind.INSTRUMENT, public)


def trade_uuid(trade_id: int) -> UUID:
    """The public id of a trade."""
    return public_uuid(PublicKind.TRADE, trade_id)


def trade_id_of(public: UUID) -> int | None:
    """The trade's number, None if this is no trade's id."""
    return number_of(PublicKind.TRADE, public)


def _high(kind: int) -> int:
    return _CURB << 32 | (kind & 0xFFFF) << 16 | 0x8000


_ORDER_TEXT: Final = str(UUID(int=_high(PublicKind.ORDER) << 64))[:19]
