"""The review list over HTTP."""

from typing import Annotated
from uuid import UUID

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter

from cloud.accounts.access import allow
from cloud.accounts.user import Role, User
from cloud.exchange.surveillance.errors import CaseMissingError, CaseStateError
from cloud.exchange.surveillance.schemas import (
    Case,
    CaseDetail,
    CaseState,
    PatternWord,
    ReviewCreate,
)
from cloud.exchange.surveillance.service import ReviewList
from cloud.kit.paging import CursorError, Page, PageRequest
from cloud.kit.problems import ACCESS_PROBLEMS, problems

CaseId = Annotated[UUID, PathParameter(description="The case's id.")]


class SurveillanceController(Controller):
    """What may be market abuse, for compliance: admins and auditors."""

    path = "/api/v1/exchange/surveillance/cases"
    tags = ("surveillance",)
    guards = (allow(Role.ADMIN, Role.AUDITOR),)

    @get("/", summary="The review list", responses=problems(CursorError, *ACCESS_PROBLEMS))
    async def list_all(
        self,
        review_list: NamedDependency[ReviewList],
        page: NamedDependency[PageRequest],
        in_state: Annotated[
            CaseState | None, QueryParameter(name="state", description="Only cases in this state.")
        ] = None,
        pattern: Annotated[
            PatternWord | None, QueryParameter(description="Only this pattern.")
        ] = None,
    ) -> Page[Case]:
        """Those with the newest findings first."""
        return await review_list.list_all(page, state=in_state, pattern=pattern)

    @get(
        "/{case_id:uuid}",
        summary="A case with its evidence",
        responses=problems(CaseMissingError, *ACCESS_PROBLEMS),
    )
    async def read(self, case_id: CaseId, review_list: NamedDependency[ReviewList]) -> CaseDetail:
        """Findings with the trades and orders that led to them, and what reviewers wrote."""
        return await review_list.read(case_id)

    @post(
        "/{case_id:uuid}/reviews",
        summary="Note or decide",
        responses=problems(CaseMissingError, CaseStateError, *ACCESS_PROBLEMS),
    )
    async def review(
        self,
        case_id: CaseId,
        data: JSONBody[ReviewCreate],
        review_list: NamedDependency[ReviewList],
        user: NamedDependency[User],
    ) -> CaseDetail:
        """Audited. After a decision, new findings about the same open a new case."""
        return await review_list.review(user.id, case_id, data)
