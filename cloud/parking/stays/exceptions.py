"""What does not add up at a lot, for an operator to look at; late events may explain it away."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID, uuid5

from sqlalchemy import func, select
from sqlmodel import col

from cloud.accounts.user import User
from cloud.kit.clock import Clock
from cloud.kit.database import AsyncSession, bare
from cloud.kit.errors import MissingError
from cloud.kit.paging import Page, PageRequest
from cloud.kit.privileged import ActRecorder, PrivilegedAct
from cloud.parking.instants import place_after
from cloud.parking.stays.schemas import ParkingException
from cloud.parking.stays.tables import ExceptionRow

_NAMESPACE: Final = UUID("6b1f0f0e-8a57-5a3c-9f0a-6f3a1d0c5e21")


class ExceptionKind(StrEnum):
    """Stored and shown."""

    EXIT_WITHOUT_ENTRY = "exit_without_entry"
    ENTRY_WITHOUT_EXIT = "entry_without_exit"
    PASSAGE_WITHOUT_CARD = "passage_without_card"
    TAILGATED = "tailgated"
    COPIED_CARD = "copied_card"
    DECISION_DISPUTED = "decision_disputed"
    STAY_OWES = "stay_owes"
    NOT_PRICED = "not_priced"


class ExceptionState(StrEnum):
    """Stored and shown."""

    OPEN = "open"
    RESOLVED = "resolved"
    WITHDRAWN = "withdrawn"


# Bare SQL: cars cause these, not people.
_REPORT: Final = f"""
INSERT INTO parking_exceptions AS old (id, kind, site, lot, subject, at, detail, state)
VALUES ($1, $2, $3, $4, $5, $6, $7, '{ExceptionState.OPEN}')
ON CONFLICT (kind, subject) DO UPDATE SET state = excluded.state, detail = excluded.detail
WHERE old.state <> '{ExceptionState.RESOLVED}'
"""  # noqa: S608 - our own words
_WITHDRAW: Final = f"""
UPDATE parking_exceptions SET state = '{ExceptionState.WITHDRAWN}'
WHERE (kind, subject) IN (SELECT * FROM unnest($1::text[], $2::uuid[]))
    AND state = '{ExceptionState.OPEN}'
"""  # noqa: S608 - our own words


class ExceptionMissingError(MissingError):
    """There is no such exception."""

    code = "exception_not_found"


@dataclass(frozen=True, slots=True, kw_only=True)
class Oddity:
    """One thing to look at: what kind, where, when, and a sentence with the values that matter."""

    kind: ExceptionKind
    subject: UUID
    site: str
    lot: str
    at: datetime
    detail: str


class Exceptions:
    """The list of exceptions, within one session."""

    def __init__(self, session: AsyncSession, *, clock: Clock, acts: ActRecorder) -> None:
        self._session = session
        self._clock = clock
        self._acts = acts

    async def report(self, oddity: Oddity) -> None:
        """Put it on the list; once, however often it is reported. A resolved one stays so."""
        connection = await bare(self._session)
        await connection.execute(
            _REPORT,
            uuid5(_NAMESPACE, f"{oddity.kind}:{oddity.subject}"),
            oddity.kind,
            oddity.site,
            oddity.lot,
            oddity.subject,
            oddity.at,
            oddity.detail,
        )

    async def withdraw(self, *explained: tuple[ExceptionKind, UUID]) -> None:
        """What was heard since explains these; nothing happens if they are not on the list."""
        connection = await bare(self._session)
        kinds, subjects = zip(*explained, strict=True)
        await connection.execute(_WITHDRAW, list(kinds), list(subjects))

    async def list_all(
        self,
        lot: str,
        page: PageRequest,
        *,
        state: ExceptionState | None = None,
        kind: ExceptionKind | None = None,
    ) -> Page[ParkingException]:
        """Of a lot, newest first."""
        query = (
            select(ExceptionRow)
            .where(col(ExceptionRow.lot) == lot)
            .order_by(col(ExceptionRow.at).desc(), col(ExceptionRow.id).desc())
            .limit(page.fetch)
        )
        if state is not None:
            query = query.where(col(ExceptionRow.state) == state)
        if kind is not None:
            query = query.where(col(ExceptionRow.kind) == kind)
        if (after := place_after(page)) is not None:
            place = func.row(col(ExceptionRow.at), col(ExceptionRow.id))
            query = query.where(place < func.row(*after))
        rows = (await self._session.scalars(query)).all()
        return page.page(rows, _to_schema, lambda row: (row.at, row.id))

    async def resolve(self, actor: User, exception_id: UUID, note: str) -> ParkingException:
        """An operator has looked at it.

        Raises:
            ExceptionMissingError: there is none of this id.
        """
        row = await self._session.get(ExceptionRow, exception_id, with_for_update=True)
        if row is None:
            raise ExceptionMissingError("There is no such exception.")
        row.state, row.note = ExceptionState.RESOLVED, note
        row.resolved_at, row.resolved_by = self._clock.now(), actor.id
        await self._session.flush()
        act = PrivilegedAct(
            actor.id, "exception.resolved", f"exception:{row.id}", {"kind": row.kind, "note": note}
        )
        await self._acts.record(self._session, act)
        return _to_schema(row)


def _to_schema(row: ExceptionRow) -> ParkingException:
    return ParkingException(
        id=row.id,
        kind=row.kind,
        lot=row.lot,
        subject=row.subject,
        at=row.at,
        detail=row.detail,
        state=row.state,
        resolved_at=row.resolved_at,
        resolved_by=row.resolved_by,
        note=row.note,
    )
