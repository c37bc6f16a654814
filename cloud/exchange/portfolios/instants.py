"""Instants that people ask for, made such that arithmetic and the database can take them."""

from datetime import UTC, datetime
from typing import Final

EARLIEST: Final = datetime(1900, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)


def bounded(at: datetime) -> datetime:
    """The instant in UTC, taken for UTC where it says no zone; what is absurd is cut off."""
    aware = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    if aware <= EARLIEST:
        return EARLIEST
    return LATEST if aware >= LATEST else aware.astimezone(UTC)
