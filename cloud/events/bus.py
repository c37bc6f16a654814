"""The event stream as the rest of the cloud sees it; Redis Streams today, Kafka at scale."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from cloud.events.event import Event, Handler


@dataclass(frozen=True)
class Standing:
    """What the stream's store knows of itself.

    incarnation: changes when the store may have forgotten recent events (a restart, a fail-over).
    batch: the last publication it remembers, or None; everything up to that one is there.
    """

    incarnation: str
    batch: int | None


class IncarnationChangedError(Exception):
    """The store is not the one the caller knows: it may have forgotten recent events."""


class Bus(Protocol):
    """Carries events from the relay to every group, in order per key, at least once."""

    async def publish(
        self, events: Sequence[Event], *, batch: int, incarnation: str
    ) -> Collection[UUID]:
        """Append the events in this order; they are in the stream when this returns.

        batch: numbers that only grow, one for each call.
        Returns the ids of those that were not appended: a group is so far behind that it would
        lose events. They must be offered again, before any later event of the same key.

        Raises:
            IncarnationChangedError: nothing was appended; see `standing`.
        """
        ...

    async def standing(self) -> Standing:
        """What the store remembers; asked at the start and when its incarnation has changed."""
        ...

    def subscribe(self, group: str, handler: Handler, *, topics: Collection[str]) -> None:
        """Have the handler called for every event of these topics, once per group; before `run`.

        A new group starts with the oldest events the stream still has.
        """
        ...

    async def run(self) -> None:
        """Deliver to the subscribed groups until cancelled."""
        ...
