"""Reads what the tables recorded of a portfolio: its movements in order, balances, and old prices.

All of one statement is read in one snapshot of the database, so that movements and balances are of
the same moment, whatever is traded meanwhile.
"""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Final

import asyncpg
import msgspec

from cloud.exchange.portfolios.live import split_price
from cloud.exchange.statements.books import Balance, Holding
from cloud.exchange.statements.movements import AnyMovement, CashMove, Split, Trade, UnitsMove
from trading.events import MoveCause
from trading.instruments import Instrument
from trading.orders import BUY

PART_ROWS: Final = 2_000

# A trade with oneself is two movements, the maker's first, as the engine books them.
_MOVEMENTS: Final = """
SELECT * FROM (
    SELECT sequence, at, 0 AS kind, id AS a, 0 AS leg, instrument_id, taker_side, price_ticks,
        quantity_units AS units, notional AS money, maker_fee AS fee, maker_order_id AS ref,
        0 AS numerator, 0 AS denominator
    FROM trades WHERE maker_portfolio_id = $1
    UNION ALL
    SELECT sequence, at, 0, id, 1, instrument_id, taker_side, price_ticks, quantity_units, notional,
        taker_fee, taker_order_id, 0, 0
    FROM trades WHERE taker_portfolio_id = $1
    UNION ALL
    SELECT a.sequence, a.at, CASE WHEN a.units <> 0 THEN 2 ELSE 1 END, a.ordinal, 0,
        a.instrument_id, a.cause, 0, a.units, CASE WHEN a.units <> 0 THEN a.cost ELSE a.cash END, 0,
        a.transfer_id, 0, 0
    FROM activities a WHERE a.portfolio_id = $1
    UNION ALL
    SELECT s.sequence, s.at, 3, -1, 0, s.instrument_id, 0, 0, 0, coalesce(a.cash, 0), 0, 0,
        s.numerator, s.denominator
    FROM unit_splits s
    LEFT JOIN activities a ON a.sequence = s.sequence AND a.portfolio_id = $1 AND a.cause = $2
    WHERE s.instrument_id IN (SELECT instrument_id FROM positions WHERE portfolio_id = $1)
) AS movements ORDER BY sequence, a, leg
"""
_BALANCE: Final = """
SELECT cash, fees, realised, changed_sequence FROM portfolio_balances WHERE portfolio_id = $1
"""
_POSITIONS: Final = """
SELECT instrument_id, units, cost, realised, realised_fifo FROM positions
WHERE portfolio_id = $1 ORDER BY instrument_id
"""
_INSTRUMENTS: Final = """
SELECT id, symbol, reference_ticks, tick_table, lot_units, money_multiplier, money_divisor,
    maker_fee_rate, taker_fee_rate, settle_days, protection_bps, band_bps, volatility_bps,
    is_shortable
FROM instruments
WHERE id IN (SELECT instrument_id FROM positions WHERE portfolio_id = $1)
"""
_PRICE: Final = """
SELECT price_ticks, sequence FROM trades WHERE instrument_id = $1 AND at < $2
ORDER BY at DESC, id DESC LIMIT 1
"""
_SPLITS_SINCE: Final = """
SELECT numerator, denominator FROM unit_splits
WHERE instrument_id = $1 AND sequence > $2 AND at < $3 ORDER BY sequence
"""


class Records:
    """One portfolio's records, within one transaction that sees one moment."""

    def __init__(
        self,
        connection: "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]",
        portfolio_id: int,
    ) -> None:
        self._connection = connection
        self._portfolio_id = portfolio_id

    async def instruments(self) -> dict[int, Instrument]:
        """Every instrument that the portfolio ever had."""
        rows = await self._connection.fetch(_INSTRUMENTS, self._portfolio_id)
        return {row["id"]: _instrument(row) for row in rows}

    async def balance(self) -> Balance:
        """What the engine's own transaction says; empty where there is nothing yet."""
        row = await self._connection.fetchrow(_BALANCE, self._portfolio_id)
        rows = await self._connection.fetch(_POSITIONS, self._portfolio_id)
        holdings = tuple(
            Holding(r["instrument_id"], r["units"], r["cost"], r["realised"], r["realised_fifo"])
            for r in rows
        )
        if row is None:
            return Balance(0, 0, 0, holdings)
        return Balance(row["cash"], row["fees"], row["realised"], holdings)

    async def movements(self) -> AsyncIterator[list[AnyMovement]]:
        """All movements since the portfolio was opened, in the venue's order, in parts."""
        query = (_MOVEMENTS, self._portfolio_id, MoveCause.SPLIT_FRACTION.value)
        part: list[AnyMovement] = []
        async for row in self._connection.cursor(*query, prefetch=PART_ROWS):
            part.append(_movement(row))
            if len(part) == PART_ROWS:
                yield part
                part = []
        yield part

    async def price_before(self, instrument: Instrument, at: datetime) -> int:
        """The last price before that instant, splits applied; the reference if there was none."""
        number = instrument.instrument_id
        row = await self._connection.fetchrow(_PRICE, number, at)
        price, sequence = (instrument.reference_ticks, 0) if row is None else row
        for split in await self._connection.fetch(_SPLITS_SINCE, number, sequence, at):
            price = split_price(instrument, price, split["numerator"], split["denominator"])
        return int(price)


def _movement(row: Any) -> AnyMovement:  # noqa: ANN401 -- a row of the union above
    kind, sequence, at = row["kind"], row["sequence"], row["at"]
    if kind == 0:
        taker_buys = row["taker_side"] == BUY
        return Trade(
            sequence,
            at,
            row["a"],
            row["ref"],
            row["instrument_id"],
            taker_buys if row["leg"] else not taker_buys,
            row["price_ticks"],
            row["units"],
            row["money"],
            row["fee"],
        )
    if kind == 1:
        return CashMove(sequence, at, row["money"], row["taker_side"], row["ref"])
    if kind == 2:
        return UnitsMove(
            sequence,
            at,
            row["instrument_id"],
            row["units"],
            row["money"],
            row["taker_side"],
            row["ref"],
        )
    return Split(
        sequence, at, row["instrument_id"], row["numerator"], row["denominator"], row["money"]
    )


def _instrument(row: Any) -> Instrument:  # noqa: ANN401 -- a row of `instruments`
    values = list(row.values())
    values[3] = tuple((a, b) for a, b in msgspec.json.decode(values[3]))
    return Instrument(*values)
