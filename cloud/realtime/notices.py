"""Notices of a transaction: told to rooms if it commits, and not lost if the process then dies.

A notice is an event of the topic `live` whose key is the room. So it takes the same way as every
event, in the room's order, and reaches clients some milliseconds after the commit.
"""

from typing import Final
from uuid import UUID

import msgspec

from cloud.events.event import Event
from cloud.events.outbox import Outbox
from cloud.kit.clock import to_ms
from cloud.kit.database import AsyncSession
from cloud.realtime.hub import Hub

TOPIC: Final = "live"
GROUP: Final = "rooms"


class Notices:
    """Where services say what the people in a room should see."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    def tell(self, session: AsyncSession, room: str, event: str, data: object) -> None:
        """Tell a room once this session has committed. data: what is, never a difference."""
        self._outbox.add(session, self._outbox.event(TOPIC, room, event, data))

    def lot(self, session: AsyncSession, lot: str, event: str, data: msgspec.Struct) -> None:
        """Tell the room of a lot."""
        self.tell(session, f"lot:{lot}", event, data)

    def user(self, session: AsyncSession, user_id: UUID, event: str, data: msgspec.Struct) -> None:
        """Tell a user's own room."""
        self.tell(session, f"user:{user_id}", event, data)


class RoomTeller:
    """The handler of the group that brings notices to their rooms."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def __call__(self, event: Event) -> None:
        """Publish it; the event's id keeps a repeated delivery from being told twice."""
        await self._hub.publish(
            event.key, event.type, event.payload, at_ms=to_ms(event.at), key=str(event.id)
        )
