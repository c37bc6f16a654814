"""The row of a transfer: where it stands, so that whoever goes on with it knows."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, Column, Identity, Index, Text, text
from sqlmodel import Field, SQLModel

from cloud.kit.columns import UtcDateTime


class TransferRow(SQLModel, table=True):
    """One transfer; its id is the `transfer_id` of its commands.

    client_key: who asked and their Idempotency-Key; a second row for it cannot be.
    state, direction: words of `rules`. since_sequence: what it did at the venue is later than that.
    problem: why it was refused, as a sentence; empty otherwise.
    """

    __tablename__: ClassVar[str] = "exchange_transfers"
    __table_args__ = (
        Index("exchange_transfers_portfolio_id_id_idx", "portfolio_id", "id"),
        Index(
            "exchange_transfers_open_idx",
            "id",
            postgresql_where=text("state IN ('taken', 'asked', 'paid')"),
        ),
    )

    id: int | None = Field(
        default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True)
    )
    user_id: UUID
    client_key: str = Field(sa_type=Text, unique=True)
    portfolio_id: int = Field(sa_type=BigInteger)
    direction: str = Field(sa_type=Text)
    amount: int = Field(sa_type=BigInteger)
    currency: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    problem: str = Field(default="", sa_type=Text)
    since_sequence: int = Field(sa_type=BigInteger)
    asked_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
