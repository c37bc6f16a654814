"""The traders' own names of orders: each is taken once in a portfolio, for ever.

A retry after a lost answer is harmless because of this. Names are checked before the engine sees a
command. The newest are in memory; the tables have them all, and are asked for a batch's names while
not all are in memory: right after a start, and for good in a venue with millions of named orders.
"""

from collections.abc import Iterable
from itertools import islice
from typing import Final

import asyncpg

from cloud.exchange.wishes import Wish

KEPT_MAX: Final = 2_000_000
"""About 500 MB. When there are more, the oldest quarter goes."""
LOADED_MAX: Final = 1_000_000
ROWS_AT_ONCE: Final = 5_000
"""A few milliseconds of the leader's connection."""

_OLDER: Final = """
SELECT id, portfolio_id, client_order_id FROM orders
WHERE id < $1 AND client_order_id IS NOT NULL ORDER BY id DESC LIMIT $2
"""
_LOOK_UP: Final = """
SELECT o.portfolio_id, o.client_order_id, o.id
FROM unnest($1::bigint[], $2::text[]) AS asked (portfolio_id, name)
JOIN orders AS o ON o.portfolio_id = asked.portfolio_id AND o.client_order_id = asked.name
WHERE o.client_order_id IS NOT NULL
"""
_ID_MAX: Final = (1 << 63) - 1

Key = tuple[int, str]


class OrderNames:
    """Which row a name stands for.

    has_older: whether the tables may have names that are not known here.
    """

    def __init__(self) -> None:
        self.has_older = True
        self._known: dict[Key, int] = {}
        self._oldest = _ID_MAX
        self._has_evicted = False

    def rows_of(self, wish: Wish) -> tuple[int, ...]:
        """The rows that this wish's names stand for already; empty if they are all new."""
        known, portfolio_id = self._known, wish.portfolio_id
        rows = []
        for name in wish.client_order_ids:
            row = known.get((portfolio_id, name))
            if row is not None:
                rows.append(row)
        return tuple(rows)

    def row_of(self, portfolio_id: int, name: str) -> int | None:
        """The row that a name stands for, as far as is known here."""
        return self._known.get((portfolio_id, name))

    def take(self, wish: Wish, rows: tuple[int, ...]) -> None:
        """The wish's command made these rows: its names stand for them, in order."""
        for name, row in zip(wish.client_order_ids, rows, strict=False):
            if name:
                self._known[wish.portfolio_id, name] = row
        if len(self._known) > KEPT_MAX:
            for key in list(islice(self._known, KEPT_MAX // 4)):
                del self._known[key]
            self.has_older = self._has_evicted = True

    async def look_up(
        self, connection: "asyncpg.Connection[asyncpg.Record]", wishes: Iterable[Wish]
    ) -> None:
        """Ask the tables for those of these wishes' names that are not known here."""
        asked = [
            (wish.portfolio_id, name)
            for wish in wishes
            for name in wish.client_order_ids
            if name and (wish.portfolio_id, name) not in self._known
        ]
        if asked:
            numbers, names = zip(*asked, strict=True)
            for row in await connection.fetch(_LOOK_UP, numbers, names):
                self._known[row[0], row[1]] = row[2]

    async def load_some(self, connection: "asyncpg.Connection[asyncpg.Record]") -> bool:
        """Read the next older names into memory; whether there is more to read."""
        rows = await connection.fetch(_OLDER, self._oldest, ROWS_AT_ONCE)
        for row in rows:
            self._known[row[1], row[2]] = row[0]
        if len(rows) < ROWS_AT_ONCE:
            self.has_older = self._has_evicted
            return False
        self._oldest = rows[-1][0]
        return len(self._known) < LOADED_MAX
