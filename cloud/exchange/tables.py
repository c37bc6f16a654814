"""The rows of the exchange. But for `portfolios`, the sequencer writes them, in its transaction.

Every batch of commands is one transaction: its journal row, and what it did to all other tables.
So they say the same at every moment, and nobody else may write to them. Prices are ticks,
quantities units, money minor units; numbers of sides, types, states and reasons are `trading`'s.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, Final
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Column,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    SmallInteger,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from cloud.kit.columns import UtcDateTime

REPLACED: Final = 9
"""`OrderRow.state` beyond `trading.orders.OrderState`: another row goes on with the order."""


class JournalRow(SQLModel, table=True):
    """One batch of commands, as it was applied. The primary key fences a second writer.

    commands: see `journal.py`; events_hash: BLAKE2b (16 bytes) over the events they caused.
    """

    __tablename__: ClassVar[str] = "exchange_journal"

    first_sequence: int = Field(primary_key=True, sa_type=BigInteger)
    last_sequence: int = Field(sa_type=BigInteger, unique=True)
    at: datetime = Field(sa_type=UtcDateTime)
    commands: bytes = Field(sa_type=LargeBinary)
    events_hash: bytes = Field(sa_type=LargeBinary)


class SnapshotRow(SQLModel, table=True):
    """The engine's state after the command of that number."""

    __tablename__: ClassVar[str] = "exchange_snapshots"

    sequence: int = Field(primary_key=True, sa_type=BigInteger)
    at: datetime = Field(sa_type=UtcDateTime)
    state_hash: str = Field(sa_type=Text)
    data: bytes = Field(sa_type=LargeBinary)


class InstrumentRow(SQLModel, table=True):
    """What can be traded; see `trading.instruments.Instrument`.

    tick_table: [[from_price_ticks, multiple], ...]. name: for people; not the engine's business.
    """

    __tablename__: ClassVar[str] = "instruments"
    __table_args__ = (Index("instruments_symbol_idx", "symbol"),)

    id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    symbol: str = Field(sa_type=Text)
    name: str = Field(default="", sa_type=Text)
    reference_ticks: int = Field(sa_type=BigInteger)
    tick_table: list[list[int]] = Field(sa_type=JSONB)
    lot_units: int = Field(sa_type=BigInteger)
    money_multiplier: int = Field(sa_type=BigInteger)
    money_divisor: int = Field(sa_type=BigInteger)
    maker_fee_rate: int = Field(sa_type=Integer)
    taker_fee_rate: int = Field(sa_type=Integer)
    settle_days: int = Field(sa_type=SmallInteger)
    protection_bps: int = Field(sa_type=Integer)
    band_bps: int = Field(sa_type=Integer)
    volatility_bps: int = Field(sa_type=Integer)
    is_shortable: bool
    phase: int = Field(sa_type=SmallInteger)
    lower_ticks: int = Field(default=0, sa_type=BigInteger)
    upper_ticks: int = Field(default=0, sa_type=BigInteger)
    changed_sequence: int = Field(sa_type=BigInteger)


class TradingAccountRow(SQLModel, table=True):
    """The engine's account of a user: self-trade prevention and the kill switch go by it."""

    __tablename__: ClassVar[str] = "trading_accounts"

    id: int | None = Field(
        default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True)
    )
    user_id: UUID = Field(foreign_key="users.id", unique=True)


class PortfolioRow(SQLModel, table=True):
    """A user's portfolio; written before `OpenPortfolio` is submitted with its id.

    It can trade once it has a balance row.
    """

    __tablename__: ClassVar[str] = "portfolios"
    __table_args__ = (UniqueConstraint("account_id", "name"),)

    id: int | None = Field(
        default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True)
    )
    account_id: int = Field(sa_type=BigInteger, foreign_key="trading_accounts.id")
    name: str = Field(sa_type=Text)
    currency: str = Field(default="USD", sa_type=Text)
    created_at: datetime = Field(sa_type=UtcDateTime)
    closed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class PortfolioBalanceRow(SQLModel, table=True):
    """The money of a portfolio; see `trading.events.BalanceChanged`."""

    __tablename__: ClassVar[str] = "portfolio_balances"

    portfolio_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    account_id: int = Field(sa_type=BigInteger)
    cash: int = Field(default=0, sa_type=BigInteger)
    settled_cash: int = Field(default=0, sa_type=BigInteger)
    held_cash: int = Field(default=0, sa_type=BigInteger)
    fees: int = Field(default=0, sa_type=BigInteger)
    realised: int = Field(default=0, sa_type=BigInteger)
    changed_sequence: int = Field(sa_type=BigInteger)


