"""Portfolios over HTTP, under `/api/v1`; what Alpaca's clients know of them is under `/v2`."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Controller, Request, get, patch, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter

from cloud.accounts.access import allow
from cloud.accounts.user import Role, User
from cloud.exchange.directory import Directory
from cloud.exchange.portfolios.equity import Timeframe
from cloud.exchange.portfolios.errors import (
    HistoryTooLongError,
    HistoryTooShortError,
    InstrumentMissingError,
    MoveRefusedError,
    NothingToProjectError,
    PortfolioMissingError,
    PortfolioNameTakenError,
    PortfolioNotOpenError,
    TooManyPortfoliosError,
)
from cloud.exchange.portfolios.instants import bounded
from cloud.exchange.portfolios.moves import Moves
from cloud.exchange.portfolios.owners import READERS, Owners
from cloud.exchange.portfolios.projection import HORIZON_DAYS_MAX, Method
from cloud.exchange.portfolios.reading import PortfolioReader
from cloud.exchange.portfolios.schemas import (
    CashMoveCreate,
    History,
    Move,
    Portfolio,
    PortfolioCreate,
    PortfolioRename,
    PositionLots,
    Projection,
    UnitsMoveCreate,
    Valuation,
)
from cloud.exchange.portfolios.service import PortfolioService
from cloud.exchange.portfolios.tables import PortfolioMoveRow
from cloud.exchange.public_ids import portfolio_uuid
from cloud.exchange.wishes import ExchangeBusy, ExchangeUnavailable
from cloud.kit.idempotency import KEY_CHARS_MAX, IdempotencyConflictError, Once
from cloud.kit.problems import ACCESS_PROBLEMS, problems

PortfolioId = Annotated[UUID, PathParameter(description="The portfolio's id.")]

_COMMON: Final = (PortfolioMissingError, PortfolioNotOpenError, *ACCESS_PROBLEMS)
_VENUE: Final = (ExchangeUnavailable, ExchangeBusy, IdempotencyConflictError)


class PortfoliosController(Controller):
    """A trader's portfolios; admins and auditors may look at everybody's."""

    path = "/api/v1/portfolios"
    tags = ("portfolios",)
    guards = (allow(Role.TRADER, *READERS),)

    @get("/", summary="My portfolios", responses=problems(*ACCESS_PROBLEMS))
    async def list_all(
        self, portfolios: NamedDependency[PortfolioService], user: NamedDependency[User]
    ) -> list[Portfolio]:
        """Oldest first; there are at most twenty."""
        return await portfolios.list_all(user.id)

    @post(
        "/",
        summary="Open a portfolio",
        status_code=201,
        guards=[allow(Role.TRADER)],
        responses=problems(
            PortfolioNameTakenError, TooManyPortfoliosError, *_VENUE, *ACCESS_PROBLEMS
        ),
    )
    async def create(
        self,
        data: JSONBody[PortfolioCreate],
        portfolios: NamedDependency[PortfolioService],
        user: NamedDependency[User],
        once: NamedDependency[Once],
    ) -> Portfolio:
        """It is empty; bring cash in from the wallet. Make an API key for it to trade."""
        return await once.answer(Portfolio, lambda: portfolios.create(user.id, data.name))

    @get("/{portfolio_id:uuid}", summary="One portfolio", responses=problems(*_COMMON))
    async def read(
        self,
        portfolio_id: PortfolioId,
        portfolios: NamedDependency[PortfolioService],
        owners: NamedDependency[Owners],
        user: NamedDependency[User],
    ) -> Portfolio:
        """Its name and state."""
        owned = await owners.find(user, portfolio_id)
        return await portfolios.read(owned.id)

    @patch(
        "/{portfolio_id:uuid}",
        summary="Rename a portfolio",
        guards=[allow(Role.TRADER)],
        responses=problems(PortfolioNameTakenError, *_COMMON),
    )
    async def rename(
        self,
        portfolio_id: PortfolioId,
        data: JSONBody[PortfolioRename],
        portfolios: NamedDependency[PortfolioService],
        owners: NamedDependency[Owners],
        user: NamedDependency[User],
    ) -> Portfolio:
        """Its id, and so its keys and orders, stay."""
        owned = await owners.find(user, portfolio_id, is_reading=False)
        return await portfolios.rename(owned.id, data.name)

    @get(
        "/{portfolio_id:uuid}/valuation",
        summary="What it is worth now",
        responses=problems(ExchangeUnavailable, *_COMMON),
    )
    async def valuation(
        self,
        portfolio_id: PortfolioId,
        portfolio_reader: NamedDependency[PortfolioReader],
        owners: NamedDependency[Owners],
        user: NamedDependency[User],
    ) -> Valuation:
        """Cash, positions, realised and unrealised profit at the last prices."""
        owned = await owners.find(user, portfolio_id)
        return portfolio_reader.valuation(owned.id, owned.currency)

    @get(
        "/{portfolio_id:uuid}/positions/{symbol:str}",
        summary="A position with its lots",
        responses=problems(InstrumentMissingError, ExchangeUnavailable, *_COMMON),
    )
    async def position(
        self,
        portfolio_id: PortfolioId,
        symbol: Annotated[str, PathParameter(description="The instrument's symbol.")],
        portfolio_reader: NamedDependency[PortfolioReader],
        owners: NamedDependency[Owners],
        user: NamedDependency[User],
    ) -> PositionLots:
        """Profit by average cost, and first in, first out."""
        owned = await owners.find(user, portfolio_id)
        return await portfolio_reader.lots(owned.id, symbol)

    @get(
        "/{portfolio_id:uuid}/history",
        summary="What it was worth",
        responses=problems(HistoryTooLongError, ExchangeUnavailable, *_COMMON),
    )
    async def history(
        self,
        portfolio_id: PortfolioId,
        portfolio_reader: NamedDependency[PortfolioReader],
        owners: NamedDependency[Owners],
        user: NamedDependency[User],
        timeframe: Annotated[
            Timeframe, QueryParameter(description="How wide the windows are.")
        ] = Timeframe.DAY,
        starts_at: Annotated[
            datetime | None, QueryParameter(description="With its zone; default: long enough ago.")
        ] = None,
        ends_at: Annotated[
            datetime | None, QueryParameter(description="With its zone; default: now.")
        ] = None,
    ) -> History:
        """The equity curve and its profit, deposits and transfers apart."""
        owned = await owners.find(user, portfolio_id)
        until = portfolio_reader.now() if ends_at is None else bounded(ends_at)
        since = bounded(until - _DEFAULT_SPAN[timeframe] if starts_at is None else starts_at)
        return await portfolio_reader.history(owned.id, timeframe, since, until)

    @get(
        "/{portfolio_id:uuid}/projection",
        summary="What it may be worth",
        responses=problems(
            HistoryTooShortError, NothingToProjectError, ExchangeUnavailable, *_COMMON
        ),
    )
    async def projection(
        self,
        portfolio_id: PortfolioId,
        portfolio_reader: NamedDependency[PortfolioReader],
        owners: NamedDependency[Owners],
        user: NamedDependency[User],
        days: Annotated[
            int, QueryParameter(ge=1, le=HORIZON_DAYS_MAX, description="Trading days ahead.")
        ] = 20,
        method: Annotated[
            Method, QueryParameter(description="How the future is drawn.")
        ] = Method.LOGNORMAL,
    ) -> Projection:
        """An estimate from its own daily returns, with how uncertain it is; no promise."""
        owned = await owners.find(user, portfolio_id)
        return await portfolio_reader.projection(owned.id, days, method)

    @post(
        "/{portfolio_id:uuid}/moves/cash",
        summary="Move cash to another of mine",
        status_code=201,
        guards=[allow(Role.TRADER)],
        responses=problems(MoveRefusedError, *_VENUE, *_COMMON),
    )
    async def move_cash(
        self,
        portfolio_id: PortfolioId,
        data: JSONBody[CashMoveCreate],
        request: Request[Any, Any, Any],
        moves: NamedDependency[Moves],
        owners: NamedDependency[Owners],
        user: NamedDependency[User],
    ) -> Move:
        """Settled, free cash only. Send an Idempotency-Key to retry safely."""
        giver = await owners.find(user, portfolio_id, is_reading=False)
        taker = await owners.find(user, data.to_portfolio_id, is_reading=False)
        row = await moves.cash(user.id, giver.id, taker.id, data.amount_minor, _key(request))
        return _to_schema(row, None)

    @post(
        "/{portfolio_id:uuid}/moves/units",
        summary="Move units to another of mine",
        status_code=201,
        guards=[allow(Role.TRADER)],
        responses=problems(MoveRefusedError, InstrumentMissingError, *_VENUE, *_COMMON),
    )
    async def move_units(
        self,
        portfolio_id: PortfolioId,
        data: JSONBody[UnitsMoveCreate],
        request: Request[Any, Any, Any],
        moves: NamedDependency[Moves],
        owners: NamedDependency[Owners],
        directory: NamedDependency[Directory],
        user: NamedDependency[User],
    ) -> Move:
        """Settled, free units, oldest lots first, with their cost."""
        giver = await owners.find(user, portfolio_id, is_reading=False)
        taker = await owners.find(user, data.to_portfolio_id, is_reading=False)
        market = directory.by_symbol(data.symbol)
        if market is None:
            raise InstrumentMissingError(f"There is no instrument {data.symbol}.")
        row = await moves.units(
            user.id,
            giver.id,
            taker.id,
            market.instrument.instrument_id,
            data.units,
            _key(request),
        )
        return _to_schema(row, data.symbol)


_DEFAULT_SPAN: Final = {
    Timeframe.MINUTE: timedelta(days=1),
    Timeframe.FIVE_MINUTES: timedelta(days=7),
    Timeframe.QUARTER: timedelta(days=7),
    Timeframe.HOUR: timedelta(days=30),
    Timeframe.DAY: timedelta(days=365),
}


def _key(request: Request[Any, Any, Any]) -> str | None:
    """The caller's own key of this wish; without one, every request is another wish."""
    key = request.headers.get("idempotency-key")
    return None if key is None else key[:KEY_CHARS_MAX]


def _to_schema(row: PortfolioMoveRow, symbol: str | None) -> Move:
    assert row.id is not None, "a stored row has a number"
    assert row.done_sequence is not None, "a move that is answered was done"
    assert row.done_at is not None, "a move that is answered was done"
    return Move(
        id=row.id,
        sequence=row.done_sequence,
        at=row.done_at,
        from_portfolio_id=portfolio_uuid(row.from_portfolio_id),
        to_portfolio_id=portfolio_uuid(row.to_portfolio_id),
        amount_minor=row.amount,
        symbol=symbol,
        units=row.units,
    )
