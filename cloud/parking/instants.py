"""Instants that came from outside, kept to years that every library on the way can carry."""

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec

from cloud.kit.paging import CursorError, PageRequest

# The zone is checked by the decoder, so that no window can be an hour off by guessing.
Instant = Annotated[datetime, msgspec.Meta(tz=True)]

_FIRST_YEAR: Final = 1971
_LAST_YEAR: Final = 2400


def is_plausible(instant: datetime) -> bool:
    """Whether it lies in years that parking is about; near year 1 or 9999 conversions overflow."""
    return instant.tzinfo is not None and _FIRST_YEAR <= instant.year <= _LAST_YEAR


def place_after(page: PageRequest) -> tuple[datetime, UUID] | None:
    """Where the page before ended, in lists ordered by an instant and an id; None at the start.

    Raises:
        CursorError: the cursor is not one of such a list.
    """
    after = page.after(tuple[Instant, UUID])
    if after is not None and not is_plausible(after[0]):
        raise CursorError("This cursor does not belong here; start without one.")
    return after
