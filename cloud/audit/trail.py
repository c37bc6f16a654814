"""Appends privileged acts to the chain, and verifies it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import msgspec
from sqlalchemy import insert, select, update
from sqlmodel import col

from cloud.audit.chain import ChainCheck, Entry, Flaw, Link, link_mac
from cloud.audit.tables import AuditHeadRow, AuditRow
from cloud.kit.clock import Clock, from_ms
from cloud.kit.database import AsyncSession
from cloud.kit.privileged import PrivilegedAct

EPOCH: Final = from_ms(0)
ROWS_AT_ONCE: Final = 1_000


@dataclass(frozen=True)
class Verification:
    """What a check of the whole chain found; `flaw` is None when every row fits."""

    rows: int
    head_mac: str
    flaw: Flaw | None


class AuditTrail:
    """Implements `ActRecorder`."""

    def __init__(self, clock: Clock, key: bytes) -> None:
        self._clock = clock
        self._key = key

    async def record(self, session: AsyncSession, act: PrivilegedAct) -> None:
        """Append it in the session's transaction; others who append wait until that ends.

        The chain has one end, so acts are recorded one after the other: record last in a
        transaction, to hold the end shortly.
        """
        head = (await session.execute(select(AuditHeadRow).with_for_update())).scalar_one()
        entry = Entry(
            sequence=head.sequence + 1,
            at_us=_to_us(self._clock.now()),
            actor=act.actor,
            action=act.action,
            subject=act.subject,
            details=msgspec.json.encode(dict(act.details), order="sorted").decode(),
        )
        mac = link_mac(self._key, head.mac, entry)
        await session.execute(
            insert(AuditRow).values(
                sequence=entry.sequence,
                at=EPOCH + timedelta(microseconds=entry.at_us),
                actor=entry.actor,
                action=entry.action,
                subject=entry.subject,
                details=entry.details,
                mac=mac,
            )
        )
        await session.execute(update(AuditHeadRow).values(sequence=entry.sequence, mac=mac))

    async def verify(self, session: AsyncSession) -> Verification:
        """Check every row. The head is read first: rows appended meanwhile are not a flaw."""
        head = (await session.execute(select(AuditHeadRow))).scalar_one()
        check, flaw = ChainCheck(self._key), None
        async for links in self._links(session, head.sequence):
            if (flaw := check.first_flaw(links)) is not None:
                break
        else:
            flaw = check.tail_flaw(head.sequence, head.mac)
        return Verification(check.sequence, head.mac.hex(), flaw)

    async def _links(self, session: AsyncSession, upto: int) -> AsyncIterator[list[Link]]:
        after = -(2**63)
        while True:
            query = (
                select(AuditRow)
                .where(col(AuditRow.sequence) > after, col(AuditRow.sequence) <= upto)
                .order_by(col(AuditRow.sequence))
                .limit(ROWS_AT_ONCE)
            )
            rows = (await session.scalars(query)).all()
            if not rows:
                return
            yield [_link(row) for row in rows]
            after = rows[-1].sequence
            session.expunge_all()


def _link(row: AuditRow) -> Link:
    entry = Entry(row.sequence, _to_us(row.at), row.actor, row.action, row.subject, row.details)
    return Link(entry, row.mac)


def _to_us(at: datetime) -> int:
    return (at - EPOCH) // timedelta(microseconds=1)
