"""Orders read from the database: one, by either of its ids, or the list that a filter describes.

Statements are put together of this file's own words and numbers; what came from outside is bound.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, TypeAlias
from uuid import UUID

import asyncpg
import msgspec

from cloud.exchange.orders.views import SELECT, OrderView, nest, view_of
from cloud.exchange.orders.words import LIVE_STATES, REPLACED
from cloud.exchange.public_ids import REPLACEMENT, order_id_of

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Query: TypeAlias = tuple[str, list[object]]

LIMIT_DEFAULT: Final = 50
LIMIT_MAX: Final = 500
LIVE_MAX: Final = 5_000

_BY_ID: Final = f"{SELECT} WHERE portfolio_id = $1 AND id = $2"
_BY_CLIENT_ID: Final = f"{SELECT} WHERE portfolio_id = $1 AND client_order_id = $2"
_BY_IDS: Final = f"{SELECT} WHERE portfolio_id = $1 AND id = ANY($2::bigint[]) ORDER BY leg"
_LEGS: Final = f"{SELECT} WHERE parent_id = ANY($1::bigint[]) AND state <> {REPLACED} ORDER BY leg"
_LIVE: Final = (
    f"({SELECT} WHERE id = ANY($1::bigint[]) AND state <> {REPLACED} UNION ALL "
    f"{SELECT} WHERE engine_order_id = ANY($1::bigint[]) AND replaces IS NOT NULL"
    f" AND state <> {REPLACED})"
)
_LATEST: Final = f"SELECT * FROM {_LIVE} AS latest WHERE portfolio_id = $2 ORDER BY id"  # noqa: S608 -- our own words


class OrderFilter(msgspec.Struct, frozen=True):
    """Which orders: statuses is `open`, `closed` or `all`; after and until are exclusive.

    instruments: their ids; None: all. side: 0 both. limit: of the list before it is nested.
    """

    status: str = "open"
    limit: int = LIMIT_DEFAULT
    after: datetime | None = None
    until: datetime | None = None
    is_ascending: bool = False
    is_nested: bool = False
    instruments: tuple[int, ...] | None = None
    side: int = 0


class OrderStore:
    """What the tables say of orders; nothing that is not committed."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def by_id(
        self, portfolio_id: int, row_id: int, *, is_nested: bool = False
    ) -> OrderView | None:
        """The order of this row id; None if the portfolio has none. is_nested: with its legs."""
        row = await self._pool.fetchrow(_BY_ID, portfolio_id, row_id)
        if row is None:
            return None
        view = view_of(row)
        return (await self._with_legs([view]))[0] if is_nested else view

    async def by_client_order_id(self, portfolio_id: int, name: str) -> OrderView | None:
        """The order of this client_order_id, with its legs; None if the portfolio has none."""
        if "\x00" in name:
            return None
        row = await self._pool.fetchrow(_BY_CLIENT_ID, portfolio_id, name)
        if row is not None:
            return (await self._with_legs([view_of(row)]))[0]
        # An order that was given no name goes by its own id.
        row_id = _row_id(name)
        found = None if row_id is None else await self.by_id(portfolio_id, row_id, is_nested=True)
        return found if found is not None and found.client_order_id is None else None

    async def by_ids(self, portfolio_id: int, row_ids: Sequence[int]) -> list[OrderView]:
        """These orders of the portfolio, legs in the order of their group."""
        rows = await self._pool.fetch(_BY_IDS, portfolio_id, row_ids)
        return [view_of(row) for row in rows]

    async def latest(self, portfolio_id: int, engine_order_ids: Sequence[int]) -> list[OrderView]:
        """The rows that go on with these orders, or ended with them, by their numbers."""
        rows = await self._pool.fetch(_LATEST, list(engine_order_ids), portfolio_id)
        return [view_of(row) for row in rows]

    async def find(
        self, portfolio_id: int, wanted: OrderFilter, live: Sequence[int]
    ) -> list[OrderView]:
        """The orders that fit, newest first unless asked otherwise.

        live: engine ids of the portfolio's live orders; with status `open` only they are looked
        at, however many have ended, unless they are very many themselves.
        """
        if wanted.status == "open" and len(live) <= LIVE_MAX:
            query, values = _live_query(portfolio_id, wanted, live)
        else:
            query, values = _history_query(portfolio_id, wanted)
        views = [view_of(row) for row in await self._pool.fetch(query, *values)]
        return await self._with_legs(views) if wanted.is_nested else views

    async def _with_legs(self, views: list[OrderView]) -> list[OrderView]:
        """Parents with all their legs; legs whose parent is in the list are there only."""
        # Legs name their parent's first row, whose number is the engine's.
        parents = {
            view.engine_order_id: view
            for view in views
            if view.group_kind and view.parent_id is None and view.state != REPLACED
        }
        if not parents:
            return views
        legs = [view_of(row) for row in await self._pool.fetch(_LEGS, list(parents))]
        tops = [view for view in views if view.parent_id not in parents]
        return nest([*tops, *legs])


def _row_id(text: str) -> int | None:
    try:
        return order_id_of(UUID(text))
    except ValueError:
        return None


def _conditions(wanted: OrderFilter, values: list[object]) -> str:
    """The filter as SQL behind a WHERE that has something already; adds its values."""
    parts = []
    for condition, value in (
        ("created_at > ${}", wanted.after),
        ("created_at < ${}", wanted.until),
        ("instrument_id = ANY(${}::bigint[])", wanted.instruments),
        ("side = ${}", wanted.side or None),
    ):
        if value is not None:
            values.append(value)
            parts.append(" AND " + condition.format(len(values)))
    return "".join(parts)


def _live_query(portfolio_id: int, wanted: OrderFilter, live: Sequence[int]) -> Query:
    values: list[object] = [list(live), portfolio_id, list(LIVE_STATES)]
    conditions = _conditions(wanted, values)
    way = "ASC" if wanted.is_ascending else "DESC"
    query = (
        f"SELECT * FROM {_LIVE} AS live WHERE portfolio_id = $2"  # noqa: S608 -- our own words
        f" AND state = ANY($3::smallint[]){conditions}"
        f" ORDER BY sequence {way}, id {way} LIMIT {wanted.limit}"
    )
    return query, values


def _history_query(portfolio_id: int, wanted: OrderFilter) -> Query:
    """Rows of both kinds come from the index in the order of time; then they are merged."""
    values: list[object] = [portfolio_id]
    conditions = _conditions(wanted, values)
    if wanted.status != "all":
        values.append(list(LIVE_STATES))
        comparison = "= ANY" if wanted.status == "open" else "<> ALL"
        conditions += f" AND state {comparison}(${len(values)}::smallint[])"
    way = "ASC" if wanted.is_ascending else "DESC"
    parts = (
        f"({SELECT} WHERE portfolio_id = $1 AND id {half} {REPLACEMENT}{conditions}"
        f" ORDER BY id {way} LIMIT {wanted.limit})"
        for half in ("<", ">=")
    )
    query = (
        f"SELECT * FROM ({' UNION ALL '.join(parts)}) AS both_kinds"  # noqa: S608 -- our own words
        f" ORDER BY sequence {way}, id {way} LIMIT {wanted.limit}"
    )
    return query, values
