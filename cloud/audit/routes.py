"""What auditors may ask of the trail."""

from typing import Annotated

import msgspec
from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from sqlalchemy import select
from sqlmodel import col

from cloud.accounts.access import allow
from cloud.accounts.user import Role
from cloud.audit.schemas import AuditEntry, AuditVerification
from cloud.audit.tables import AuditRow
from cloud.audit.trail import AuditTrail, Verification
from cloud.kit.database import AsyncSession
from cloud.kit.paging import CursorError, Page, PageRequest
from cloud.kit.problems import ACCESS_PROBLEMS, problems

ActionFilter = Annotated[
    str | None, QueryParameter(max_length=64, description="Only this action, such as role.granted.")
]
SubjectFilter = Annotated[
    str | None,
    QueryParameter(max_length=128, description="Only acts on this, such as user:0190..."),
]


class AuditController(Controller):
    """The record of privileged acts."""

    path = "/api/v1/audit"
    tags = ("audit",)
    guards = (allow(Role.AUDITOR, Role.ADMIN),)

    @get(
        "/entries",
        summary="List privileged acts, newest first",
        responses=problems(CursorError, *ACCESS_PROBLEMS),
    )
    async def entries(
        self,
        session: NamedDependency[AsyncSession],
        page: NamedDependency[PageRequest],
        action: ActionFilter = None,
        subject: SubjectFilter = None,
    ) -> Page[AuditEntry]:
        """Rows that were recorded, filtered by action or subject."""
        query = select(AuditRow).order_by(col(AuditRow.sequence).desc()).limit(page.fetch)
        if action is not None:
            query = query.where(col(AuditRow.action) == action)
        if subject is not None:
            query = query.where(col(AuditRow.subject) == subject)
        if (after := page.after(tuple[int])) is not None:
            query = query.where(col(AuditRow.sequence) < after[0])
        rows = (await session.scalars(query)).all()
        return page.page(rows, _to_schema, lambda row: (row.sequence,))

    @get("/verification", summary="Check the whole trail", responses=problems(*ACCESS_PROBLEMS))
    async def verification(
        self,
        session: NamedDependency[AsyncSession],
        audit_trail: NamedDependency[AuditTrail],
    ) -> AuditVerification:
        """Recompute every row's code and say which is the first that does not fit."""
        return to_verification(await audit_trail.verify(session))


def to_verification(found: Verification) -> AuditVerification:
    """As it is shown."""
    return AuditVerification(
        is_intact=found.flaw is None,
        rows=found.rows,
        head_mac=found.head_mac,
        first_flaw_sequence=found.flaw.sequence if found.flaw else None,
        first_flaw=found.flaw.what if found.flaw else None,
    )


def _to_schema(row: AuditRow) -> AuditEntry:
    return AuditEntry(
        sequence=row.sequence,
        at=row.at,
        actor=row.actor,
        action=row.action,
        subject=row.subject,
        details=msgspec.json.decode(row.details, type=dict[str, str | int | bool | None]),
    )
