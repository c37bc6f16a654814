"""Writes bars and quotes behind the market's back, a few times a second, and prunes old ones.

Bars are derived from trades, which the sequencer has stored: what is lost here when the process
dies is computed again at the next start (see `seeding`). Quotes in between are lost with it.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

import asyncpg
import structlog

from cloud.events.cancelled import end_if_cancelled
from cloud.exchange.market_data import metrics
from cloud.exchange.market_data.feed import Quote
from cloud.exchange.market_data.listed import Listed
from cloud.kit.outages import ASYNCPG_ERRORS
from trading.bars import SECOND, Bar
from trading.market_data import Update

log = structlog.get_logger()

WRITE_EVERY_S: Final = 0.2
PRUNE_EVERY_S: Final = 3_600.0
QUOTE_EVERY_NS: Final = 100_000_000
QUOTES_WAITING_MAX: Final = 50_000
BARS_WAITING_MAX: Final = 500_000
QUOTES_KEPT: Final = timedelta(days=7)
SECONDS_KEPT: Final = timedelta(days=30)
BIGINT_MAX: Final = (1 << 63) - 1
"""A day's units beyond it are shown as it: better than a row that can never be written."""

_BARS: Final = """
INSERT INTO market_data (instrument_id, span_s, starts_at, open_ticks, high_ticks, low_ticks,
                         close_ticks, units, value, trade_count)
SELECT * FROM unnest($1::bigint[], $2::integer[], $3::timestamptz[], $4::bigint[], $5::bigint[],
                     $6::bigint[], $7::bigint[], $8::bigint[], $9::numeric[], $10::bigint[])
ON CONFLICT (instrument_id, span_s, starts_at) DO UPDATE SET
    open_ticks = excluded.open_ticks, high_ticks = excluded.high_ticks,
    low_ticks = excluded.low_ticks, close_ticks = excluded.close_ticks,
    units = excluded.units, value = excluded.value, trade_count = excluded.trade_count
"""
_QUOTES: Final = """
INSERT INTO market_quotes (instrument_id, at, bid_ticks, bid_units, ask_ticks, ask_units)
SELECT * FROM unnest($1::bigint[], $2::timestamptz[], $3::bigint[], $4::bigint[], $5::bigint[],
                     $6::bigint[])
ON CONFLICT (instrument_id, at) DO UPDATE SET
    bid_ticks = excluded.bid_ticks, bid_units = excluded.bid_units,
    ask_ticks = excluded.ask_ticks, ask_units = excluded.ask_units
"""

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"


class Recorder:
    """A feed's watcher that keeps its history."""

    def __init__(self, pool: "Pool") -> None:
        self._pool = pool
        self._bars: deque[tuple[int, Bar]] = deque()
        self._quotes: dict[tuple[int, int], tuple[int, ...]] = {}

    def updated(self, quote: Quote, update: Update) -> None:
        """Keep a changed best bid and offer, the last of every tenth of a second."""
        top = update.top
        if top is None:
            return
        if len(self._quotes) >= QUOTES_WAITING_MAX:
            metrics.LOST.inc(len(self._quotes))
            self._quotes.clear()
        key = (quote.listed.id, update.at_ns // QUOTE_EVERY_NS)
        self._quotes[key] = (
            update.at_ns,
            top.bid_ticks,
            top.bid_units,
            top.ask_ticks,
            top.ask_units,
        )

    def ended(self, listed: Listed, bar: Bar) -> None:
        """Keep a complete bar."""
        if len(self._bars) >= BARS_WAITING_MAX:
            self._bars.popleft()
        self._bars.append((listed.id, bar))

    async def run(self) -> None:
        """Write what there is, until cancelled; a database that is away is waited for."""
        is_away = False
        while True:
            end_if_cancelled()
            await asyncio.sleep(WRITE_EVERY_S)
            try:
                await self.write()
            except (*ASYNCPG_ERRORS, OSError, TimeoutError) as error:
                if not is_away:
                    log.warning("market_history_waits", error=repr(error))
                is_away = True
            else:
                is_away = False

    async def write(self) -> None:
        """Write everything that waits; what could not be written goes on waiting."""
        bars, self._bars = self._bars, deque()
        quotes, self._quotes = self._quotes, {}
        try:
            await self._write_bars(bars)
            bars.clear()
            await self._write_quotes(quotes)
        except BaseException:
            self._bars.extendleft(reversed(bars))
            self._quotes = {**quotes, **self._quotes}
            raise

    async def prune(self, now: datetime) -> None:
        """Forget quotes and bars of seconds that are older than they are kept."""
        await self._pool.execute("DELETE FROM market_quotes WHERE at < $1", now - QUOTES_KEPT)
        await self._pool.execute(
            "DELETE FROM market_data WHERE span_s = $1 AND starts_at < $2",
            SECOND,
            now - SECONDS_KEPT,
        )

    async def _write_bars(self, bars: Sequence[tuple[int, Bar]]) -> None:
        # A bar that was told twice would be two rows of one statement, which it refuses.
        newest = {(number, one.span_s, one.starts_ns): one for number, one in bars}
        if not newest:
            return
        rows = [
            (
                number,
                one.span_s,
                to_time(one.starts_ns),
                one.open_ticks,
                one.high_ticks,
                one.low_ticks,
                one.close_ticks,
                min(one.units, BIGINT_MAX),
                one.value,
                one.count,
            )
            for (number, _, _), one in newest.items()
        ]
        await self._insert(_BARS, rows)
        metrics.RECORDED.labels("market_data").inc(len(rows))

    async def _write_quotes(self, quotes: dict[tuple[int, int], tuple[int, ...]]) -> None:
        newest = {(number, to_time(row[0])): row for (number, _), row in quotes.items()}
        if not newest:
            return
        rows = [(number, at, *row[1:]) for (number, at), row in newest.items()]
        await self._insert(_QUOTES, rows)
        metrics.RECORDED.labels("market_quotes").inc(len(rows))

    async def _insert(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        await self._pool.execute(statement, *map(list, zip(*rows, strict=True)))


def to_time(at_ns: int) -> datetime:
    """The instant, to the microsecond that the database keeps."""
    seconds, rest = divmod(at_ns // 1_000, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest)


def to_ns(at: datetime) -> int:
    """Nanoseconds since the Unix epoch, exactly."""
    whole = at.astimezone(UTC).replace(microsecond=0)
    return int(whole.timestamp()) * 1_000_000_000 + at.microsecond * 1_000
