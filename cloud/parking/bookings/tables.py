"""Bookings, with the constraint that decides who holds a space."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Text, text
from sqlalchemy.dialects.postgresql import JSONB, TSTZRANGE, ExcludeConstraint, Range
from sqlmodel import Field, SQLModel

from cloud.kit.columns import UtcDateTime

_LIVE = text("state IN ('held', 'confirmed', 'active')")


class BookingRow(SQLModel, table=True):
    """One space held for one window.

    held_until: by the database's clock; past it a held booking is expired.
    lines, price_cents: the quote, locked when the booking was made.
    reasons: why this space; allocation's explanation.
    kept_cents: what was kept of the price in the end; null while it is open.
    """

    __tablename__: ClassVar[str] = "bookings"
    __table_args__ = (
        CheckConstraint(
            "NOT isempty(during) AND NOT lower_inf(during) AND NOT upper_inf(during)",
            name="during",
        ),
        ExcludeConstraint(
            ("space_id", "="),
            ("during", "&&"),
            name="bookings_no_overlap",
            using="gist",
            where=_LIVE,
        ),
        Index("bookings_user_id_created_at_idx", "user_id", "created_at", "id"),
        Index("bookings_lot_created_at_idx", "lot", "created_at", "id"),
        Index(
            "bookings_live_idx", "lot", "during", postgresql_using="gist", postgresql_where=_LIVE
        ),
        Index(
            "bookings_tag_id_idx",
            "tag_id",
            postgresql_where=text("state IN ('confirmed', 'active')"),
        ),
        Index("bookings_held_until_idx", "held_until", postgresql_where=text("state = 'held'")),
    )

    # `Range` is SQLAlchemy's own; pydantic need not know it.
    model_config = {"arbitrary_types_allowed": True}

    id: UUID = Field(primary_key=True)
    user_id: UUID
    lot: str = Field(foreign_key="parking_lots.id", sa_type=Text)
    space_id: UUID = Field(foreign_key="parking_spaces.id")
    tag_id: UUID | None = Field(default=None, foreign_key="rfid_tags.id")
    during: Range[datetime] = Field(sa_column=Column(TSTZRANGE, nullable=False))
    state: str = Field(sa_type=Text)
    held_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    tariff_id: UUID = Field(foreign_key="pricing_models.id")
    lines: list[Any] = Field(sa_column=Column(JSONB, nullable=False))
    price_cents: int = Field(sa_type=BigInteger)
    currency: str = Field(sa_type=Text)
    reasons: list[Any] = Field(sa_column=Column(JSONB, nullable=False))
    kept_cents: int | None = Field(default=None, sa_type=BigInteger)
    created_at: datetime = Field(sa_type=UtcDateTime)
    confirmed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
