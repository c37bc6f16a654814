"""What the watcher stores, always in one transaction: findings, acts, and how far it has seen."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from cloud.exchange.limits.alerts import COMPLIANCE_ROOM
from cloud.exchange.surveillance.cases import instant, store
from cloud.exchange.surveillance.catch_up import ActTrace
from cloud.exchange.surveillance.findings import Finding
from cloud.exchange.surveillance.service import shown_cases
from cloud.exchange.surveillance.tables import WatchedRow
from cloud.exchange.venue.acts import ActKind
from cloud.exchange.venue.tables import ASKED, DONE, REFUSED, VenueActRow
from cloud.kit.database import AsyncSession, Database
from cloud.kit.ids import Ids
from cloud.realtime.notices import Notices
from trading.reasons import Reason

NAME: Final = "surveillance"
NOTICE: Final = "surveillance.case"
NEVER_REACHED: Final = "never_reached_the_venue"
NOT_STORED: Final = "The process stopped before the reason was stored; the journal has the act."


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
        self,
        sequence: int,
        at_ns: int,
        findings: Sequence[Finding],
        acts: Sequence[ActTrace],
        *,
        dead_since: datetime | None = None,
    ) -> None:
        """Store what was found up to this command; harmless to repeat.

        dead_since: on catching up, when this process began to lead: acts asked for before that and
            not in the journal by then were never done.
        """
        async with self._database.session() as session:
            cases = await store(session, self._ids, findings)
            for act in acts:
                await _settle(session, act, add_missing=dead_since is not None)
            if dead_since is not None:
                await session.execute(
                    update(VenueActRow)
                    .where(col(VenueActRow.state) == ASKED, col(VenueActRow.asked_at) < dead_since)
                    .values(state=REFUSED, refusal=NEVER_REACHED)
                )
            for case in await shown_cases(session, cases):
                self._notices.tell(session, COMPLIANCE_ROOM, NOTICE, case)
            values = {"sequence": sequence, "at": instant(at_ns)}
            await session.execute(
                insert(WatchedRow)
                .values(name=NAME, **values)
                .on_conflict_do_update(
                    index_elements=[col(WatchedRow.name)],
                    set_=values,
                    where=col(WatchedRow.sequence) < sequence,
                )
            )


async def _settle(session: AsyncSession, act: ActTrace, *, add_missing: bool) -> None:
    """Say in the act's row what the journal says; the desk says the same if it lives."""
    state = REFUSED if act.refusal else DONE
    refusal = Reason(act.refusal).name.lower() if act.refusal else None
    await session.execute(
        update(VenueActRow)
        .where(col(VenueActRow.id) == act.act_id, col(VenueActRow.state) == ASKED)
        .values(state=state, sequence=act.sequence, refusal=refusal)
    )
    if not add_missing or act.kill_switch is None:
        return
    if await session.scalar(select(VenueActRow).where(col(VenueActRow.id) == act.act_id)):
        return
    account_id, is_on = act.kill_switch
    kind = ActKind.KILL_SWITCH_ON if is_on else ActKind.KILL_SWITCH_OFF
    session.add(
        VenueActRow(
            id=act.act_id,
            asked_at=instant(act.at_ns),
            actor=act.actor,
            kind=str(kind),
            account_id=account_id,
            reason=NOT_STORED,
            details={},
            state=state,
            sequence=act.sequence,
            refusal=refusal,
        )
    )
    await session.flush()
