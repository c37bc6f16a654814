"""Limits and violations over HTTP."""

from typing import Annotated
from uuid import UUID

from litestar import Controller, get, patch
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter

from cloud.accounts.access import allow
from cloud.accounts.user import Role, User
from cloud.exchange.limits.errors import PortfolioMissingError
from cloud.exchange.limits.schemas import LimitsEdit, PortfolioLimits, Violation
from cloud.exchange.limits.service import RiskLimitService
from cloud.exchange.sequencer import ExchangeBusy, ExchangeUnavailable
from cloud.exchange.venue.errors import LimitsInvalidError
from cloud.kit.paging import CursorError, Page, PageRequest
from cloud.kit.problems import ACCESS_PROBLEMS, problems

PortfolioId = Annotated[UUID, PathParameter(description="The portfolio's public id.")]
SEES_LIMITS = allow(Role.TRADER, Role.ADMIN, Role.AUDITOR)
OF_VENUE = (ExchangeUnavailable, ExchangeBusy, *ACCESS_PROBLEMS)


class RiskController(Controller):
    """Risk limits by portfolio, their default, and what they refused."""

    path = "/api/v1/exchange"
    tags = ("risk",)

    @get(
        "/limits",
        guards=[SEES_LIMITS],
        summary="The default limits",
        responses=problems(*ACCESS_PROBLEMS),
    )
    async def read_default(self, risk_limits: NamedDependency[RiskLimitService]) -> PortfolioLimits:
        """Of every portfolio without its own."""
        return await risk_limits.read_default()

    @patch(
        "/limits",
        guards=[allow(Role.ADMIN)],
        summary="Change the default limits",
        responses=problems(LimitsInvalidError, *OF_VENUE),
    )
    async def edit_default(
        self,
        data: JSONBody[LimitsEdit],
        risk_limits: NamedDependency[RiskLimitService],
        user: NamedDependency[User],
    ) -> PortfolioLimits:
        """Audited, and in force for every order after it."""
        return await risk_limits.edit_default(user.id, data)

    @get(
        "/portfolios/{portfolio_id:uuid}/limits",
        guards=[SEES_LIMITS],
        summary="A portfolio's limits",
        responses=problems(PortfolioMissingError, *ACCESS_PROBLEMS),
    )
    async def read(
        self,
        portfolio_id: PortfolioId,
        risk_limits: NamedDependency[RiskLimitService],
        user: NamedDependency[User],
    ) -> PortfolioLimits:
        """Its own, or the default if it has none."""
        return await risk_limits.read(user, portfolio_id)

    @patch(
        "/portfolios/{portfolio_id:uuid}/limits",
        guards=[allow(Role.ADMIN)],
        summary="Change a portfolio's limits",
        responses=problems(PortfolioMissingError, LimitsInvalidError, *OF_VENUE),
    )
    async def edit(
        self,
        portfolio_id: PortfolioId,
        data: JSONBody[LimitsEdit],
        risk_limits: NamedDependency[RiskLimitService],
        user: NamedDependency[User],
    ) -> PortfolioLimits:
        """Audited; what is left out stays as it is in force."""
        return await risk_limits.edit(user, portfolio_id, data)

    @get(
        "/violations",
        guards=[SEES_LIMITS],
        summary="What risk refused, newest first",
        responses=problems(PortfolioMissingError, CursorError, *ACCESS_PROBLEMS),
    )
    async def violations(
        self,
        risk_limits: NamedDependency[RiskLimitService],
        user: NamedDependency[User],
        page: NamedDependency[PageRequest],
        portfolio: Annotated[
            UUID | None, QueryParameter(description="Only this portfolio's.")
        ] = None,
    ) -> Page[Violation]:
        """A trader sees their own, admins and auditors all."""
        return await risk_limits.violations(user, page, portfolio)