class PositionRow(SQLModel, table=True):
    """The units of a portfolio in one instrument; see `trading.events.PositionChanged`.

    It stays when the units are gone: what was realised is part of the history.
    """

    __tablename__: ClassVar[str] = "positions"

    portfolio_id: int = Field(primary_key=True, sa_type=BigInteger)
    instrument_id: int = Field(primary_key=True, sa_type=BigInteger)
    units: int = Field(sa_type=BigInteger)
    settled_units: int = Field(sa_type=BigInteger)
    held_units: int = Field(sa_type=BigInteger)
    cost: int = Field(sa_type=BigInteger)
    realised: int = Field(sa_type=BigInteger)
    realised_fifo: int = Field(sa_type=BigInteger)
    changed_sequence: int = Field(sa_type=BigInteger)


class OrderRow(SQLModel, table=True):
    """One order as its trader sees it: a replacement ends this row and goes on in another.

    id: the engine's order id; of a replacement, bit 60 and the number of its command.
    engine_order_id: what commands must name; the row that goes on has the same one.
    client_order_id: null where the trader gave none: it is then the public id, as text.
    group_kind: 0, or a `GroupKind`; parent_id: the row of the group's first order (null for
        itself); leg: 0 for it, 1 and 2 for the others.
    price_ticks, stop_ticks, extreme_ticks: as they are now (a trailing stop moves; of a triggered
        one, the limit it works at is not here); 0: none.
    remaining_units: what may still trade; 0 when it has ended. filled_units, filled_ticks and fees
        go on in a replacement. filled_ticks: the sum of price times units of its fills.
    state: `OrderState`, or REPLACED. reason: why it ended, or lost units, without trading.
    ended_at: filled, cancelled, expired, rejected or replaced at.
    """

    __tablename__: ClassVar[str] = "orders"
    __table_args__ = (Index("orders_portfolio_id_id_idx", "portfolio_id", "id"),)

    id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    engine_order_id: int = Field(sa_type=BigInteger)
    portfolio_id: int = Field(sa_type=BigInteger)
    instrument_id: int = Field(sa_type=BigInteger)
    client_order_id: str | None = Field(default=None, sa_type=Text)
    side: int = Field(sa_type=SmallInteger)
    order_type: int = Field(sa_type=SmallInteger)
    time_in_force: int = Field(sa_type=SmallInteger)
    quantity_units: int = Field(sa_type=BigInteger)
    price_ticks: int = Field(sa_type=BigInteger)
    stop_ticks: int = Field(sa_type=BigInteger)
    trail_ticks: int = Field(sa_type=BigInteger)
    trail_bps: int = Field(sa_type=Integer)
    extreme_ticks: int = Field(sa_type=BigInteger)
    display_units: int = Field(sa_type=BigInteger)
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    self_trade: int = Field(sa_type=SmallInteger)
    is_post_only: bool
    is_reduce_only: bool
    is_short: bool
    group_kind: int = Field(sa_type=SmallInteger)
    parent_id: int | None = Field(default=None, sa_type=BigInteger)
    leg: int = Field(sa_type=SmallInteger)
    state: int = Field(sa_type=SmallInteger)
    reason: int = Field(sa_type=SmallInteger)
    remaining_units: int = Field(sa_type=BigInteger)
    filled_units: int = Field(sa_type=BigInteger)
    filled_ticks: Decimal = Field(sa_type=Numeric)
    fees: int = Field(sa_type=BigInteger)
    source: str = Field(sa_type=Text)
    sequence: int = Field(sa_type=BigInteger)
    changed_sequence: int = Field(sa_type=BigInteger)
    created_at: datetime = Field(sa_type=UtcDateTime)
    changed_at: datetime = Field(sa_type=UtcDateTime)
    triggered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    replaces: int | None = Field(default=None, sa_type=BigInteger)
    replaced_by: int | None = Field(default=None, sa_type=BigInteger)


