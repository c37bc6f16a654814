"""From findings to cases: stored once, however often the stream is read."""

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from cloud.exchange.surveillance.findings import PATTERNS, Finding
from cloud.exchange.surveillance.tables import OPEN, CaseRow, FindingRow
from cloud.kit.clock import from_ns
from cloud.kit.database import AsyncSession
from cloud.kit.ids import Ids


async def store(session: AsyncSession, ids: Ids, findings: Iterable[Finding]) -> list[CaseRow]:
    """Add what is not known yet; gives the cases that it belongs to, each once, as they are now."""
    touched: dict[object, CaseRow] = {}
    for finding in findings:
        case = await _add(session, ids, finding)
        if case is not None:
            touched[case.id] = case
    return list(touched.values())


async def _add(session: AsyncSession, ids: Ids, finding: Finding) -> CaseRow | None:
    if await session.get(FindingRow, finding.key) is not None:
        return None
    case = await _open_case(session, ids, finding)
    stored = await session.scalar(
        insert(FindingRow)
        .values(
            key=finding.key,
            case_id=case.id,
            sequence=finding.sequence,
            first_at=from_ns(finding.first_at_ns),
            at=from_ns(finding.at_ns),
            sentence=finding.sentence,
            trade_ids=list(finding.trade_ids),
            order_ids=list(finding.order_ids),
            figures=dict(finding.figures),
        )
        .on_conflict_do_nothing()
        .returning(col(FindingRow.key))
    )
    if stored is None:
        return None
    case.findings += 1
    case.first_at = min(case.first_at, from_ns(finding.first_at_ns))
    if from_ns(finding.at_ns) >= case.last_at:
        case.last_at = from_ns(finding.at_ns)
        case.sentence = finding.sentence
    await session.flush()
    return case


async def _open_case(session: AsyncSession, ids: Ids, finding: Finding) -> CaseRow:
    """The open case this joins, locked; a new one if reviewers have closed the last."""
    query = (
        select(CaseRow)
        .where(
            col(CaseRow.rule) == str(finding.rule),
            col(CaseRow.account_id) == finding.account_id,
            col(CaseRow.other_account_id) == finding.other_account_id,
            col(CaseRow.instrument_id) == finding.instrument_id,
            col(CaseRow.state) == OPEN,
        )
        .with_for_update()
    )
    case = await session.scalar(query)
    if case is None:
        case = CaseRow(
            id=ids.new(),
            pattern=str(PATTERNS[finding.rule]),
            rule=str(finding.rule),
            account_id=finding.account_id,
            other_account_id=finding.other_account_id,
            instrument_id=finding.instrument_id,
            state=OPEN,
            first_at=from_ns(finding.first_at_ns),
            last_at=from_ns(finding.at_ns),
            findings=0,
            sentence=finding.sentence,
        )
        session.add(case)
        await session.flush()
    return case
