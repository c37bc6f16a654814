"""The whole cloud with a leading exchange, over HTTP; the venue opens and closes by hand only."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx

from cloud.accounts.user import Role
from cloud.accounts.wire import Accounts
from cloud.app import build_asgi, wire_features
from cloud.exchange.sequencer import Receipt, Sequencer
from cloud.kit.feature import Kit
from tests.support.exchange import wish_of
from trading.command_base import Command
from trading.commands import Deposit, DepositUnits, OpenPortfolio, PlaceOrder
from trading.orders import GTC, LIMIT
from trading.terms import NewOrder

PASSWORD = "correct horse battery"
TASKS = ("exchange-leader",)


@dataclass
class VenueApp:
    """What a test holds: the HTTP client, and the sequencer beside it."""

    kit: Kit
    client: httpx.AsyncClient
    sequencer: Sequencer

    @property
    def asgi(self) -> Any:
        """What a web server can serve."""
        transport = self.client._transport
        assert isinstance(transport, httpx.ASGITransport)
        return transport.app

    async def sign_in(self, email: str, *roles: Role) -> dict[str, str]:
        """The headers of a user with these roles."""
        users = Accounts(self.kit)
        async with self.kit.database.session() as session:
            if await users.users(session).find_id(email) is None:
                await users.users(session).create(email, PASSWORD, roles, name=email)
        answer = await self.client.post(
            "/api/v1/auth/login", json={"email": email, "password": PASSWORD}
        )
        assert answer.status_code == 200, answer.text
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}

    async def submit(self, command: Command, *names: str, portfolio_id: int = 0) -> Receipt:
        """Send a command; its number and time are the sequencer's."""
        return await self.sequencer.submit(wish_of(command, *names, portfolio_id=portfolio_id))

    async def open_portfolio(self, email: str, cash: int = 10**9) -> tuple[int, int]:
        """A portfolio of that user with cash: its number and its account's."""
        pool = self.kit.database.pool
        async with self.kit.database.session() as session:
            user_id: UUID | None = await Accounts(self.kit).users(session).find_id(email)
        account_id = await pool.fetchval(
            "INSERT INTO trading_accounts (user_id) VALUES ($1) "
            "ON CONFLICT (user_id) DO UPDATE SET user_id = EXCLUDED.user_id RETURNING id",
            user_id,
        )
        portfolio_id = await pool.fetchval(
            "INSERT INTO portfolios (account_id, name, currency, created_at) "
            "SELECT $1, 'p' || count(*), 'USD', now() FROM portfolios RETURNING id",
            account_id,
        )
        await self.submit(OpenPortfolio(0, 0, portfolio_id, account_id))
        if cash:
            await self.submit(Deposit(0, 0, portfolio_id, cash))
        return portfolio_id, account_id

    async def give_units(self, portfolio_id: int, instrument_id: int, units: int) -> None:
        """Units to sell."""
        await self.submit(DepositUnits(0, 0, portfolio_id, instrument_id, units, 0))

    async def limit(
        self, portfolio_id: int, side: int, units: int, price_ticks: int, instrument_id: int = 1
    ) -> Receipt:
        """Place a GTC limit order."""
        order = NewOrder(portfolio_id, instrument_id, side, LIMIT, GTC, units, price_ticks)
        return await self.submit(PlaceOrder(0, 0, order))


@asynccontextmanager
async def venue_app(kit: Kit, tasks: Collection[str] = TASKS) -> AsyncIterator[VenueApp]:
    """The application with these of its tasks running; it leads before the block begins."""
    features = wire_features(kit)
    sequencer: Sequencer = await features[-1].dependencies["sequencer"]()
    leads = asyncio.Event()
    sequencer.on_lead(lambda _: leads.set())
    asgi: Any = build_asgi(kit, features)
    transport = httpx.ASGITransport(app=asgi, raise_app_exceptions=False)
    async with AsyncExitStack() as stack:
        for resource in (resource for f in features for resource in f.resources):
            await stack.enter_async_context(resource())
        client = await stack.enter_async_context(
            httpx.AsyncClient(transport=transport, base_url="http://curb.test")
        )
        async with asyncio.TaskGroup() as group:
            running = [
                group.create_task(task.run(), name=task.name)  # type: ignore[arg-type]
                for feature in features
                for task in feature.tasks
                if task.name in tasks
            ]
            await asyncio.wait_for(leads.wait(), 30)
            try:
                yield VenueApp(kit, client, sequencer)
            finally:
                for task in running:
                    task.cancel()