class TradeRow(SQLModel, table=True):
    """One trade. Order ids are those of the rows that went on at that moment."""

    __tablename__: ClassVar[str] = "trades"
    __table_args__ = (
        Index("trades_maker_portfolio_id_id_idx", "maker_portfolio_id", "id"),
        Index("trades_taker_portfolio_id_id_idx", "taker_portfolio_id", "id"),
        Index("trades_instrument_id_at_id_idx", "instrument_id", "at", "id"),
    )

    id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    sequence: int = Field(sa_type=BigInteger)
    at: datetime = Field(sa_type=UtcDateTime)
    instrument_id: int = Field(sa_type=BigInteger)
    price_ticks: int = Field(sa_type=BigInteger)
    quantity_units: int = Field(sa_type=BigInteger)
    notional: int = Field(sa_type=BigInteger)
    maker_order_id: int = Field(sa_type=BigInteger)
    taker_order_id: int = Field(sa_type=BigInteger)
    maker_portfolio_id: int = Field(sa_type=BigInteger)
    taker_portfolio_id: int = Field(sa_type=BigInteger)
    taker_side: int = Field(sa_type=SmallInteger)
    maker_fee: int = Field(sa_type=BigInteger)
    taker_fee: int = Field(sa_type=BigInteger)
    is_auction: bool


class ActivityRow(SQLModel, table=True):
    """What moved cash or units of a portfolio without a trade.

    ordinal: from 0, within the command. cause: a `trading.events.MoveCause`.
    cash, units, cost: what came (positive) or went; cash only, or units and their cost.
    """

    __tablename__: ClassVar[str] = "activities"
    __table_args__ = (Index("activities_portfolio_id_sequence_idx", "portfolio_id", "sequence"),)

    sequence: int = Field(primary_key=True, sa_type=BigInteger)
    ordinal: int = Field(primary_key=True, sa_type=Integer)
    at: datetime = Field(sa_type=UtcDateTime)
    portfolio_id: int = Field(sa_type=BigInteger)
    cause: int = Field(sa_type=SmallInteger)
    instrument_id: int | None = Field(default=None, sa_type=BigInteger)
    cash: int = Field(sa_type=BigInteger)
    units: int = Field(sa_type=BigInteger)
    cost: int = Field(sa_type=BigInteger)
    transfer_id: int = Field(sa_type=BigInteger)


class RiskLimitsRow(SQLModel, table=True):
    """The limits of a portfolio, 0: of all without their own; see `trading.terms.Limits`."""

    __tablename__: ClassVar[str] = "risk_limits"

    portfolio_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    max_order_units: int = Field(sa_type=BigInteger)
    max_order_notional: int = Field(sa_type=BigInteger)
    max_position_units: int = Field(sa_type=BigInteger)
    max_daily_loss: int = Field(sa_type=BigInteger)
    collar_bps: int = Field(sa_type=BigInteger)
    max_messages: int = Field(sa_type=BigInteger)
    window_ns: int = Field(sa_type=BigInteger)
    duplicate_ns: int = Field(sa_type=BigInteger)
    max_open_orders: int = Field(sa_type=BigInteger)
    may_short: int = Field(sa_type=BigInteger)
    short_margin_bps: int = Field(sa_type=BigInteger)
    changed_sequence: int = Field(sa_type=BigInteger)


class RiskViolationRow(SQLModel, table=True):
    """An order, or its replacement, that risk refused; `reason` is a `trading.reasons.Reason`.

    terms: what was asked for, as the command's fields in the journal's form.
    """

    __tablename__: ClassVar[str] = "risk_violations"
    __table_args__ = (
        Index("risk_violations_portfolio_id_sequence_idx", "portfolio_id", "sequence"),
    )

    sequence: int = Field(primary_key=True, sa_type=BigInteger)
    ordinal: int = Field(primary_key=True, sa_type=Integer)
    at: datetime = Field(sa_type=UtcDateTime)
    portfolio_id: int = Field(sa_type=BigInteger)
    instrument_id: int = Field(sa_type=BigInteger)
    reason: int = Field(sa_type=SmallInteger)
    terms: list[Any] = Field(sa_type=JSONB)


class KillSwitchRow(SQLModel, table=True):
    """The kill switch of an account; account 0 is the venue's."""

    __tablename__: ClassVar[str] = "kill_switches"

    account_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    is_on: bool
    at: datetime = Field(sa_type=UtcDateTime)
    changed_sequence: int = Field(sa_type=BigInteger)
