"""Which row goes on with an order: its own number's, until a replacement gave it another.

Kept for live orders only, and rebuilt from the tables when a process begins to lead.
"""

from collections.abc import Iterable
from typing import Final

import asyncpg

from cloud.exchange.public_ids import REPLACEMENT

_READ: Final = """
SELECT engine_order_id, max(id) AS id FROM orders
WHERE replaces IS NOT NULL AND engine_order_id = ANY($1::bigint[])
GROUP BY engine_order_id
"""


def replacement_row(sequence: int) -> int:
    """The row that goes on with the order which the command of that number replaced."""
    return REPLACEMENT | sequence


class OrderRows:
    """Engine order ids to rows, and back, of live orders that were replaced."""

    def __init__(self, replaced: dict[int, int] | None = None) -> None:
        self._row_of: dict[int, int] = {} if replaced is None else replaced
        self._order_of = {row: order for order, row in self._row_of.items()}

    def row_of(self, engine_order_id: int) -> int:
        """The row that goes on with the order now."""
        return self._row_of.get(engine_order_id, engine_order_id)

    def order_of(self, row_id: int) -> int | None:
        """The engine's id of the live or ended order that this row goes on with.

        None: another row goes on with it, or it was replaced and has ended.
        """
        if row_id >= REPLACEMENT:
            return self._order_of.get(row_id)
        return None if row_id in self._row_of else row_id

    def replace(self, engine_order_id: int, row_id: int) -> None:
        """From now on this row goes on with the order."""
        old = self._row_of.get(engine_order_id)
        if old is not None:
            del self._order_of[old]
        self._row_of[engine_order_id] = row_id
        self._order_of[row_id] = engine_order_id

    def forget(self, engine_order_id: int) -> None:
        """The order has ended."""
        row = self._row_of.pop(engine_order_id, None)
        if row is not None:
            del self._order_of[row]


async def load_order_rows(
    connection: "asyncpg.Connection[asyncpg.Record]", live: Iterable[int]
) -> OrderRows:
    """The rows of the live orders of a recovered engine."""
    rows = await connection.fetch(_READ, list(live))
    return OrderRows({row["engine_order_id"]: row["id"] for row in rows})
