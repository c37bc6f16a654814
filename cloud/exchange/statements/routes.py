"""Statements over HTTP: JSON, CSV or PDF of the same data."""

import asyncio
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final
from uuid import UUID

import msgspec
from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import PathParameter, QueryParameter

from cloud.accounts.access import allow
from cloud.accounts.user import Role, User
from cloud.exchange.portfolios.errors import PortfolioMissingError
from cloud.exchange.portfolios.instants import bounded
from cloud.exchange.portfolios.owners import READERS, Owners
from cloud.exchange.portfolios.reading import PortfolioReader
from cloud.exchange.statements.csv_file import to_csv
from cloud.exchange.statements.errors import PeriodInvalidError, StatementTooLongError
from cloud.exchange.statements.pdf_file import to_pdf
from cloud.exchange.statements.schemas import Statement
from cloud.exchange.statements.service import StatementService
from cloud.kit.problems import ACCESS_PROBLEMS, problems

PERIOD_DEFAULT: Final = timedelta(days=30)


class StatementFormat(StrEnum):
    """What a statement is wanted as."""

    JSON = "json"
    CSV = "csv"
    PDF = "pdf"


_MEDIA: Final = {
    StatementFormat.JSON: "application/json",
    StatementFormat.CSV: "text/csv; charset=utf-8",
    StatementFormat.PDF: "application/pdf",
}


class StatementsController(Controller):
    """A portfolio's statements; admins and auditors may read everybody's."""

    path = "/api/v1/portfolios/{portfolio_id:uuid}/statement"
    tags = ("portfolios",)
    guards = (allow(Role.TRADER, *READERS),)

    @get(
        "/",
        summary="A statement of a period",
        responses={
            200: ResponseSpec(
                Statement, generate_examples=False, description="Or the file asked for."
            ),
            **problems(
                PeriodInvalidError,
                StatementTooLongError,
                PortfolioMissingError,
                *ACCESS_PROBLEMS,
            ),
        },
    )
    async def make(
        self,
        portfolio_id: Annotated[UUID, PathParameter(description="The portfolio's id.")],
        statements_of: NamedDependency[StatementService],
        portfolio_reader: NamedDependency[PortfolioReader],
        owners: NamedDependency[Owners],
        user: NamedDependency[User],
        starts_at: Annotated[
            datetime | None, QueryParameter(description="Included; default: 30 days before the end")
        ] = None,
        ends_at: Annotated[
            datetime | None, QueryParameter(description="Not included; default: now.")
        ] = None,
        format_: Annotated[
            StatementFormat, QueryParameter(name="format", description="Of the answer.")
        ] = StatementFormat.JSON,
    ) -> Response[bytes]:
        """Balances at both ends, all that happened between, and positions with their lots."""
        owned = await owners.find(user, portfolio_id)
        now = portfolio_reader.now()
        until = now if ends_at is None else bounded(ends_at)
        since = bounded(until - PERIOD_DEFAULT if starts_at is None else starts_at)
        statement = await statements_of.make(
            owned.id, owned.name, owned.currency, since, until, now
        )
        content = await asyncio.to_thread(_write, statement, format_)
        name = f"statement-{since:%Y-%m-%d}-{until:%Y-%m-%d}.{format_}"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        if format_ is StatementFormat.JSON:
            headers = {}
        return Response(content, media_type=_MEDIA[format_], headers=headers)


def _write(statement: Statement, format_: StatementFormat) -> bytes:
    match format_:
        case StatementFormat.JSON:
            return msgspec.json.encode(statement)
        case StatementFormat.CSV:
            return to_csv(statement)
        case StatementFormat.PDF:
            return to_pdf(statement)
