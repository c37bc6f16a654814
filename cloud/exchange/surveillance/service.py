"""The review list: what is suspected, and what reviewers make of it."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, tuple_
from sqlmodel import col

from cloud.exchange.public_ids import order_uuid, trade_uuid
from cloud.exchange.surveillance.errors import CaseMissingError, CaseStateError
from cloud.exchange.surveillance.schemas import (
    Case,
    CaseDetail,
    CaseFinding,
    Review,
    ReviewCreate,
)
from cloud.exchange.surveillance.tables import OPEN, CaseRow, FindingRow, ReviewRow
from cloud.exchange.tables import InstrumentRow, TradingAccountRow
from cloud.kit.clock import Clock
from cloud.kit.database import AsyncSession
from cloud.kit.paging import Page, PageRequest
from cloud.kit.privileged import ActRecorder, PrivilegedAct

FINDINGS_SHOWN = 100


class ReviewList:
    """One request's view of the list; the session commits what it did."""

    def __init__(self, session: AsyncSession, *, acts: ActRecorder, clock: Clock) -> None:
        self._session = session
        self._acts = acts
        self._clock = clock

    async def list_all(
        self, page: PageRequest, *, state: str | None, pattern: str | None
    ) -> Page[Case]:
        """Cases, those with the newest findings first."""
        key = (col(CaseRow.last_at), col(CaseRow.id))
        query = select(CaseRow).order_by(*(column.desc() for column in key)).limit(page.fetch)
        if state is not None:
            query = query.where(col(CaseRow.state) == state)
        if pattern is not None:
            query = query.where(col(CaseRow.pattern) == pattern)
        if (after := page.after(tuple[datetime, UUID])) is not None:
            query = query.where(tuple_(*key) < after)
        rows = (await self._session.scalars(query)).all()
        shown = {case.id: case for case in await shown_cases(self._session, rows)}
        return page.page(rows, lambda row: shown[row.id], lambda row: (row.last_at, row.id))

    async def read(self, case_id: UUID) -> CaseDetail:
        """A case with its evidence.

        Raises:
            CaseMissingError: there is none.
        """
        row = await self._session.get(CaseRow, case_id)
        if row is None:
            raise CaseMissingError(f"There is no case {case_id}.")
        findings = await self._session.scalars(
            select(FindingRow)
            .where(col(FindingRow.case_id) == case_id)
            .order_by(col(FindingRow.sequence).desc())
            .limit(FINDINGS_SHOWN)
        )
        reviews = await self._session.scalars(
            select(ReviewRow).where(col(ReviewRow.case_id) == case_id).order_by(col(ReviewRow.id))
        )
        return CaseDetail(
            case=(await shown_cases(self._session, [row]))[0],
            findings=[_finding(one) for one in findings][::-1],
            reviews=[Review(at=r.at, actor=r.actor, state=r.state, note=r.note) for r in reviews],
        )

    async def review(self, actor: UUID, case_id: UUID, review: ReviewCreate) -> CaseDetail:
        """Write a note, and decide if a state is given; audited.

        Raises:
            CaseMissingError: there is none.
            CaseStateError: it is in that state already, or another one about the same is open.
        """
        row = await self._session.get(CaseRow, case_id, with_for_update=True)
        if row is None:
            raise CaseMissingError(f"There is no case {case_id}.")
        state = review.state or row.state
        if review.state is not None:
            await self._decide(row, review.state, actor)
        self._session.add(
            ReviewRow(
                case_id=case_id, at=self._clock.now(), actor=actor, state=state, note=review.note
            )
        )
        await self._session.flush()
        action = "exchange.case_noted" if review.state is None else f"exchange.case_{state}"
        act = PrivilegedAct(actor, action, f"case:{case_id}", {"note": review.note})
        await self._acts.record(self._session, act)
        return await self.read(case_id)

    async def _decide(self, row: CaseRow, state: str, actor: UUID) -> None:
        if row.state == state:
            raise CaseStateError(f"The case is {state} already; leave the state out to add a note.")
        if state == OPEN and await self._has_open_twin(row):
            raise CaseStateError("Another case about the same is open; review that one.")
        row.state = state
        row.decided_at = None if state == OPEN else self._clock.now()
        row.decided_by = None if state == OPEN else actor

    async def _has_open_twin(self, row: CaseRow) -> bool:
        found = await self._session.scalar(
            select(func.count())
            .select_from(CaseRow)
            .where(
                col(CaseRow.rule) == row.rule,
                col(CaseRow.account_id) == row.account_id,
                col(CaseRow.other_account_id) == row.other_account_id,
                col(CaseRow.instrument_id) == row.instrument_id,
                col(CaseRow.state) == OPEN,
            )
        )
        return bool(found)


async def shown_cases(session: AsyncSession, rows: Sequence[CaseRow]) -> list[Case]:
    """Cases with the names of what their numbers mean."""
    instruments = {row.instrument_id for row in rows}
    accounts = {account for row in rows for account in _accounts(row)}
    symbols = {
        found.id: found.symbol
        for found in await session.scalars(
            select(InstrumentRow).where(col(InstrumentRow.id).in_(instruments))
        )
    }
    users = {
        found.id: found.user_id
        for found in await session.scalars(
            select(TradingAccountRow).where(col(TradingAccountRow.id).in_(accounts))
        )
    }
    return [
        Case(
            id=row.id,
            pattern=row.pattern,
            rule=row.rule,
            accounts=_accounts(row),
            users=[users.get(account) for account in _accounts(row)],
            symbol=symbols.get(row.instrument_id, ""),
            state=row.state,
            first_at=row.first_at,
            last_at=row.last_at,
            findings=row.findings,
            sentence=row.sentence,
            decided_at=row.decided_at,
            decided_by=row.decided_by,
        )
        for row in rows
    ]


def _accounts(row: CaseRow) -> list[int]:
    return [account for account in (row.account_id, row.other_account_id) if account]


def _finding(row: FindingRow) -> CaseFinding:
    return CaseFinding(
        seq=row.sequence,
        first_at=row.first_at,
        at=row.at,
        sentence=row.sentence,
        trades=[trade_uuid(number) for number in row.trade_ids],
        orders=[order_uuid(number) for number in row.order_ids],
        figures=row.figures,
    )
