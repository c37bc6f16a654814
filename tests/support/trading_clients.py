"""Alpaca's own unmodified client in front of a venue behind a real web server."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from alpaca.trading.client import TradingClient

from cloud.accounts.user import Role
from cloud.exchange.public_ids import portfolio_uuid
from cloud.kit.feature import Kit
from tests.support.serving import serving
from tests.support.venue_app import TASKS, VenueApp, venue_app
from trading.commands import DepositUnits, ListInstrument, SetPhase
from trading.instruments import CONTINUOUS, Instrument

T = TypeVar("T")

CASH = 100_000_00
ACME = Instrument(
    1,
    "ACME",
    1_000_000,
    ((0, 1), (10_000, 100)),
    money_divisor=100,
    taker_fee_rate=30,
    is_shortable=True,
)
BOLT = Instrument(2, "BOLT", 500_000, ((0, 1), (10_000, 100)), money_divisor=100, settle_days=1)


@dataclass
class Trader:
    """A portfolio, its key, and Alpaca's client for it."""

    portfolio_id: int
    headers: dict[str, str]
    key: str
    secret: str
    url: str
    client: TradingClient

    async def do(self, call: Callable[..., T], *arguments: Any, **named: Any) -> T:
        """Call Alpaca's blocking client beside the loop that serves it."""
        return await asyncio.to_thread(call, *arguments, **named)


@dataclass
class Venue:
    """The venue and where its web server listens."""

    app: VenueApp
    url: str

    async def trader(
        self, email: str, *, cash: int = CASH, units: dict[int, int] | None = None
    ) -> Trader:
        """Somebody with a funded portfolio and a key made over the API."""
        headers = await self.app.sign_in(email, Role.TRADER)
        portfolio_id, _ = await self.app.open_portfolio(email, cash)
        for instrument_id, count in (units or {}).items():
            await self.app.submit(
                DepositUnits(0, 0, portfolio_id, instrument_id, count, 9_000 * count)
            )
        body = {"portfolio_id": str(portfolio_uuid(portfolio_id)), "name": "tests"}
        answer = await self.app.client.post("/api/v1/api-keys", json=body, headers=headers)
        assert answer.status_code == 201, answer.text
        made = answer.json()
        client = TradingClient(made["id"], made["secret"], url_override=self.url)
        # What a test did not expect must fail at once, not after three tries.
        client._retry = 0
        return Trader(portfolio_id, headers, made["id"], made["secret"], self.url, client)


@contextlib.asynccontextmanager
async def trading_venue_of(kit: Kit, *more_tasks: str) -> AsyncIterator[Venue]:
    """ACME at 100 dollars and BOLT at 50, both trading, behind a web server; with these tasks."""
    tasks = (*TASKS, *more_tasks)
    async with venue_app(kit, tasks) as app, serving(app.asgi, has_lifespan=False) as port:
        for one in (ACME, BOLT):
            await app.submit(ListInstrument(0, 0, one))
        await app.submit(SetPhase(0, 0, 0, CONTINUOUS))
        yield Venue(app, f"http://127.0.0.1:{port}")
