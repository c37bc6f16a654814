"""The traders' own names of orders: each is taken once in a portfolio, for ever.

A retry after a lost answer is harmless because of this. Names are checked before the engine sees a
command, and are known again after a restart from the rows of `orders`.
"""

from typing import Final

import asyncpg

from cloud.exchange.uncollected import uncollected
from cloud.exchange.wishes import Wish

_READ: Final = """
SELECT portfolio_id, client_order_id, id FROM orders WHERE client_order_id IS NOT NULL
"""

Key = tuple[int, str]


class OrderNames:
    """Which row a name stands for."""

    def __init__(self, known: dict[Key, int] | None = None) -> None:
        self._known: dict[Key, int] = {} if known is None else known

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
        """The row that a name stands for."""
        return self._known.get((portfolio_id, name))

    def take(self, wish: Wish, rows: tuple[int, ...]) -> None:
        """The wish's command made these rows: its names stand for them, in order."""
        for name, row in zip(wish.client_order_ids, rows, strict=False):
            if name:
                self._known[wish.portfolio_id, name] = row


async def load_names(connection: "asyncpg.Connection[asyncpg.Record]") -> OrderNames:
    """All names ever taken."""
    with uncollected():
        rows = await connection.fetch(_READ)
        return OrderNames({(row[0], row[1]): row[2] for row in rows})
