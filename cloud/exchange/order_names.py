"""The traders' own names of orders: each is taken once in a portfolio, for ever.

A retry after a lost answer is harmless because of this. Names are checked before the engine sees a
command. The newest are in memory; the tables have them all, and are asked for a batch's names while
not all are in memory: right after a start, and for good in a venue with millions of named orders.
"""

from collections import defaultdict
from collections.abc import Iterable
from itertools import islice
from typing import Final

import asyncpg

from cloud.exchange.wishes import Wish

KEPT_MAX: Final = 2_000_000
"""About 400 MB. When there are more, a quarter of each portfolio's goes, those here longest."""
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


class OrderNames:
    """Which row a name stands for.

    has_older: whether the tables may have names that are not known here.
    """

    def __init__(self) -> None:
        self.has_older = True
        # Not by pairs of both: millions of pairs are millions of objects to search for garbage.
        self._known: dict[int, dict[str, int]] = defaultdict(dict)
        self._count = 0
        self._oldest = _ID_MAX
        self._has_evicted = False

    def rows_of(self, wish: Wish) -> tuple[int, ...]:
        """The rows that this wish's names stand for already; empty if they are all new."""
        known = self._known.get(wish.portfolio_id)
        if known is None:
            return ()
        rows = []
        for name in wish.client_order_ids:
            row = known.get(name)
            if row is not None:
                rows.append(row)
        return tuple(rows)

    def row_of(self, portfolio_id: int, name: str) -> int | None:
        """The row that a name stands for, as far as is known here."""
        known = self._known.get(portfolio_id)
        return None if known is None else known.get(name)

    def take(self, wish: Wish, rows: tuple[int, ...]) -> None:
        """The wish's command made these rows: its names stand for them, in order."""
        known = self._known[wish.portfolio_id]
        before = len(known)
        for name, row in zip(wish.client_order_ids, rows, strict=False):
            if name:
                known[name] = row
        self._count += len(known) - before
        if self._count > KEPT_MAX:
            self._evict()

    async def look_up(
        self, connection: "asyncpg.Connection[asyncpg.Record]", wishes: Iterable[Wish]
    ) -> None:
        """Ask the tables for those of these wishes' names that are not known here."""
        asked = [
            (wish.portfolio_id, name)
            for wish in wishes
            for name in wish.client_order_ids
            if name and self.row_of(wish.portfolio_id, name) is None
        ]
        if asked:
            numbers, names = zip(*asked, strict=True)
            for row in await connection.fetch(_LOOK_UP, numbers, names):
                self._note(row[0], row[1], row[2])

    async def load_some(self, connection: "asyncpg.Connection[asyncpg.Record]") -> bool:
        """Read the next older names into memory; whether there is more to read."""
        rows = await connection.fetch(_OLDER, self._oldest, ROWS_AT_ONCE)
        for row in rows:
            self._note(row[1], row[2], row[0])
        if len(rows) < ROWS_AT_ONCE:
            self.has_older = self._has_evicted
            return False
        self._oldest = rows[-1][0]
        return self._count < LOADED_MAX

    def _note(self, portfolio_id: int, name: str, row: int) -> None:
        known = self._known[portfolio_id]
        self._count -= len(known)
        known[name] = row
        self._count += len(known)

    def _evict(self) -> None:
        for portfolio_id, known in list(self._known.items()):
            gone = list(islice(known, -(-len(known) // 4)))
            for name in gone:
                del known[name]
            if not known:
                del self._known[portfolio_id]
            self._count -= len(gone)
        self.has_older = self._has_evicted = True
