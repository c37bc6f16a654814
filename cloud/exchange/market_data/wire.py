"""How market data joins the exchange: feeds, their providers, streams, history and rooms."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import structlog

from cloud.accounts.access import Authenticator
from cloud.accounts.api_keys.authenticator import ApiKeys
from cloud.events.cancelled import end_if_cancelled
from cloud.exchange.market_data.calendar import day_offset_ns
from cloud.exchange.market_data.connection import Callers
from cloud.exchange.market_data.desk import MarketDataDesk
from cloud.exchange.market_data.feed import Feed
from cloud.exchange.market_data.history import History
from cloud.exchange.market_data.providers import Provider
from cloud.exchange.market_data.providers.recordings import SCALE
from cloud.exchange.market_data.providers.replay import ReplayProvider
from cloud.exchange.market_data.providers.simulated import SimulatedProvider
from cloud.exchange.market_data.providers.venue import VenueProvider
from cloud.exchange.market_data.recorder import PRUNE_EVERY_S, Recorder
from cloud.exchange.market_data.rooms import InstrumentRoom, MarketTeller
from cloud.exchange.market_data.routes import ManyStocksController, OneStockController
from cloud.exchange.market_data.seeding import Seeding
from cloud.exchange.market_data.stream_routes import DataConnections, data_routes
from cloud.exchange.restarting import Guard, keep_running
from cloud.exchange.sequencer import Sequencer
from cloud.kit.clock import Clock
from cloud.kit.feature import Feature, Kit, NamedTask, ProcessRole
from cloud.kit.outages import ASYNCPG_ERRORS
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
    """What lives as long as the process: the venue's own feed, and those to try a client with."""

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
        callers = _Credentials(keys, tokens)
        self.recorder = Recorder(pool)
        self.teller = MarketTeller(kit.redis, realtime.hub)
        self.feed = new_feed("curb", self.recorder, self.teller)
        self.history = History(pool, self.feed)
        venue = VenueProvider(sequencer, self.feed, Seeding(pool))
        self.sources = [Source(VENUE_FEED_NAMES, venue, DataConnections(self.feed, callers))]
        self.sources.append(simulated(kit, callers))
        if kit.settings.market_replay_file != Path():
            self.sources.append(replayed(kit, callers))
        realtime.rooms.add(InstrumentRoom(kit.redis, pool))


@dataclass(frozen=True)
class Source:
    """A provider with the streams of its feed, and the names they have under /v2."""

    names: tuple[str, ...]
    provider: Provider
    connections: DataConnections


def simulated(kit: Kit, callers: Callers) -> Source:
    """The feed `test`."""
    connections = DataConnections(new_feed("test"), callers)
    provider = SimulatedProvider(
        connections.feed,
        kit.clock,
        kit.settings.market_simulator_seed,
        is_heard=lambda: len(connections) > 0,
    )
    return Source(("test",), provider, connections)


def replayed(kit: Kit, callers: Callers) -> Source:
    """The feed `replay`."""
    connections = DataConnections(new_feed("replay", units_per_size=SCALE), callers)
    settings = kit.settings
    provider = ReplayProvider(
        connections.feed,
        kit.clock,
        settings.market_replay_file,
        speed=settings.market_replay_speed,
    )
    return Source(("replay",), provider, connections)


def new_feed(name: str, *watchers: Recorder | MarketTeller, units_per_size: int = 1) -> Feed:
    """A feed whose days are New York's."""
    return Feed(
        name,
        new_epoch=lambda: uuid4().hex[:12],
        day_offset_ns=day_offset_ns,
        watchers=watchers,
        units_per_size=units_per_size,
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
        except (*ASYNCPG_ERRORS, OSError, TimeoutError) as error:
            log.warning("market_history_not_pruned", error=repr(error))


def wire(kit: Kit, data: MarketData) -> Feature:
    """Routes under /v2/stocks, the data streams, the dependency `market_data`, and tasks."""
    desk = MarketDataDesk(data.feed, data.history, kit.clock)

    async def provide_desk() -> MarketDataDesk:
        return desk

    by_name = {name: one.connections for one in data.sources for name in one.names}
    role = ProcessRole.EXCHANGE
    return Feature(
        "market-data",
        routes=(ManyStocksController, OneStockController, *data_routes(by_name)),
        dependencies={"market_data": provide_desk},
        tasks=(
            *(task for one in data.sources for task in _tasks(one, kit.clock)),
            NamedTask(
                "market-data-recorder",
                role,
                lambda: keep_running(data.recorder.run, Guard("market-data-recorder")),
            ),
            NamedTask(
                "market-data-pruning", role, lambda: prune_for_ever(data.recorder, kit.clock)
            ),
            NamedTask(
                "market-data-rooms",
                role,
                lambda: keep_running(data.teller.run, Guard("market-data-rooms")),
            ),
        ),
    )


def _tasks(source: Source, clock: Clock) -> tuple[NamedTask, ...]:
    feed, role = source.connections.feed, ProcessRole.EXCHANGE
    return (
        NamedTask(
            f"market-data-{feed.name}-provider",
            role,
            lambda: keep_running(source.provider.run, feed.guard),
        ),
        NamedTask(
            f"market-data-{feed.name}-streams", role, lambda: keep_running(feed.run, feed.guard)
        ),
        NamedTask(
            f"market-data-{feed.name}-bars",
            role,
            lambda: keep_running(lambda: advance_for_ever(feed, clock), feed.guard),
        ),
        NamedTask(
            f"market-data-{feed.name}-connections",
            role,
            lambda: keep_running(
                source.connections.run, Guard(f"market-data-{feed.name}-connections")
            ),
        ),
    )
