"""Lists in pages: a bounded limit and a cursor that says where the last page ended.

A cursor holds the sort key of the last row, so that rows added meanwhile neither repeat nor hide
others.
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final, Generic, TypeVar

import msgspec
from litestar.params import QueryParameter

from cloud.kit.errors import AppError

LIMIT_DEFAULT: Final = 50
LIMIT_MAX: Final = 200
CURSOR_CHARS_MAX: Final = 512

T = TypeVar("T")
R = TypeVar("R")
K = TypeVar("K")


class CursorError(AppError):
    """The cursor was not made by this list."""

    status = 400
    code = "invalid_cursor"


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page. `next_cursor` is null on the last one."""

    items: list[T]
    next_cursor: str | None = None


class PageRequest(msgspec.Struct, frozen=True):
    """What the caller asked for; the dependency `page` of every list route."""

    limit: int = LIMIT_DEFAULT
    cursor: str | None = None

    def after(self, key_type: type[K]) -> K | None:
        """The sort key of the last row of the page before, None for the first page.

        key_type: a tuple type such as `tuple[datetime, UUID]`.

        Raises:
            CursorError: the cursor is not one of this list.
        """
        if self.cursor is None:
            return None
        try:
            raw = base64.urlsafe_b64decode(self.cursor.encode() + b"==")
            return msgspec.json.decode(raw, type=key_type)
        except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
            raise CursorError("This cursor does not belong here; start without one.") from error

    @property
    def fetch(self) -> int:
        """How many rows to read: one more than asked, to learn whether there is a next page."""
        return self.limit + 1

    def page(
        self, rows: Sequence[R], shape: Callable[[R], T], key: Callable[[R], tuple[Any, ...]]
    ) -> Page[T]:
        """The page of the rows read with `fetch` as their limit.

        key: the sort key of a row, the same that the query orders by.
        """
        shown = rows[: self.limit]
        more = len(rows) > self.limit
        return Page([shape(row) for row in shown], _cursor(key(shown[-1])) if more else None)


def _cursor(key: tuple[Any, ...]) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")


async def provide_page(
    limit: Annotated[
        int, QueryParameter(ge=1, le=LIMIT_MAX, description="Items a page.")
    ] = LIMIT_DEFAULT,
    cursor: Annotated[
        str | None,
        QueryParameter(
            max_length=CURSOR_CHARS_MAX, description="`next_cursor` of the page before."
        ),
    ] = None,
) -> PageRequest:
    """The dependency `page`."""
    return PageRequest(limit, cursor)
