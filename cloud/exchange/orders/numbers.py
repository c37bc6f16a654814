"""Numbers of a request, read from the very text that was sent: no float ever comes near an order.

Alpaca's clients send quantities and prices as JSON numbers or as strings. Both are kept raw
(`msgspec.Raw`) until here. Only plain decimals pass, with an exponent if somebody wants one; NaN,
Infinity, underscores, blanks and digits of other scripts, which `Decimal` would take, do not.
"""

import re
from decimal import Decimal
from typing import Final

import msgspec

from cloud.exchange.orders.errors import MalformedOrderError, OrderError

ABSENT: Final = msgspec.Raw()
CHARS_MAX: Final = 80
# The largest quantity has 15 digits, the largest price 13; this leaves room to say so.
EXPONENT_MAX: Final = 40

_NUMBER: Final = re.compile(rb"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?")


def decimal_of(raw: msgspec.Raw, field: str) -> Decimal | None:
    """The number; None where the field is absent or null.

    Raises:
        MalformedOrderError: it is no number, or has more than 80 characters.
    """
    text = bytes(raw)
    if not text or text == b"null":
        return None
    if text[0] == 34:  # a string: '"'
        text = text[1:-1]
    return _read(text, field)


def number_in(text: str, field: str) -> Decimal:
    """The number in a parameter of the address.

    Raises:
        MalformedOrderError: as `decimal_of`.
    """
    return _read(text.encode("utf-8", "replace"), field)


def _read(text: bytes, field: str) -> Decimal:
    if len(text) > CHARS_MAX or _NUMBER.fullmatch(text) is None:
        raise MalformedOrderError(
            "number_invalid", f"{field} must be a plain decimal number of at most 80 characters."
        )
    return Decimal(text.decode())


def units_of(number: Decimal, field: str) -> int:
    """A whole, positive quantity.

    Raises:
        MalformedOrderError: it is zero, negative or absurd.
        OrderError: it is fractional.
    """
    if number <= 0:
        raise MalformedOrderError("quantity_not_positive", f"{field} must be more than 0.")
    if number.adjusted() > EXPONENT_MAX:
        raise MalformedOrderError("quantity_too_large", f"{field} is too large.")
    # Exact, where `%` would round numbers of more digits than its context has.
    units, parts = (0, 0) if number.adjusted() < 0 else number.as_integer_ratio()
    if parts != 1:
        raise OrderError(
            "fractional_quantity", f"{field} must be a whole number; only whole units trade here."
        )
    return units
