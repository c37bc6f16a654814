"""Alpaca's own unmodified client in front of a venue behind a real web server."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
import uvicorn
from alpaca.trading.client import TradingClient

from cloud.accounts.user import Role
from cloud.exchange.public_ids import portfolio_uuid
from tests.support.venue_app import VenueApp
from trading.commands import DepositUnits
from trading.instruments import Instrument

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
async def serving(app: VenueApp) -> AsyncIterator[str]:
    """A real web server in this loop; gives its address."""
    transport = app.client._transport
    assert isinstance(transport, httpx.ASGITransport)
    config = uvicorn.Config(
        transport.app, host="127.0.0.1", port=0, http="httptools", log_config=None, lifespan="off"
    )
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment] # pytest keeps them
    task = asyncio.create_task(server.serve())
    while not server.started:
        assert not task.done()
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await task
