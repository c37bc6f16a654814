"""How market data joins the exchange: feeds, their providers, streams, history and rooms."""

import asyncio
from uuid import uuid4

import asyncpg
import structlog

from cloud.accounts.access import Authenticator
from cloud.accounts.api_keys.authenticator import ApiKeys
from cloud.events.cancelled import end_if_cancelled
from cloud.exchange.market_data.calendar import day_offset_ns
from cloud.exchange.market_data.desk import MarketDataDesk
from cloud.exchange.market_data.feed import Feed
from cloud.exchange.market_data.history import History
from cloud.exchange.market_data.providers.venue import VenueProvider
from cloud.exchange.market_data.recorder import PRUNE_EVERY_S, Recorder
from cloud.exchange.market_data.rooms import InstrumentRoom, MarketTeller
from cloud.exchange.market_data.routes import ManyStocksController, OneStockController
from cloud.exchange.market_data.seeding import Seeding
from cloud.exchange.market_data.stream_routes import DataConnections, data_routes
from cloud.exchange.sequencer import Sequencer
from cloud.kit.clock import Clock
from cloud.kit.feature import Feature, Kit, NamedTask, ProcessRole
from cloud.realtime.wire import Realtime

log = structlog.get_logger()

VENUE_FEED_NAMES = ("curb", "iex", "sip")
"""One feed under the names that clients' tools know."""
ADVANCE_EVERY_S = 0.25
MS_NS = 1_000_000


class _Credentials:
    """Any good API key and any good access token may hear market data."""

    def __init__(self, keys: ApiKeys, tokens: Authenticator) -> None:
        self._keys = keys
        self._tokens = tokens

    async def by_key(self, key: str, secret: str, address: str) -> None:
        await self._keys.authenticate(key, secret, address)

    async def by_token(self, token: str) -> None:
        await self._tokens.authenticate(token)


class MarketData:
    """What lives as long as the process."""

    def __init__(
        self,
        kit: Kit,
        sequencer: Sequencer,
        *,
        keys: ApiKeys,
        tokens: Authenticator,
        realtime: Realtime,
    ) -> None:
        pool = kit.database.pool
        self.recorder = Recorder(pool)
        self.teller = MarketTeller(kit.redis, realtime.hub)
        self.feed = new_feed("curb", self.recorder, self.teller)
        self.provider = VenueProvider(sequencer, self.feed, Seeding(pool))
        self.history = History(pool, self.feed)
        self.connections = DataConnections(self.feed, _Credentials(keys, tokens))
        realtime.rooms.add(InstrumentRoom(kit.redis, pool))


def new_feed(name: str, *watchers: Recorder | MarketTeller) -> Feed:
    """A feed whose days are New York's."""
    return Feed(
        name,
        new_epoch=lambda: uuid4().hex[:12],
        day_offset_ns=day_offset_ns,
        watchers=watchers,
    )


async def advance_for_ever(feed: Feed, clock: Clock) -> None:
    """Let a feed's bars end when their time has come."""
    while True:
        end_if_cancelled()
        await asyncio.sleep(ADVANCE_EVERY_S)
        if feed.is_ready:
            feed.advance(clock.now_ms() * MS_NS)


async def prune_for_ever(recorder: Recorder, clock: Clock) -> None:
    """Forget what is older than it is kept."""
    while True:
        end_if_cancelled()
        await asyncio.sleep(PRUNE_EVERY_S)
        try:
            await recorder.prune(clock.now())
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
            log.warning("market_history_not_pruned", error=repr(error))


def wire(kit: Kit, data: MarketData) -> Feature:
    """Routes under /v2/stocks, the data streams, the dependency `market_data`, and tasks."""
    desk = MarketDataDesk(data.feed, data.history, kit.clock)

    async def provide_desk() -> MarketDataDesk:
        return desk

    feed, role = data.feed, ProcessRole.EXCHANGE
    return Feature(
        "market-data",
        routes=(
            ManyStocksController,
            OneStockController,
            *data_routes(dict.fromkeys(VENUE_FEED_NAMES, data.connections)),
        ),
        dependencies={"market_data": provide_desk},
        tasks=(
            NamedTask("market-data-provider", role, data.provider.run),
            NamedTask("market-data-streams", role, feed.run),
            NamedTask("market-data-bars", role, lambda: advance_for_ever(feed, kit.clock)),
            NamedTask("market-data-connections", role, data.connections.run),
            NamedTask("market-data-recorder", role, data.recorder.run),
            NamedTask(
                "market-data-pruning", role, lambda: prune_for_ever(data.recorder, kit.clock)
            ),
            NamedTask("market-data-rooms", role, data.teller.run),
        ),
    )
