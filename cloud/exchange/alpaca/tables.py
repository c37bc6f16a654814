"""What the trading interface keeps beside orders: watchlists, and a portfolio's own settings."""

from datetime import datetime
from typing import ClassVar

from sqlalchemy import BigInteger, Column, Identity, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel

from cloud.kit.columns import UtcDateTime


class WatchlistRow(SQLModel, table=True):
    """A named list of instruments, in the order in which they were put there."""

    __tablename__: ClassVar[str] = "watchlists"
    __table_args__ = (UniqueConstraint("portfolio_id", "name"),)

    id: int | None = Field(
        default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True)
    )
    portfolio_id: int = Field(sa_type=BigInteger)
    name: str = Field(sa_type=Text)
    instrument_ids: list[int] = Field(sa_type=ARRAY(BigInteger))
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)


class TradingSettingsRow(SQLModel, table=True):
    """What the owner of a portfolio has chosen; no row: the defaults.

    is_suspended: new orders are refused. is_long_only: no sale opens a short position.
    """

    __tablename__: ClassVar[str] = "trading_settings"

    portfolio_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    is_suspended: bool
    is_long_only: bool
    has_confirmations: bool
    updated_at: datetime = Field(sa_type=UtcDateTime)
