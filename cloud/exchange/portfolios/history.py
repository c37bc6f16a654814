"""The equity curve, stored: a sample a minute of what changed, and one at the end of every day."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

import asyncpg

from cloud.exchange.portfolios.equity import Curve, Sample, Timeframe, closing_samples, curve

MINUTES_KEPT: Final = timedelta(days=35)
"""Samples within a day are kept so long; the last of each day is kept for ever."""
SAMPLES_MAX: Final = 60_000
"""More than the minutes of the longest span that is shown at once."""
_DAY_ZONE: Final = "America/New_York"

_STORE: Final = """
INSERT INTO equity_samples (portfolio_id, at, sequence, equity, cash, flows)
SELECT * FROM unnest($1::bigint[], $2::timestamptz[], $3::bigint[], $4::bigint[], $5::bigint[],
    $6::bigint[])
ON CONFLICT (portfolio_id, at) DO UPDATE SET sequence = excluded.sequence,
    equity = excluded.equity, cash = excluded.cash, flows = excluded.flows
"""
# By the index, one short look for each portfolio: there are millions of samples.
_NEWEST: Final = """
portfolios p LEFT JOIN LATERAL (
    SELECT sequence, equity, flows FROM equity_samples
    WHERE portfolio_id = p.id ORDER BY at DESC LIMIT 1
) AS s ON true
"""
_LAST: Final = f"SELECT p.id, s.equity, s.flows FROM {_NEWEST} WHERE s.flows IS NOT NULL"  # noqa: S608
_FLOWED: Final = f"""
SELECT a.portfolio_id, a.instrument_id, a.cash, a.units FROM {_NEWEST}
JOIN activities a ON a.portfolio_id = p.id AND a.sequence > coalesce(s.sequence, 0)
WHERE a.sequence <= $1 AND a.cause IN (1, 2, 3)
"""  # noqa: S608 -- all of it is ours
_MINUTES: Final = """
SELECT at, equity, flows FROM equity_samples
WHERE portfolio_id = $1 AND at > $2 AND at <= $3 ORDER BY at LIMIT $4
"""
_DAYS: Final = f"""
SELECT at, equity, flows FROM (
    SELECT DISTINCT ON (date_trunc('day', at - interval '1 microsecond', '{_DAY_ZONE}'))
        at, equity, flows
    FROM equity_samples WHERE portfolio_id = $1 AND at > $2 AND at <= $3
    ORDER BY date_trunc('day', at - interval '1 microsecond', '{_DAY_ZONE}'), at DESC
) AS days ORDER BY at LIMIT $4
"""  # noqa: S608 -- the zone is ours
_BEFORE: Final = """
SELECT at, equity, flows FROM equity_samples
WHERE portfolio_id = $1 AND at <= $2 ORDER BY at DESC LIMIT 1
"""
_THIN: Final = f"""
DELETE FROM equity_samples AS old USING (
    SELECT portfolio_id, at, row_number() OVER (
        PARTITION BY portfolio_id,
            date_trunc('day', at - interval '1 microsecond', '{_DAY_ZONE}') ORDER BY at DESC
    ) AS place FROM equity_samples WHERE at < $1 AND at >= $2
) AS placed
WHERE old.portfolio_id = placed.portfolio_id AND old.at = placed.at AND placed.place > 1
"""  # noqa: S608 -- the zone is ours

NewSample = tuple[int, datetime, int, int, int, int]
"""(portfolio, at, sequence, equity, cash, flows)"""


class EquityHistory:
    """Stores and reads samples."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self._pool = pool

    async def store(self, samples: Sequence[NewSample]) -> None:
        """Keep them; one of the same portfolio and instant replaces the other."""
        if samples:
            await self._pool.execute(_STORE, *map(list, zip(*samples, strict=True)))

    async def last(self) -> dict[int, tuple[int, int]]:
        """(equity, flows) of the last sample of each portfolio that has one."""
        rows = await self._pool.fetch(_LAST)
        return {row["id"]: (row["equity"], row["flows"]) for row in rows}

    async def flowed_since(self, until: int) -> list[tuple[int, int | None, int, int]]:
        """(portfolio, instrument, cash, units) of what moved after each one's last sample.

        until: up to the command of this number.
        """
        rows = await self._pool.fetch(_FLOWED, until)
        return [(r["portfolio_id"], r["instrument_id"], r["cash"], r["units"]) for r in rows]

    async def curve(
        self,
        portfolio_id: int,
        timeframe: Timeframe,
        starts_at: datetime,
        ends_at: datetime,
        now: Iterable[Sample] = (),
    ) -> Curve:
        """The windows after `starts_at` up to `ends_at`; profits from the last sample before.

        now: what the portfolio is worth at this moment, where that belongs to the curve.
        """
        query = _DAYS if timeframe is Timeframe.DAY else _MINUTES
        rows = await self._pool.fetch(query, portfolio_id, starts_at, ends_at, SAMPLES_MAX)
        before = await self._pool.fetchrow(_BEFORE, portfolio_id, starts_at)
        samples = [Sample(row["at"], row["equity"], row["flows"]) for row in rows]
        base = Sample(before["at"], before["equity"], before["flows"]) if before else None
        return curve([*samples, *now], timeframe, base)

    async def days(self, portfolio_id: int, ends_at: datetime, count: int) -> list[Sample]:
        """The last sample of each of the last so many days with one, oldest first."""
        starts_at = ends_at - timedelta(days=2 * count + 10)
        rows = await self._pool.fetch(_DAYS, portfolio_id, starts_at, ends_at, SAMPLES_MAX)
        samples = [Sample(row["at"], row["equity"], row["flows"]) for row in rows]
        return closing_samples(samples)[-count:]

    async def thin(self, now: datetime) -> None:
        """Of days long past, forget all but the last sample."""
        until = now - MINUTES_KEPT
        await self._pool.execute(_THIN, until, until - timedelta(days=10))
