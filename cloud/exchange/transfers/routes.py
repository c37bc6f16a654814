"""Transfers between the wallet and a portfolio over HTTP."""

from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Controller, Request, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter

from cloud.accounts.access import allow
from cloud.accounts.user import Role, User
from cloud.exchange.portfolios.errors import PortfolioMissingError
from cloud.exchange.portfolios.owners import READERS, Owners
from cloud.exchange.public_ids import portfolio_uuid
from cloud.exchange.transfers.errors import TransferMissingError, TransferRefusedError
from cloud.exchange.transfers.rules import Direction, State
from cloud.exchange.transfers.schemas import Transfer, TransferCreate
from cloud.exchange.transfers.service import TransferService
from cloud.exchange.transfers.tables import TransferRow
from cloud.exchange.wishes import ExchangeBusy, ExchangeUnavailable
from cloud.kit.idempotency import KEY_CHARS_MAX, IdempotencyConflictError
from cloud.kit.paging import CursorError, Page, PageRequest
from cloud.kit.problems import ACCESS_PROBLEMS, problems
from cloud.ledger.errors import InsufficientFundsError

PortfolioId = Annotated[UUID, PathParameter(description="The portfolio's id.")]

_COMMON: Final = (PortfolioMissingError, *ACCESS_PROBLEMS)


class TransfersController(Controller):
    """Cash between a trader's wallet and one of their portfolios."""

    path = "/api/v1/portfolios/{portfolio_id:uuid}/transfers"
    tags = ("portfolios",)
    guards = (allow(Role.TRADER, *READERS),)

    @post(
        "/",
        summary="Move cash from or to my wallet",
        status_code=201,
        guards=[allow(Role.TRADER)],
        responses=problems(
            TransferRefusedError,
            InsufficientFundsError,
            IdempotencyConflictError,
            ExchangeBusy,
            ExchangeUnavailable,
            *_COMMON,
        ),
    )
    async def create(
        self,
        portfolio_id: PortfolioId,
        data: JSONBody[TransferCreate],
        request: Request[Any, Any, Any],
        transfers: NamedDependency[TransferService],
        owners: NamedDependency[Owners],
        user: NamedDependency[User],
    ) -> Transfer:
        """Out goes settled, free cash only. Send an Idempotency-Key to retry safely.

        A transfer that has begun comes to its end, also after an error here: the list shows it.
        """
        owned = await owners.find(user, portfolio_id, is_reading=False)
        key = request.headers.get("idempotency-key")
        row = await transfers.ask(
            owned, data.direction, data.amount_minor, key and key[:KEY_CHARS_MAX]
        )
        if row.state in (State.REFUSED, State.RETURNED):
            raise TransferRefusedError(row.problem)
        return _to_schema(row)

    @get(
        "/",
        summary="Transfers from and to the wallet",
        responses=problems(CursorError, *_COMMON),
    )
    async def list_all(
        self,
        portfolio_id: PortfolioId,
        transfers: NamedDependency[TransferService],
        owners: NamedDependency[Owners],
        user: NamedDependency[User],
        page: NamedDependency[PageRequest],
    ) -> Page[Transfer]:
        """Newest first."""
        owned = await owners.find(user, portfolio_id)
        rows = await transfers.page(owned, page)
        return page.page(rows, _to_schema, lambda row: (row.id,))

    @get(
        "/{transfer_id:int}",
        summary="One transfer",
        responses=problems(TransferMissingError, *_COMMON),
    )
    async def read(
        self,
        portfolio_id: PortfolioId,
        transfer_id: Annotated[
            int, PathParameter(description="The transfer's number.", ge=1, le=(1 << 63) - 1)
        ],
        transfers: NamedDependency[TransferService],
        owners: NamedDependency[Owners],
        user: NamedDependency[User],
    ) -> Transfer:
        """Where it stands."""
        owned = await owners.find(user, portfolio_id)
        return _to_schema(await transfers.find(owned, transfer_id))


def _to_schema(row: TransferRow) -> Transfer:
    assert row.id is not None, "a stored row has a number"
    return Transfer(
        id=row.id,
        portfolio_id=portfolio_uuid(row.portfolio_id),
        direction=Direction(row.direction),
        amount_minor=row.amount,
        currency=row.currency,
        state=State(row.state),
        problem=row.problem,
        asked_at=row.asked_at,
        ended_at=row.ended_at,
    )
