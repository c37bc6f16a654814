"""Vehicles; plates are sealed, with a blind index to find them."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from sqlalchemy import Index, Text, text
from sqlmodel import Field, SQLModel

from cloud.kit.columns import UtcDateTime


class VehicleRow(SQLModel, table=True):
    """One vehicle of one user. A removed one stays, for the bookings and tags that name it."""

    __tablename__: ClassVar[str] = "vehicles"
    __table_args__ = (
        Index(
            "vehicles_user_id_plate_index_idx",
            "user_id",
            "plate_index",
            unique=True,
            postgresql_where=text("removed_at IS NULL"),
        ),
    )

    id: UUID = Field(primary_key=True)
    user_id: UUID
    plate_sealed: bytes
    plate_index: bytes = Field(index=True)
    country: str = Field(sa_type=Text)
    make: str = Field(sa_type=Text)
    model: str = Field(sa_type=Text)
    size: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=UtcDateTime)
    removed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
