"""Watchlists: named lists of instruments that a trader keeps for a portfolio."""

from collections.abc import Sequence
from typing import Final

import asyncpg
import msgspec

from cloud.exchange.directory import Directory
from cloud.exchange.orders.errors import MalformedOrderError, OrderError
from cloud.exchange.orders.store import Pool
from cloud.kit.clock import Clock
from cloud.kit.errors import MissingError

NAME_CHARS_MAX: Final = 64
LISTS_MAX: Final = 200
SYMBOLS_MAX: Final = 1_000

_COLUMNS: Final = "id, portfolio_id, name, instrument_ids, created_at, updated_at"
_ALL: Final = f"SELECT {_COLUMNS} FROM watchlists WHERE portfolio_id = $1 ORDER BY id"  # noqa: S608 -- our own words
_BY_ID: Final = f"SELECT {_COLUMNS} FROM watchlists WHERE portfolio_id = $1 AND id = $2"  # noqa: S608 -- as above
_BY_NAME: Final = f"SELECT {_COLUMNS} FROM watchlists WHERE portfolio_id = $1 AND name = $2"  # noqa: S608 -- as above
_INSERT: Final = f"""
INSERT INTO watchlists (portfolio_id, name, instrument_ids, created_at, updated_at)
SELECT $1, $2, $3, $4, $4 WHERE (SELECT count(*) FROM watchlists WHERE portfolio_id = $1) < $5
RETURNING {_COLUMNS}
"""  # noqa: S608 -- as above
_UPDATE: Final = f"""
UPDATE watchlists SET name = coalesce($3, name), updated_at = $5,
    instrument_ids = coalesce($4::bigint[], instrument_ids)
WHERE portfolio_id = $1 AND id = $2 RETURNING {_COLUMNS}
"""  # noqa: S608 -- as above
_ADD: Final = f"""
UPDATE watchlists SET instrument_ids = array_append(instrument_ids, $3::bigint), updated_at = $4
WHERE portfolio_id = $1 AND id = $2 AND NOT instrument_ids @> ARRAY[$3::bigint]
    AND cardinality(instrument_ids) < {SYMBOLS_MAX} RETURNING {_COLUMNS}
"""  # noqa: S608 -- as above
_REMOVE: Final = f"""
UPDATE watchlists SET instrument_ids = array_remove(instrument_ids, $3::bigint), updated_at = $4
WHERE portfolio_id = $1 AND id = $2 AND instrument_ids @> ARRAY[$3::bigint] RETURNING {_COLUMNS}
"""  # noqa: S608 -- as above
_DELETE: Final = "DELETE FROM watchlists WHERE portfolio_id = $1 AND id = $2 RETURNING id"


class WatchlistForm(msgspec.Struct, frozen=True):
    """A list to make or to change; what is absent or null stays."""

    name: str | None = None
    symbols: list[str] | None = None


class SymbolForm(msgspec.Struct, frozen=True):
    """One instrument."""

    symbol: str


class Watchlists:
    """The lists of portfolios; whoever calls has made sure that the portfolio is the caller's."""

    def __init__(self, pool: Pool, directory: Directory, clock: Clock) -> None:
        self._pool = pool
        self._directory = directory
        self._clock = clock

    async def find_all(self, portfolio_id: int) -> list[asyncpg.Record]:
        """All lists of a portfolio, oldest first."""
        return list(await self._pool.fetch(_ALL, portfolio_id))

    async def by_id(self, portfolio_id: int, number: int | None) -> asyncpg.Record:
        """One list.

        Raises:
            MissingError: the portfolio has none of this id.
        """
        row = None if number is None else await self._pool.fetchrow(_BY_ID, portfolio_id, number)
        return _found(row)

    async def by_name(self, portfolio_id: int, name: str) -> asyncpg.Record:
        """One list.

        Raises:
            MissingError: the portfolio has none of this name.
        """
        return _found(await self._pool.fetchrow(_BY_NAME, portfolio_id, _name(name)))

    async def create(self, portfolio_id: int, form: WatchlistForm) -> asyncpg.Record:
        """A new list.

        Raises:
            OrderError: no name, a name that is taken, an unknown symbol, or too many lists.
        """
        if form.name is None:
            raise MalformedOrderError("name_missing", "name is required.")
        ids = self._ids(form.symbols or ())
        now = self._clock.now()
        try:
            row = await self._pool.fetchrow(
                _INSERT, portfolio_id, _name(form.name), ids, now, LISTS_MAX
            )
        except asyncpg.UniqueViolationError as error:
            raise _taken() from error
        if row is None:
            raise OrderError("too_many_watchlists", f"There are {LISTS_MAX} watchlists already.")
        return row

    async def update(self, portfolio_id: int, number: int, form: WatchlistForm) -> asyncpg.Record:
        """Another name, other instruments, or both.

        Raises:
            OrderError: a name that is taken, or an unknown symbol.
            MissingError: the portfolio has none of this id.
        """
        name = None if form.name is None else _name(form.name)
        ids = None if form.symbols is None else self._ids(form.symbols)
        try:
            row = await self._pool.fetchrow(
                _UPDATE, portfolio_id, number, name, ids, self._clock.now()
            )
        except asyncpg.UniqueViolationError as error:
            raise _taken() from error
        return _found(row)

    async def add(self, portfolio_id: int, number: int, symbol: str) -> asyncpg.Record:
        """Put an instrument at the end.

        Raises:
            OrderError: it is unknown or there already, or the list is full.
            MissingError: the portfolio has no list of this id.
        """
        (one,) = self._ids([symbol])
        row = await self._pool.fetchrow(_ADD, portfolio_id, number, one, self._clock.now())
        if row is None:
            await self.by_id(portfolio_id, number)
            raise OrderError("symbol_taken", f"{symbol} is in the list already, or it is full.")
        return row

    async def remove(self, portfolio_id: int, number: int, symbol: str) -> asyncpg.Record:
        """Take an instrument out.

        Raises:
            MissingError: it is not in the list, or there is no such list.
        """
        one = self._directory.find(symbol).instrument.instrument_id
        return _found(
            await self._pool.fetchrow(_REMOVE, portfolio_id, number, one, self._clock.now())
        )

    async def delete(self, portfolio_id: int, number: int | None) -> None:
        """Delete a list.

        Raises:
            MissingError: the portfolio has none of this id.
        """
        gone = None if number is None else await self._pool.fetchrow(_DELETE, portfolio_id, number)
        _found(gone)

    def _ids(self, symbols: Sequence[str]) -> list[int]:
        if len(symbols) > SYMBOLS_MAX:
            raise OrderError("too_many_symbols", f"A list has at most {SYMBOLS_MAX} symbols.")
        found = []
        for symbol in dict.fromkeys(symbols):
            market = self._directory.by_symbol(symbol)
            if market is None:
                raise OrderError("unknown_instrument", f"asset not found for {symbol[:32]}")
            found.append(market.instrument.instrument_id)
        return found


def _name(text: str) -> str:
    name = text.strip()
    if not name or len(name) > NAME_CHARS_MAX or not name.isprintable():
        raise MalformedOrderError(
            "name_invalid", f"name must have 1 to {NAME_CHARS_MAX} printable characters."
        )
    return name


def _found(row: asyncpg.Record | None) -> asyncpg.Record:
    if row is None:
        raise MissingError("watchlist not found, or the asset is not in it")
    return row


def _taken() -> OrderError:
    return OrderError("name_taken", "watchlist name must be unique")
