"""What a feed must know of the time before it began: bars in progress, and the latest of all.

Bars are computed again from the trades of every day that has no daily bar yet, so that a process
that died leaves no hole: the ones that are complete by now are written again.
"""

from datetime import datetime
from typing import Final

import asyncpg

from cloud.exchange.market_data.calendar import next_day_start
from cloud.exchange.market_data.feed import Feed
from cloud.exchange.market_data.recorder import Pool, to_ns
from trading.bars import DAY, MINUTE, SECOND, Bar
from trading.market_data import Trade

_LAST_DAY: Final = "SELECT max(starts_at) FROM market_data WHERE span_s = $1"
_FIRST_TRADE: Final = "SELECT min(at) FROM trades"
_SECONDS: Final = """
SELECT instrument_id, date_trunc('second', at) AS starts_at,
       (array_agg(price_ticks ORDER BY id))[1] AS open_ticks,
       max(price_ticks) AS high_ticks, min(price_ticks) AS low_ticks,
       (array_agg(price_ticks ORDER BY id DESC))[1] AS close_ticks,
       sum(quantity_units) AS units,
       sum(price_ticks::numeric * quantity_units) AS value,
       count(*) AS trade_count, max(id) AS last_id
FROM trades WHERE at >= $1 GROUP BY 1, 2 ORDER BY 2, 1
"""
_LAST_TRADE: Final = """
SELECT id, at, price_ticks, quantity_units, taker_side, is_auction FROM trades
WHERE instrument_id = $1 ORDER BY at DESC, id DESC LIMIT 1
"""
_LAST_BARS: Final = """
SELECT * FROM market_data WHERE instrument_id = $1 AND span_s = $2 ORDER BY starts_at DESC LIMIT $3
"""


def bar_of(row: asyncpg.Record, span_s: int) -> Bar:
    """The bar of a row with the columns of `market_data`."""
    return Bar(
        to_ns(row["starts_at"]),
        span_s,
        row["open_ticks"],
        row["high_ticks"],
        row["low_ticks"],
        row["close_ticks"],
        int(row["units"]),
        int(row["value"]),
        row["trade_count"],
    )


def trade_of(row: asyncpg.Record) -> Trade:
    """The public part of a row of `trades`."""
    return Trade(
        row["id"],
        to_ns(row["at"]),
        row["price_ticks"],
        row["quantity_units"],
        row["taker_side"],
        row["is_auction"],
    )


class Seeding:
    """Reads it from the database; called once after each `begin` of the venue's feed."""

    def __init__(self, pool: "Pool") -> None:
        self._pool = pool

    async def __call__(self, feed: Feed) -> None:
        """Tell the feed; nothing if it begins anew meanwhile."""
        epoch = feed.streams.epoch
        for quote in list(feed.quotes.values()):
            number = quote.listed.id
            last = await self._pool.fetchrow(_LAST_TRADE, number)
            minutes = await self._pool.fetch(_LAST_BARS, number, MINUTE, 1)
            days = await self._pool.fetch(_LAST_BARS, number, DAY, 2)
            feed.remember(
                number,
                None if last is None else trade_of(last),
                [bar_of(row, MINUTE) for row in minutes],
                [bar_of(row, DAY) for row in days],
            )
        since = await self._since()
        rows = [] if since is None else await self._pool.fetch(_SECONDS, since)
        last_id = max((row["last_id"] for row in rows), default=0)
        if feed.streams.epoch != epoch:
            return
        feed.seed([(row["instrument_id"], bar_of(row, SECOND)) for row in rows], last_id)

    async def _since(self) -> datetime | None:
        last_day: datetime | None = await self._pool.fetchval(_LAST_DAY, DAY)
        if last_day is not None:
            return next_day_start(last_day)
        first: datetime | None = await self._pool.fetchval(_FIRST_TRADE)
        return first
