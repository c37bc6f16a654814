"""Payments: what was held, charged, given back or left as a debt, for which booking or stay."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, Index, Text
from sqlmodel import Field, SQLModel

from cloud.kit.columns import UtcDateTime


class PaymentRow(SQLModel, table=True):
    """One movement of money; never edited. `kind` and `method` are words of payments/rules.py.

    amount_cents: what the driver gives; negative for what they get back.
    """

    __tablename__: ClassVar[str] = "payments"
    __table_args__ = (
        Index("payments_user_id_at_idx", "user_id", "at", "id"),
        Index("payments_lot_at_idx", "lot", "at"),
    )

    id: UUID = Field(primary_key=True)
    user_id: UUID | None = None
    lot: str = Field(sa_type=Text)
    booking_id: UUID | None = Field(default=None, index=True)
    stay_id: UUID | None = Field(default=None, index=True)
    kind: str = Field(sa_type=Text)
    method: str = Field(sa_type=Text)
    amount_cents: int = Field(sa_type=BigInteger)
    currency: str = Field(sa_type=Text)
    at: datetime = Field(sa_type=UtcDateTime)
