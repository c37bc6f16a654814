"""What happened to a portfolio, fills and everything else, in one list with pages.

Fills are `trades`, seen from the portfolio's side (both, if it traded with itself); all else is
`activities`. Both are in the order of the commands that caused them, and an item's id says where in
that order it stands, so that a page can begin where the last one ended.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from cloud.exchange.alpaca.schemas import Activity
from cloud.exchange.alpaca.splits import Split, Splits
from cloud.exchange.directory import Directory
from cloud.exchange.orders.errors import MalformedOrderError
from cloud.exchange.orders.store import Pool
from cloud.exchange.orders.words import SIDE_WORDS
from cloud.exchange.prices import money_text, price_text, ratio_text
from cloud.exchange.public_ids import PublicKind, number_of, order_uuid, portfolio_uuid, public_uuid
from trading.events import MoveCause
from trading.orders import BUY, SELL

PAGE_MAX: Final = 100
FILL: Final = "FILL"
SPLIT: Final = "SPLIT"

_CASH_TYPES: Final = {
    MoveCause.DEPOSIT: "CSD",
    MoveCause.WITHDRAWAL: "CSW",
    MoveCause.TRANSFER: "JNLC",
    MoveCause.SPLIT_FRACTION: SPLIT,
    MoveCause.DIVIDEND: "DIV",
}
_UNIT_TYPES: Final = {
    MoveCause.DEPOSIT: "ACATS",
    MoveCause.WITHDRAWAL: "ACATS",
    MoveCause.TRANSFER: "JNLS",
}
_DESCRIPTIONS: Final = {
    MoveCause.DEPOSIT: "Brought in",
    MoveCause.WITHDRAWAL: "Taken out",
    MoveCause.TRANSFER: "Moved between portfolios",
    MoveCause.SPLIT_FRACTION: "Fraction of a split paid out",
    MoveCause.DIVIDEND: "Cash dividend",
}
# Which of the two tables an item is in, then its number there.
_ORDINAL_BITS: Final = 20
_ORDINAL_MAX: Final = (1 << _ORDINAL_BITS) - 1

_FILLS: Final = """
SELECT id, sequence, at, instrument_id, price_ticks, quantity_units, {own}_order_id AS order_id,
    {own}_fee AS fee, taker_side, {is_taker} AS is_taker
FROM trades WHERE {own}_portfolio_id = $1
    AND ($2::bigint IS NULL OR (sequence, id) {beyond} ($2, $3))
    AND ($4::timestamptz IS NULL OR at > $4) AND ($5::timestamptz IS NULL OR at < $5)
ORDER BY id {way} LIMIT $6
"""
_OTHERS: Final = """
SELECT sequence, ordinal, at, cause, instrument_id, cash, units, cost
FROM activities WHERE portfolio_id = $1
    AND ($2::bigint IS NULL OR (sequence, ordinal) {beyond} ($2, $3))
    AND ($4::timestamptz IS NULL OR at > $4) AND ($5::timestamptz IS NULL OR at < $5)
    AND (cash <> 0 OR units <> 0)
    AND ($7::smallint[] IS NULL OR (cause = ANY($7) AND cash <> 0)
        OR (cause = ANY($8::smallint[]) AND cash = 0))
ORDER BY sequence {way}, ordinal {way} LIMIT $6
"""
_ORDERS: Final = "SELECT id, quantity_units, filled_units FROM orders WHERE id = ANY($1::bigint[])"
_LATER: Final = """
SELECT order_id, id, quantity_units FROM (
    SELECT maker_order_id AS order_id, id, quantity_units FROM trades
    WHERE maker_portfolio_id = $1 AND id > $2 AND maker_order_id = ANY($3::bigint[])
    UNION ALL
    SELECT taker_order_id, id, quantity_units FROM trades
    WHERE taker_portfolio_id = $1 AND id > $2 AND taker_order_id = ANY($3::bigint[])
) AS fills
"""


class ActivityFilter(msgspec.Struct, frozen=True):
    """types: Alpaca's words, None all; after and until are exclusive; page_token: an item's id."""

    types: frozenset[str] | None = None
    after: datetime | None = None
    until: datetime | None = None
    is_ascending: bool = False
    page_size: int = PAGE_MAX
    page_token: str | None = None


class _Place(msgspec.Struct, frozen=True, order=True):
    """Where an item stands: by command, then fills before others. side: 1 the taker's."""

    sequence: int
    is_other: bool
    number: int
    side: int = 0


