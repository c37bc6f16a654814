"""What the watcher stores, always in one transaction: findings, acts, and how far it has seen."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from cloud.exchange.limits.alerts import COMPLIANCE_ROOM
from cloud.exchange.surveillance.cases import store
from cloud.exchange.surveillance.findings import Finding
from cloud.exchange.surveillance.service import shown_cases
from cloud.exchange.surveillance.tables import WatchedRow
from cloud.exchange.venue.settling import ActTrace, settle
from cloud.kit.clock import from_ns
from cloud.kit.database import Database
from cloud.kit.ids import Ids
from cloud.realtime.notices import Notices

NAME: Final = "surveillance"
NOTICE: Final = "surveillance.case"


class Watched:
    """The watcher's side of the database."""

    def __init__(self, database: Database, ids: Ids, notices: Notices) -> None:
        self._database = database
        self._ids = ids
        self._notices = notices

    async def place(self) -> int:
        """The last command whose findings are stored; 0 if none ever was."""
        async with self._database.session() as session:
            row = await session.get(WatchedRow, NAME)
            return row.sequence if row is not None else 0

    async def advance(
        self, sequence: int, at_ns: int, findings: Sequence[Finding], acts: Sequence[ActTrace]
    ) -> None:
        """Store what was found up to this command; harmless to repeat."""
        async with self._database.session() as session:
            cases = await store(session, self._ids, findings)
            for act in acts:
                await settle(session, act)
            for case in await shown_cases(session, cases):
                self._notices.tell(session, COMPLIANCE_ROOM, NOTICE, case)
            values = {"sequence": sequence, "at": from_ns(at_ns)}
            await session.execute(
                insert(WatchedRow)
                .values(name=NAME, **values)
                .on_conflict_do_update(
                    index_elements=[col(WatchedRow.name)],
                    set_=values,
                    where=col(WatchedRow.sequence) < sequence,
                )
            )
