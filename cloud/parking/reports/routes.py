"""Overviews over HTTP."""

from datetime import date
from typing import Annotated

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from cloud.accounts.access import allow
from cloud.accounts.user import Role
from cloud.kit.problems import ACCESS_PROBLEMS, problems
from cloud.parking.lots.errors import LotMissingError
from cloud.parking.parameters import LotId
from cloud.parking.reports.errors import ReportWindowError
from cloud.parking.reports.schemas import LotOverview, RevenueDay
from cloud.parking.reports.service import ReportService

_PEOPLE = allow(Role.OPERATOR, Role.ADMIN, Role.AUDITOR)


class ReportsController(Controller):
    """What operators look at first."""

    path = "/api/v1/lots/{lot:str}"
    tags = ("reports",)
    guards = (_PEOPLE,)

    @get(
        "/overview",
        summary="A lot at a glance",
        responses=problems(LotMissingError, *ACCESS_PROBLEMS),
    )
    async def overview(self, lot: LotId, reports: NamedDependency[ReportService]) -> LotOverview:
        """Occupancy, today's traffic and money, debts, open exceptions."""
        return await reports.overview(lot)

    @get(
        "/revenue",
        summary="Revenue by day",
        responses=problems(LotMissingError, ReportWindowError, *ACCESS_PROBLEMS),
    )
    async def revenue(
        self,
        lot: LotId,
        reports: NamedDependency[ReportService],
        first: Annotated[date, QueryParameter(description="The first local day.")],
        last: Annotated[date, QueryParameter(description="The last local day, included.")],
    ) -> list[RevenueDay]:
        """Every day of the range, quiet ones too; at most 366."""
        return await reports.revenue(lot, first, last)
