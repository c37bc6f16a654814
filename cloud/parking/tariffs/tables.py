"""Tariff versions, under the user's name for them: pricing models."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, Column, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from cloud.kit.columns import UtcDateTime


class PricingModelRow(SQLModel, table=True):
    """One version of a lot's prices; never edited. Time zone and currency are the lot's then."""

    __tablename__: ClassVar[str] = "pricing_models"
    __table_args__ = (UniqueConstraint("lot", "version"),)

    id: UUID = Field(primary_key=True)
    lot: str = Field(foreign_key="parking_lots.id", sa_type=Text)
    version: int
    currency: str = Field(sa_type=Text)
    timezone: str = Field(sa_type=Text)
    hourly_cents: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    free_minutes: int
    step_minutes: int
    daily_cap_cents: int | None = Field(default=None, sa_type=BigInteger)
    overstay_percent: int
    valid_from: datetime = Field(sa_type=UtcDateTime)
    created_at: datetime = Field(sa_type=UtcDateTime)