class Activities:
    """Reads them; nothing that is not committed."""

    def __init__(self, pool: Pool, directory: Directory) -> None:
        self._pool = pool
        self._directory = directory
        self._splits = Splits(pool)

    async def find(self, portfolio_id: int, wanted: ActivityFilter) -> list[Activity]:
        """One page, newest first unless asked otherwise.

        Raises:
            MalformedOrderError: the page token is none of ours.
        """
        start = None if wanted.page_token is None else await self._place_of(wanted.page_token)
        found: list[tuple[_Place, Activity]] = []
        if wanted.types is None or FILL in wanted.types:
            found += await self._fills(portfolio_id, wanted, start)
        if wanted.types is None or wanted.types - {FILL}:
            found += await self._others(portfolio_id, wanted, start)
        if wanted.types is None or SPLIT in wanted.types:
            found += await self._whole_splits(portfolio_id, wanted)
        found.sort(key=lambda item: item[0], reverse=not wanted.is_ascending)
        if start is not None:
            found = [
                item
                for item in found
                if (item[0] > start if wanted.is_ascending else item[0] < start)
            ]
        return [activity for _, activity in found[: wanted.page_size]]

    async def _fills(
        self, portfolio_id: int, wanted: ActivityFilter, start: _Place | None
    ) -> list[tuple[_Place, Activity]]:
        beyond, way = (">=", "ASC") if wanted.is_ascending else ("<=", "DESC")
        from_sequence = None if start is None else start.sequence
        # Behind (or before) all fills of that command where the page ended with something else.
        edge = 0 if wanted.is_ascending else 1 << 62
        from_id = start.number if start is not None and not start.is_other else edge
        rows: list[asyncpg.Record] = []
        for own, is_taker in (("maker", "false"), ("taker", "true")):
            query = _FILLS.format(own=own, is_taker=is_taker, beyond=beyond, way=way)
            rows += await self._pool.fetch(
                query,
                portfolio_id,
                from_sequence,
                from_id,
                wanted.after,
                wanted.until,
                # The item that the page token names may come again, on both sides of a trade.
                wanted.page_size + 2,
            )
        filled = await self._filled_after(portfolio_id, rows)
        return [
            (
                _Place(row["sequence"], False, row["id"], int(row["is_taker"])),
                self._fill(portfolio_id, row, *filled[row["order_id"], row["id"]]),
            )
            for row in rows
        ]

    async def _filled_after(
        self, portfolio_id: int, rows: list[asyncpg.Record]
    ) -> dict[tuple[int, int], tuple[int, int]]:
        """(order, trade) -> what of the order was filled after it, and what was left."""
        if not rows:
            return {}
        wanted = list({row["order_id"] for row in rows})
        orders = {row["id"]: row for row in await self._pool.fetch(_ORDERS, wanted)}
        first = min(row["id"] for row in rows)
        later: dict[int, list[tuple[int, int]]] = {}
        for row in await self._pool.fetch(_LATER, portfolio_id, first, wanted):
            later.setdefault(row["order_id"], []).append((row["id"], row["quantity_units"]))
        found = {}
        for row in rows:
            order = orders[row["order_id"]]
            since = sum(units for trade, units in later.get(order["id"], ()) if trade > row["id"])
            cumulative = order["filled_units"] - since
            found[order["id"], row["id"]] = (cumulative, order["quantity_units"] - cumulative)
        return found

    def _fill(self, portfolio_id: int, row: asyncpg.Record, cumulative: int, left: int) -> Activity:
        one = self._directory.instrument(row["instrument_id"])
        side = row["taker_side"]
        if not row["is_taker"]:
            side = SELL if side == BUY else BUY
        is_whole = left == 0
        number = (row["id"] << 1 | int(row["is_taker"])) << 1
        return Activity(
            id=_id_text(row["at"], number),
            account_id=portfolio_uuid(portfolio_id),
            activity_type=FILL,
            transaction_time=row["at"],
            type="fill" if is_whole else "partial_fill",
            price=price_text(one, row["price_ticks"]),
            qty=str(row["quantity_units"]),
            side=SIDE_WORDS[side],
            symbol=one.symbol,
            leaves_qty=str(left),
            order_id=order_uuid(row["order_id"]),
            cum_qty=str(cumulative),
            order_status="filled" if is_whole else "partially_filled",
            fee=money_text(row["fee"]),
            seq=row["sequence"],
        )

    async def _others(
        self, portfolio_id: int, wanted: ActivityFilter, start: _Place | None
    ) -> list[tuple[_Place, Activity]]:
        beyond, way = (">=", "ASC") if wanted.is_ascending else ("<=", "DESC")
        edge = -1 if wanted.is_ascending else 1 << 30
        from_ordinal = start.number if start is not None and start.is_other else edge
        types = wanted.types
        cash = None if types is None else [c for c, word in _CASH_TYPES.items() if word in types]
        units = [cause for cause, word in _UNIT_TYPES.items() if types is None or word in types]
        rows = await self._pool.fetch(
            _OTHERS.format(beyond=beyond, way=way),
            portfolio_id,
            None if start is None else start.sequence,
            from_ordinal,
            wanted.after,
            wanted.until,
            wanted.page_size + 1,
            cash,
            units,
        )
        return [
            (_Place(row["sequence"], True, row["ordinal"]), self._other(portfolio_id, row))
            for row in rows
        ]

    def _other(self, portfolio_id: int, row: asyncpg.Record) -> Activity:
        cause = MoveCause(row["cause"])
        cash, units = row["cash"], row["units"]
        instrument_id = row["instrument_id"]
        one = None if instrument_id is None else self._directory.instrument(instrument_id)
        number = (row["sequence"] << _ORDINAL_BITS | row["ordinal"]) << 1 | 1
        return Activity(
            id=_id_text(row["at"], number),
            account_id=portfolio_uuid(portfolio_id),
            activity_type=_UNIT_TYPES[cause] if units else _CASH_TYPES[cause],
            date=row["at"].date(),
            net_amount=money_text(cash),
            description=_DESCRIPTIONS[cause],
            status="executed",
            symbol=None if one is None else one.symbol,
            qty=str(units) if units else None,
            price=ratio_text(row["cost"], abs(units) * 100) if units else None,
            seq=row["sequence"],
        )

    async def _whole_splits(
        self, portfolio_id: int, wanted: ActivityFilter
    ) -> list[tuple[_Place, Activity]]:
        found = []
        for split in await self._splits.of(portfolio_id):
            is_after = wanted.after is None or split.at > wanted.after
            if is_after and (wanted.until is None or split.at < wanted.until):
                # Behind the fraction that the same command paid out.
                place = _Place(split.sequence, True, _ORDINAL_MAX)
                found.append((place, self._split(portfolio_id, split)))
        return found

    def _split(self, portfolio_id: int, split: Split) -> Activity:
        number = (split.sequence << _ORDINAL_BITS | _ORDINAL_MAX) << 1 | 1
        return Activity(
            id=_id_text(split.at, number),
            account_id=portfolio_uuid(portfolio_id),
            activity_type=SPLIT,
            date=split.at.date(),
            net_amount=money_text(0),
            description=(
                f"{split.numerator} for {split.denominator}: {split.before} became {split.after}"
            ),
            status="executed",
            symbol=self._directory.instrument(split.instrument_id).symbol,
            qty=str(split.after - split.before),
            seq=split.sequence,
        )

    async def _place_of(self, token: str) -> _Place:
        try:
            number = number_of(PublicKind.ACTIVITY, UUID(token.partition("::")[2]))
        except ValueError:
            number = None
        if number is None:
            raise MalformedOrderError(
                "page_token_invalid", "page_token must be the id of the last item of a page."
            )
        is_other, number = number & 1, number >> 1
        if is_other:
            return _Place(number >> _ORDINAL_BITS, True, number & _ORDINAL_MAX)
        sequence = await self._pool.fetchval(
            "SELECT sequence FROM trades WHERE id = $1", number >> 1
        )
        return _Place(sequence or 0, False, number >> 1, number & 1)


def _id_text(at: datetime, number: int) -> str:
    """Alpaca's form of an id: the instant to the millisecond, then a UUID."""
    stamp = f"{at:%Y%m%d%H%M%S}{at.microsecond // 1_000:03d}"
    return f"{stamp}::{public_uuid(PublicKind.ACTIVITY, number)}"
