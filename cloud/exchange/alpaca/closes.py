"""What instruments last traded at before today began: what a day's change is measured from."""

from collections.abc import Collection
from datetime import datetime
from typing import Final

from cloud.exchange.orders.store import Pool

_READ: Final = """
SELECT wanted.id, last.price_ticks FROM unnest($1::bigint[]) AS wanted (id)
CROSS JOIN LATERAL (
    SELECT price_ticks FROM trades WHERE instrument_id = wanted.id AND at < $2
    ORDER BY at DESC, id DESC LIMIT 1
) AS last
"""


class LastCloses:
    """Remembers them for the day; they do not change any more."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._before: datetime | None = None
        self._known: dict[int, int] = {}

    async def before(
        self, day_began_at: datetime, instrument_ids: Collection[int]
    ) -> dict[int, int]:
        """Prices in ticks by instrument; 0 for those that had not traded by then."""
        if day_began_at != self._before:
            self._before, self._known = day_began_at, {}
        known = self._known
        missing = [one for one in instrument_ids if one not in known]
        if missing:
            known.update(dict.fromkeys(missing, 0))
            known.update(
                (row["id"], row["price_ticks"])
                for row in await self._pool.fetch(_READ, missing, day_began_at)
            )
        return {one: known[one] for one in instrument_ids}
