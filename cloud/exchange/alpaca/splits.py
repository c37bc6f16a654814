"""What splits did to a portfolio, worked out from what came before them: no row says it."""

from datetime import datetime
from typing import Final

import msgspec

from cloud.exchange.orders.store import Pool

REMEMBERED_MAX: Final = 100_000

_SPLITS: Final = """
SELECT sequence, at, instrument_id, numerator, denominator FROM unit_splits
WHERE instrument_id IN (SELECT instrument_id FROM positions WHERE portfolio_id = $1)
ORDER BY sequence
"""
# What came in less what went out between two commands; side 1 buys, side 2 sells.
_MOVED: Final = """
SELECT coalesce((
    SELECT sum(CASE taker_side WHEN 2 THEN quantity_units ELSE -quantity_units END) FROM trades
    WHERE maker_portfolio_id = $1 AND instrument_id = $2 AND sequence > $3 AND sequence < $4
), 0) + coalesce((
    SELECT sum(CASE taker_side WHEN 1 THEN quantity_units ELSE -quantity_units END) FROM trades
    WHERE taker_portfolio_id = $1 AND instrument_id = $2 AND sequence > $3 AND sequence < $4
), 0) + coalesce((
    SELECT sum(units) FROM activities
    WHERE portfolio_id = $1 AND instrument_id = $2 AND sequence > $3 AND sequence < $4
), 0)
"""


class Split(msgspec.Struct, frozen=True):
    """A split of units that the portfolio had: so many before and after, negative when short."""

    sequence: int
    at: datetime
    instrument_id: int
    numerator: int
    denominator: int
    before: int
    after: int


class Splits:
    """Works them out once each: the past does not change."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._units: dict[tuple[int, int], int] = {}

    async def of(self, portfolio_id: int) -> list[Split]:
        """Every split of units that the portfolio had at that moment, oldest first."""
        found: list[Split] = []
        last: dict[int, tuple[int, int]] = {}
        for row in await self._pool.fetch(_SPLITS, portfolio_id):
            sequence, instrument_id = row["sequence"], row["instrument_id"]
            since, units = last.get(instrument_id, (0, 0))
            before = units + await self._moved(portfolio_id, instrument_id, since, sequence)
            size = abs(before) * row["numerator"] // row["denominator"]
            after = size if before >= 0 else -size
            last[instrument_id] = (sequence, after)
            if before:
                split = Split(
                    sequence,
                    row["at"],
                    instrument_id,
                    row["numerator"],
                    row["denominator"],
                    before,
                    after,
                )
                found.append(split)
        return found

    async def _moved(self, portfolio_id: int, instrument_id: int, since: int, until: int) -> int:
        key = (portfolio_id, until)
        if key not in self._units:
            if len(self._units) >= REMEMBERED_MAX:
                self._units.clear()
            moved = await self._pool.fetchval(_MOVED, portfolio_id, instrument_id, since, until)
            self._units[key] = int(moved)
        return self._units[key]
