"""The live room of compliance, `compliance:venue`: violations and suspicions as they come."""

from typing import Final

import msgspec
from sqlalchemy import select
from sqlmodel import col

from cloud.accounts.user import Role, User
from cloud.exchange.limits.alerts import COMPLIANCE
from cloud.exchange.limits.refused import violation_of
from cloud.exchange.limits.schemas import Violation
from cloud.exchange.surveillance.schemas import Case
from cloud.exchange.surveillance.service import shown_cases
from cloud.exchange.surveillance.tables import OPEN, CaseRow
from cloud.exchange.tables import InstrumentRow, RiskViolationRow
from cloud.kit.database import Database

SHOWN: Final = 20
_KEY: Final = "venue"


class ComplianceSnapshot(msgspec.Struct, frozen=True):
    """The newest open cases and violations; the lists have all."""

    cases: list[Case]
    violations: list[Violation]


class ComplianceRoom:
    """One room, for admins and auditors."""

    name = COMPLIANCE
    is_personal = False

    def __init__(self, database: Database) -> None:
        self._database = database

    async def may_join(self, user: User, key: str) -> bool:
        """Admins and auditors."""
        return key == _KEY and user.has(Role.ADMIN, Role.AUDITOR)

    async def snapshot(self, _: str) -> ComplianceSnapshot:
        """What is open now."""
        async with self._database.session() as session:
            cases = await session.scalars(
                select(CaseRow)
                .where(col(CaseRow.state) == OPEN)
                .order_by(col(CaseRow.last_at).desc())
                .limit(SHOWN)
            )
            refused = await session.execute(
                select(RiskViolationRow, InstrumentRow)
                .outerjoin(
                    InstrumentRow, col(InstrumentRow.id) == col(RiskViolationRow.instrument_id)
                )
                .order_by(col(RiskViolationRow.sequence).desc())
                .limit(SHOWN)
            )
            return ComplianceSnapshot(
                await shown_cases(session, cases.all()),
                [violation_of(row, instrument) for row, instrument in refused.all()],
            )
