"""The whole cloud behind a real web server, its exchange leading, the market moved by hand."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from cloud.accounts.user import Role
from cloud.app import build_asgi, running, wire_features
from cloud.exchange.market_data.feed import Feed
from cloud.exchange.public_ids import portfolio_uuid
from cloud.kit.clock import ManualClock
from cloud.kit.feature import Feature, Kit, ProcessRole
from tests.support.alpaca_clients import Key
from tests.support.serving import serving
from tests.support.venue_app import VenueApp
from trading.commands import ListInstrument, SetPhase
from trading.instruments import CONTINUOUS, Instrument

TRADER = "ada@example.org"
DAY = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
TICKS = ((0, 1), (10_000, 100))
AAPL = Instrument(1, "AAPL", 1_500_000, TICKS, money_divisor=100)
IBM = Instrument(2, "IBM", 900_000, TICKS, money_divisor=100)


@dataclass
class Market(VenueApp):
    """The venue with two traders, whose first one has an API key."""

    feed: Feed
    key: Key
    portfolios: tuple[int, int]

    @property
    def url(self) -> str:
        return self.key.base_url

    @property
    def headers(self) -> dict[str, str]:
        return {"APCA-API-KEY-ID": self.key.key_id, "APCA-API-SECRET-KEY": self.key.secret}

    def wait(self, **time: float) -> None:
        """Let the venue's time go on."""
        assert isinstance(self.kit.clock, ManualClock)
        self.kit.clock.advance(timedelta(**time))

    async def trade(self, price_ticks: int, units: int, instrument_id: int = 1) -> None:
        """The second trader sells to the first at this price."""
        buyer, seller = self.portfolios
        await self.limit(buyer, 1, units, price_ticks, instrument_id)
        await self.limit(seller, 2, units, price_ticks, instrument_id)

    async def get(self, path: str, **query: Any) -> httpx.Response:
        return await self.client.get(f"/v2/stocks{path}", params=query, headers=self.headers)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(DAY)


def only_market_tasks(features: tuple[Feature, ...]) -> tuple[Feature, ...]:
    """Without what opens and closes the market by the clock."""
    wanted = ("exchange-leader", "market-data", "rooms", "live")
    return tuple(
        Feature(
            one.name,
            resources=one.resources,
            tasks=tuple(task for task in one.tasks if task.name.startswith(wanted)),
        )
        for one in features
    )


@pytest.fixture
async def market(kit: Kit) -> AsyncIterator[Market]:
    """AAPL and IBM trade; both traders have cash and units."""
    features = wire_features(kit)
    exchange = features[-1]
    sequencer = await exchange.dependencies["sequencer"]()
    desk = await exchange.dependencies["market_data"]()
    leads = asyncio.Event()
    sequencer.on_lead(lambda _: leads.set())
    roles = frozenset({ProcessRole.EXCHANGE, ProcessRole.API})
    async with (
        running(kit, only_market_tasks(features), roles),
        serving(build_asgi(kit, features)) as port,
    ):
        url = f"http://127.0.0.1:{port}"
        await asyncio.wait_for(leads.wait(), 30)
        async with httpx.AsyncClient(base_url=url) as client:
            yield await opened(VenueApp(kit, client, sequencer), desk.feed, url)


async def opened(app: VenueApp, feed: Feed, url: str) -> Market:
    """List, open and fund what the tests need."""
    headers = await app.sign_in(TRADER, Role.TRADER)
    await app.sign_in("bob@example.org", Role.TRADER)
    for one in (AAPL, IBM):
        await app.submit(ListInstrument(0, 0, one))
        await app.submit(SetPhase(0, 0, one.instrument_id, CONTINUOUS))
    first, _ = await app.open_portfolio(TRADER, 10**12)
    second, _ = await app.open_portfolio("bob@example.org", 10**12)
    for number in (1, 2):
        await app.give_units(second, number, 10**6)
    body = {"portfolio_id": str(portfolio_uuid(first)), "name": "test"}
    answer = await app.client.post("/api/v1/api-keys", json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    key = Key(url, made["id"], made["secret"])
    return Market(app.kit, app.client, app.sequencer, feed, key, (first, second))


async def eventually(is_so: Any, within_s: float = 20) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(within_s):
        while not is_so():  # noqa: ASYNC110 -- whatever it is, it gives no event
            await asyncio.sleep(0.01)
