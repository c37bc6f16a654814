"""A ledger on a real PostgreSQL."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from cloud.kit.clock import SystemClock
from cloud.kit.database import Database, open_database
from cloud.kit.ids import TimeOrderedIds
from cloud.kit.money import Money
from cloud.kit.settings import Settings
from cloud.ledger.rules import Account, AccountKind
from cloud.ledger.service import LedgerService
from cloud.ledger.statements import Statements

Step = Callable[[LedgerService], Awaitable[Any]]


class Books:
    """One ledger; every call is a database transaction of its own."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = SystemClock()
        self.ids = TimeOrderedIds(self.clock)

    async def do(self, step: Step) -> Any:
        async with self.database.session() as session:
            return await step(LedgerService(session, clock=self.clock, ids=self.ids))

    async def read(self, step: Callable[[Statements], Awaitable[Any]]) -> Any:
        async with self.database.session() as session:
            return await step(Statements(session))

    async def balance(self, kind: AccountKind, owner: object, currency: str = "EUR") -> int:
        account = Account(kind, str(owner), currency)
        money: Money = await self.do(lambda ledger: ledger.balance(account))
        return money.amount_minor

    async def user_with(self, amount_minor: int) -> UUID:
        user = self.ids.new()
        if amount_minor:
            await self.do(
                lambda ledger: ledger.top_up(
                    user, Money(amount_minor, "EUR"), client_id=f"start:{user}", source="demo"
                )
            )
        return user

    async def check(self) -> None:
        """Everything sums to zero, and every balance is the sum of its postings."""
        fetch = self.database.pool.fetchval
        assert await fetch("SELECT coalesce(sum(balance_minor), 0) FROM ledger_balances") == 0
        assert await fetch("SELECT coalesce(sum(amount_minor), 0) FROM ledger_postings") == 0
        wrong = """
            SELECT count(*) FROM ledger_balances b WHERE balance_minor <> (
                SELECT coalesce(sum(amount_minor), 0) FROM ledger_postings p
                WHERE p.account_id = b.account_id AND p.part = b.part)
        """
        assert await fetch(wrong) == 0


@pytest.fixture
async def books(module_database_url: str, tmp_path: Path) -> AsyncIterator[Books]:
    settings = Settings(
        database_url=module_database_url, redis_url="redis://unused", data_dir=tmp_path
    )
    async with open_database(settings) as database:
        made = Books(database)
        yield made
