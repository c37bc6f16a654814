"""An event handled exactly once in effect, although it is delivered at least once.

That the group has had the event is written in the transaction of whatever the handler writes: both
commit or neither. Deliveries of one event at the same time wait for each other in the database.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from cloud.events.event import Event, Handler
from cloud.kit.database import AsyncSession, Database

# Bare: it runs before everything else that is done for an event.
_CONSUME: Final = """
INSERT INTO consumed_events (consumer_group, event_id) VALUES ($1, $2)
ON CONFLICT DO NOTHING RETURNING event_id
"""

SessionHandler = Callable[[AsyncSession, Event], Awaitable[None]]


def exactly_once(database: Database, group: str, handler: SessionHandler) -> Handler:
    """A bus handler around one that writes with the session it is given and does not commit."""

    async def handle(event: Event) -> None:
        async with database.session() as session:
            if await is_first(session, group, event):
                await handler(session, event)

    return handle


async def is_first(session: AsyncSession, group: str, event: Event) -> bool:
    """Whether this group has not consumed the event yet; from this commit on it has."""
    connection = await session.connection()
    found = await connection.exec_driver_sql(_CONSUME, (group, event.id))
    return found.first() is not None
