"""A user's wallet over HTTP: balances, statement, top-up; and credits by an operator."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter

from cloud.accounts.access import allow, signed_in
from cloud.accounts.user import Role, User
from cloud.accounts.users.errors import UserMissingError
from cloud.accounts.users.service import UserService
from cloud.kit.idempotency import IdempotencyConflictError, Once
from cloud.kit.paging import CursorError, Page, PageRequest
from cloud.kit.problems import ACCESS_PROBLEMS, problems
from cloud.ledger.desk import WalletDesk
from cloud.ledger.errors import PaymentDeclinedError, ProviderMissingError
from cloud.ledger.schemas import Credit, Provider, StatementLine, TopUp, Wallet
from cloud.ledger.statements import Statements


class WalletController(Controller):
    """The caller's own money."""

    path = "/api/v1/wallet"
    tags = ("wallet",)
    guards = (signed_in,)

    @get("/", summary="My money", responses=problems(*ACCESS_PROBLEMS))
    async def wallets(
        self, statements: NamedDependency[Statements], user: NamedDependency[User]
    ) -> list[Wallet]:
        """One wallet for each currency the user ever had."""
        return await statements.wallets(user.id)

    @get("/statement", summary="My statement", responses=problems(CursorError, *ACCESS_PROBLEMS))
    async def statement(
        self,
        statements: NamedDependency[Statements],
        user: NamedDependency[User],
        page: NamedDependency[PageRequest],
    ) -> Page[StatementLine]:
        """Every movement of the user's money, newest first."""
        return await statements.statement(user.id, page)

    @get("/providers", summary="Ways to pay", responses=problems(*ACCESS_PROBLEMS))
    async def providers(self, desk: NamedDependency[WalletDesk]) -> list[Provider]:
        """How a wallet can be topped up here."""
        return desk.providers()

    @post(
        "/top-ups",
        summary="Top up my wallet",
        status_code=201,
        responses=problems(
            PaymentDeclinedError, ProviderMissingError, IdempotencyConflictError, *ACCESS_PROBLEMS
        ),
    )
    async def top_up(
        self,
        data: JSONBody[TopUp],
        request: Request[Any, Any, Any],
        desk: NamedDependency[WalletDesk],
        user: NamedDependency[User],
        once: NamedDependency[Once],
    ) -> Wallet:
        """Pay with a provider; debts are paid first. Send an Idempotency-Key to retry safely."""
        key = request.headers.get("idempotency-key")
        return await once.answer(Wallet, lambda: desk.top_up(user, data, key))


class CreditsController(Controller):
    """What an operator does about somebody's money."""

    path = "/api/v1/users/{user_id:uuid}"
    tags = ("wallet",)
    guards = (allow(Role.OPERATOR, Role.ADMIN),)

    @get("/wallet", summary="Somebody's money", responses=problems(*ACCESS_PROBLEMS))
    async def wallets(
        self,
        user_id: Annotated[UUID, PathParameter(description="The user's id.")],
        statements: NamedDependency[Statements],
    ) -> list[Wallet]:
        """One wallet for each currency that user ever had."""
        return await statements.wallets(user_id)

    @post(
        "/credits",
        summary="Credit a wallet",
        status_code=201,
        responses=problems(UserMissingError, IdempotencyConflictError, *ACCESS_PROBLEMS),
    )
    async def credit(
        self,
        user_id: Annotated[UUID, PathParameter(description="The user's id.")],
        data: JSONBody[Credit],
        request: Request[Any, Any, Any],
        desk: NamedDependency[WalletDesk],
        users: NamedDependency[UserService],
        user: NamedDependency[User],
        once: NamedDependency[Once],
    ) -> Wallet:
        """Put money into a wallet on behalf of the operator; the reason is audited."""
        await users.profile(user_id)  # a wallet of nobody would be money lost
        key = request.headers.get("idempotency-key")
        return await once.answer(Wallet, lambda: desk.credit(user, user_id, data, key))
