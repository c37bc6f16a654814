"""The rows of portfolios beyond what the sequencer writes: equity samples, moves between two."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, Column, Identity, Text
from sqlmodel import Field, SQLModel

from cloud.kit.columns import UtcDateTime


class EquitySampleRow(SQLModel, table=True):
    """What a portfolio was worth at an instant; see `equity.Sample`.

    Taken by the minute where something changed, and at the end of every day. sequence: of the last
    command that was in it.
    """

    __tablename__: ClassVar[str] = "equity_samples"

    portfolio_id: int = Field(primary_key=True, sa_type=BigInteger)
    at: datetime = Field(primary_key=True, sa_type=UtcDateTime)
    sequence: int = Field(sa_type=BigInteger)
    equity: int = Field(sa_type=BigInteger)
    cash: int = Field(sa_type=BigInteger)
    flows: int = Field(sa_type=BigInteger)


class PortfolioMoveRow(SQLModel, table=True):
    """A move of cash or units that a user asked for; its id is the command's `transfer_id`.

    client_key: who asked and their Idempotency-Key; a second row for it cannot be. since_sequence:
    what it did is an activity later than that. done_sequence: of its command, once it is known.
    amount: cash; or instrument_id and units.
    """

    __tablename__: ClassVar[str] = "portfolio_moves"

    id: int | None = Field(
        default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True)
    )
    user_id: UUID
    client_key: str = Field(sa_type=Text, unique=True)
    from_portfolio_id: int = Field(sa_type=BigInteger)
    to_portfolio_id: int = Field(sa_type=BigInteger)
    amount: int | None = Field(default=None, sa_type=BigInteger)
    instrument_id: int | None = Field(default=None, sa_type=BigInteger)
    units: int | None = Field(default=None, sa_type=BigInteger)
    since_sequence: int = Field(sa_type=BigInteger)
    asked_at: datetime = Field(sa_type=UtcDateTime)
    done_sequence: int | None = Field(default=None, sa_type=BigInteger)
    done_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
