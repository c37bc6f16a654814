"""A statement as data: what the CSV and the PDF are made from, and the JSON itself.

Money in minor units, signed as it changes the cash; prices as decimal text.
"""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec


class LineKind(StrEnum):
    """What a line tells of."""

    BOUGHT = "bought"
    SOLD = "sold"
    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    TRANSFER = "transfer"
    DIVIDEND = "dividend"
    SPLIT_FRACTION = "split_fraction"
    SPLIT = "split"


class StatementLine(msgspec.Struct, frozen=True, kw_only=True):
    """One movement. cash_minor: with the fee taken off; balance_minor: the cash after it.

    units: signed. ratio: of a split, "2:1". order_id, trade_id: of trades. transfer: of moves
    between wallet and portfolios, the number both sides have.
    """

    at: datetime
    kind: LineKind
    cash_minor: int
    balance_minor: int
    symbol: str | None = None
    units: int | None = None
    price: str | None = None
    fee_minor: int = 0
    cost_minor: int | None = None
    ratio: str | None = None
    trade_id: UUID | None = None
    order_id: UUID | None = None
    transfer: int | None = None


class StatementLot(msgspec.Struct, frozen=True, kw_only=True):
    """Units opened together; oldest first."""

    units: int
    cost_minor: int


class StatementPosition(msgspec.Struct, frozen=True, kw_only=True):
    """A position at one end of the period; value at the last price before that."""

    symbol: str
    units: int
    average_price: str
    cost_minor: int
    price: str
    value_minor: int
    unrealised_minor: int
    realised_minor: int
    realised_fifo_minor: int
    lots: list[StatementLot]


class StatementBalance(msgspec.Struct, frozen=True, kw_only=True):
    """One end of the period. Fees and realised profit are since the portfolio was opened."""

    at: datetime
    cash_minor: int
    value_minor: int
    equity_minor: int
    fees_minor: int
    realised_minor: int
    unrealised_minor: int
    positions: list[StatementPosition]


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """A statement. opening cash + totals = closing cash; always, or there is none.

    made_at: the moment of the database that it was read from. agrees_with: what the replayed
    movements were compared with and found equal to, to the cent and the unit.
    """

    portfolio_id: UUID
    portfolio_name: str
    currency: str
    starts_at: datetime
    ends_at: datetime
    made_at: datetime
    opening: StatementBalance
    closing: StatementBalance
    totals_minor: dict[str, int]
    lines: list[StatementLine]
    agrees_with: str
