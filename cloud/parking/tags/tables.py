"""RFID tags; the UID is sealed, the tag key is what sites and gates know."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from sqlalchemy import SmallInteger, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from cloud.kit.columns import UtcDateTime


class TagRow(SQLModel, table=True):
    """One card. `level` is what it can prove: 0 a UID, 1 a key and a counter."""

    __tablename__: ClassVar[str] = "rfid_tags"
    __table_args__ = (UniqueConstraint("tag_key"), UniqueConstraint("uid_index"))

    id: UUID = Field(primary_key=True)
    tag_key: str = Field(sa_type=Text)
    uid_sealed: bytes
    uid_index: bytes
    user_id: UUID | None = Field(default=None, index=True)
    vehicle_id: UUID | None = Field(default=None, foreign_key="vehicles.id")
    level: int = Field(sa_type=SmallInteger)
    state: str = Field(sa_type=Text)
    state_at: datetime = Field(sa_type=UtcDateTime)
    note: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=UtcDateTime)
