"""Parameters under /v2 that Alpaca's clients write in several ways."""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Final
from uuid import UUID

from cloud.exchange.orders.errors import MalformedOrderError
from cloud.exchange.public_ids import order_id_of

INSTANT_CHARS_MAX: Final = 40
_PERCENT_MAX: Final = 100


def instant_of(text: str | None, field: str) -> datetime | None:
    """An instant (RFC 3339; without a zone, UTC) or the begin of a date; None if not given.

    Raises:
        MalformedOrderError: it is neither.
    """
    if text is None:
        return None
    # A plus sign that was not escaped arrives as a blank.
    cleaned = text.replace(" ", "+") if "T" in text else text
    try:
        if len(cleaned) <= 10:
            found = datetime.combine(date.fromisoformat(cleaned), time())
        else:
            found = datetime.fromisoformat(cleaned[:INSTANT_CHARS_MAX])
        return (found.replace(tzinfo=UTC) if found.tzinfo is None else found).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise MalformedOrderError(
            f"{field}_invalid", f"{field} must be an instant such as 2026-03-02T14:30:00Z."
        ) from error


def order_row_of(text: str) -> int | None:
    """The row of an order's public id; None if no order of ours can have it.

    Raises:
        MalformedOrderError: it is no UUID.
    """
    try:
        return order_id_of(UUID(text))
    except ValueError as error:
        raise MalformedOrderError("order_id_invalid", "order_id must be a UUID.") from error


def symbols_of(text: str | None) -> tuple[str, ...] | None:
    """The symbols of a comma-separated list; None if not given."""
    if not text:
        return None
    return tuple(dict.fromkeys(one.strip() for one in text.split(",") if one.strip()))


def percent_of(number: Decimal) -> Decimal:
    """A share of a position.

    Raises:
        MalformedOrderError: not more than 0 and at most 100.
    """
    if not 0 < number <= _PERCENT_MAX or number.adjusted() < -20:
        raise MalformedOrderError(
            "percentage_invalid", "percentage must be more than 0 and at most 100."
        )
    return number
