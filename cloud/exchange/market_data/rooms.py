"""The rooms `instrument:AAPL` of `/ws`, and what Redis knows of each instrument.

Five times a second at most, the process that runs the exchange writes what is into Redis, where
every process finds it, and tells the room.
"""

import asyncio
from collections.abc import Mapping
from typing import Final, Protocol

import msgspec
import structlog

from cloud.accounts.user import User
from cloud.events.cancelled import end_if_cancelled
from cloud.exchange.market_data import latest
from cloud.exchange.market_data.feed import Quote
from cloud.exchange.market_data.listed import Listed
from cloud.exchange.market_data.recorder import Pool
from cloud.kit.redis import Redis, RedisError
from protocols.realtime import is_room
from trading.bars import NS, Bar
from trading.instruments import Phase
from trading.market_data import PublicSide, Update

log = structlog.get_logger()

INSTRUMENT: Final = "instrument"
MARKET: Final = "market"
"""The room's one event: the instrument as it is now."""
TELL_EVERY_S: Final = 0.2
KEPT_S: Final = 7 * 86_400
LEVELS: Final = 5


class MarketNow(msgspec.Struct, frozen=True, kw_only=True):
    """An instrument's market as it is. Bodies are those of the data stream, in REST's form.

    phase: as in statuses; bids, asks: the best levels; None: nothing of that kind yet.
    """

    symbol: str
    phase: str
    at_ms: int
    quote: Mapping[str, object] | None = None
    trade: Mapping[str, object] | None = None
    day: Mapping[str, object] | None = None
    bids: list[tuple[float, int]] = []
    asks: list[tuple[float, int]] = []


class Tell(Protocol):
    """Realtime's hub, as far as it is needed here."""

    async def publish(self, room: str, event: str, data: object) -> int:
        """Tell everybody in the room."""
        ...


def key_of(symbol: str) -> str:
    """Where Redis keeps what is known of a symbol."""
    return f"curb:market:{symbol}"


class MarketTeller:
    """A feed's watcher that tells Redis and the rooms."""

    def __init__(self, redis: Redis, rooms: Tell) -> None:
        self._redis = redis
        self._rooms = rooms
        self._changed: dict[str, Quote] = {}

    def updated(self, quote: Quote, update: Update) -> None:
        """Remember that it must be told."""
        if update.top is not None or update.trades or update.statuses or update.levels:
            self._changed[quote.listed.symbol] = quote

    def ended(self, listed: Listed, bar: Bar) -> None:
        """Nothing: a bar that ends changes nothing that is told here."""

    async def run(self) -> None:
        """Tell what changed, until cancelled; without Redis nobody is told, and nothing waits."""
        is_away = False
        while True:
            end_if_cancelled()
            await asyncio.sleep(TELL_EVERY_S)
            try:
                await self.tell()
            except (RedisError, OSError) as error:
                if not is_away:
                    log.warning("market_rooms_not_told", error=repr(error))
                is_away = True
            else:
                is_away = False

    async def tell(self) -> None:
        """Tell everything that changed since the last time."""
        changed, self._changed = self._changed, {}
        told = {
            room: market_now(quote)
            for symbol, quote in changed.items()
            if is_room(room := f"{INSTRUMENT}:{symbol}")  # Else nobody could name it.
        }
        if not told:
            return
        async with self._redis.pipeline(transaction=False) as pipeline:
            for now in told.values():
                pipeline.set(key_of(now.symbol), msgspec.json.encode(now), ex=KEPT_S)
            await pipeline.execute()
        for room, now in told.items():
            await self._rooms.publish(room, MARKET, now)


def market_now(quote: Quote) -> MarketNow:
    """The instrument as it is."""
    data = quote.data
    return MarketNow(
        symbol=quote.listed.symbol,
        phase=Phase(data.phase or Phase.CLOSED).name.lower(),
        at_ms=data.at_ns // (NS // 1_000),
        quote=latest.latest_quote(quote),
        trade=latest.latest_trade(quote),
        day=latest.latest_day(quote),
        bids=_levels(quote.listed, data.book.bids),
        asks=_levels(quote.listed, data.book.asks),
    )


def _levels(listed: Listed, side: PublicSide) -> list[tuple[float, int]]:
    return [(listed.price(one.price_ticks), one.units) for one in side.best_first(LEVELS)]


class InstrumentRoom:
    """One instrument's market, for whoever is signed in."""

    name = INSTRUMENT
    is_personal = False

    def __init__(self, redis: Redis, pool: "Pool") -> None:
        self._redis = redis
        self._pool = pool

    async def may_join(self, user: User, key: str) -> bool:
        """Anybody signed in may hear of an instrument that is listed."""
        return await self._phase(key) is not None

    async def snapshot(self, key: str) -> MarketNow:
        """What was told last; or just the phase, of an instrument that has not moved for long."""
        kept = await self._redis.get(key_of(key))
        if kept is not None:
            return msgspec.json.decode(kept, type=MarketNow)
        phase = await self._phase(key)
        return MarketNow(symbol=key, phase=Phase(phase or Phase.CLOSED).name.lower(), at_ms=0)

    async def _phase(self, symbol: str) -> int | None:
        phase: int | None = await self._pool.fetchval(
            "SELECT phase FROM instruments WHERE symbol = $1 ORDER BY id DESC LIMIT 1", symbol
        )
        return phase
