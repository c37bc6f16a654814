"""Events that one group could not handle: kept with the reason, delivered again on request."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from cloud.events.event import Event
from cloud.events.outbox import Outbox
from cloud.events.tables import ConsumedEventRow, DeadLetterRow
from cloud.kit.clock import Clock
from cloud.kit.database import AsyncSession, Database

REASON_CHARS_MAX: Final = 2_000
CONSUMED_KEPT_FOR: Final = timedelta(days=7)
"""Longer than any stream or outbox keeps an event: an older repetition cannot arrive."""
LETTERS_KEPT_FOR: Final = timedelta(days=90)


class DeadLetters:
    """The store of dead letters, and the tool that replays them."""

    def __init__(self, database: Database, clock: Clock, outbox: Outbox) -> None:
        self._database = database
        self._clock = clock
        self._outbox = outbox

    async def keep(self, group: str, event: Event, *, reason: str, attempts: int) -> None:
        """Store it; a second failure of a replayed one takes the place of the first."""
        letter = insert(DeadLetterRow).values(
            consumer_group=group,
            event_id=event.id,
            topic=event.topic,
            key=event.key,
            type=event.type,
            payload=bytes(event.payload).decode(),
            at=event.at,
            correlation_id=event.correlation_id,
            # PostgreSQL text cannot hold NUL, and a reason may quote anything.
            reason=reason.replace("\x00", "")[:REASON_CHARS_MAX],
            attempts=attempts,
            failed_at=self._clock.now(),
            replayed_at=None,
        )
        newer = {n: letter.excluded[n] for n in ("reason", "attempts", "failed_at", "replayed_at")}
        async with self._database.session() as session:
            await session.execute(
                letter.on_conflict_do_update(
                    index_elements=["consumer_group", "event_id"], set_=newer
                )
            )

    async def waiting(
        self, group: str | None = None, *, limit: int = 100
    ) -> Sequence[DeadLetterRow]:
        """The letters nobody has replayed, oldest failure first."""
        query = select(DeadLetterRow).where(col(DeadLetterRow.replayed_at).is_(None))
        if group is not None:
            query = query.where(col(DeadLetterRow.consumer_group) == group)
        async with self._database.session() as session:
            ordered = query.order_by(col(DeadLetterRow.failed_at)).limit(limit)
            return (await session.scalars(ordered)).all()

    async def replay(self, group: str, event_ids: Sequence[UUID] | None = None) -> int:
        """Deliver letters to their group again (to no other), in the order of their events.

        event_ids: None replays all that wait for this group.
        Returns how many; running it twice replays nothing twice, unless they failed again.
        """
        query = select(DeadLetterRow).where(
            col(DeadLetterRow.consumer_group) == group, col(DeadLetterRow.replayed_at).is_(None)
        )
        if event_ids is not None:
            query = query.where(col(DeadLetterRow.event_id).in_(event_ids))
        async with self._database.session() as session:
            ordered = query.order_by(col(DeadLetterRow.at), col(DeadLetterRow.event_id))
            letters = (await session.scalars(ordered.with_for_update(skip_locked=True))).all()
            for letter in letters:
                letter.replayed_at = self._clock.now()
                self._outbox.add(session, _event(letter, group))
            await session.flush()
            return len(letters)


def _event(letter: DeadLetterRow, group: str) -> Event:
    return Event(
        id=letter.event_id,
        topic=letter.topic,
        key=letter.key,
        type=letter.type,
        at=letter.at,
        payload=msgspec.Raw(letter.payload.encode()),
        only_group=group,
        correlation_id=letter.correlation_id,
    )


async def forget_old(session: AsyncSession) -> None:
    """Remove what can no longer matter, by the database's clock."""
    await session.execute(
        delete(ConsumedEventRow).where(
            col(ConsumedEventRow.consumed_at) < func.now() - CONSUMED_KEPT_FOR
        )
    )
    await session.execute(
        delete(DeadLetterRow).where(col(DeadLetterRow.replayed_at) < func.now() - LETTERS_KEPT_FOR)
    )
