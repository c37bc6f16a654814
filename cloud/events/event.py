"""What an event is, and what whoever handles one promises."""

import builtins
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar
from uuid import UUID

import msgspec

T = TypeVar("T")


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One fact, past tense.

    id: the same on every delivery; handlers know a repetition by it.
    topic: which business it belongs to: `parking`, `devices`; chooses the stream.
    key: the aggregate it is about (`lot:elm`); events of one key are delivered in order.
    type: stable and dotted: `passage.recorded`.
    correlation_id: of the request that made the fact; log lines of its handlers carry it.
    only_group: set on a replayed dead letter: every other group has had this event and skips it.
    """

    id: UUID
    topic: str
    key: str
    type: str
    at: datetime
    payload: msgspec.Raw
    only_group: str | None = None
    correlation_id: str | None = None

    def read(self, schema: builtins.type[T]) -> T:
        """The payload as that struct.

        Raises:
            msgspec.ValidationError: it is not one; the event ends among the dead letters.
        """
        return msgspec.json.decode(self.payload, type=schema)


Handler = Callable[[Event], Awaitable[None]]
"""Handles one event. It may be called again with the same event, so it must not matter:
`cloud.events.once` makes that true for everything written to PostgreSQL."""
