"""An event handled exactly once in effect, although it is delivered at least once.

That the group has had the event is written in the transaction of whatever the handler writes: both
commit or neither. Deliveries of one event at the same time wait for each other in the database.
"""

from collections.abc import Awaitable, Callable

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from cloud.events.event import Event, Handler
from cloud.events.tables import ConsumedEventRow
from cloud.kit.database import AsyncSession, Database

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
    consumed = (
        insert(ConsumedEventRow)
        .values(consumer_group=group, event_id=event.id)
        .on_conflict_do_nothing()
        .returning(col(ConsumedEventRow.event_id))
    )
    return await session.scalar(consumed) is not None
