"""Lanes, the places; gates, the devices that control them."""

from datetime import datetime

from sqlalchemy import Index, SmallInteger, Text, text
from sqlmodel import Field, SQLModel

from cloud.kit.columns import UtcDateTime


class LaneRow(SQLModel, table=True):
    """One way through into or out of a lot; `direction` is codes.ENTRY or codes.EXIT."""

    __tablename__ = "lanes"

    id: str = Field(primary_key=True, sa_type=Text)
    site: str = Field(foreign_key="sites.id", sa_type=Text, index=True)
    lot: str = Field(sa_type=Text, index=True)
    name: str = Field(sa_type=Text)
    direction: int = Field(sa_type=SmallInteger)


class GateRow(SQLModel, table=True):
    """One device; `state` is a value of sites/tables.py."""

    __tablename__ = "gates"
    __table_args__ = (
        Index("gates_lane_idx", "lane", unique=True, postgresql_where=text("state <> 'revoked'")),
    )

    id: str = Field(primary_key=True, sa_type=Text)
    site: str = Field(foreign_key="sites.id", sa_type=Text, index=True)
    lane: str = Field(foreign_key="lanes.id", sa_type=Text)
    state: str = Field(sa_type=Text)
    out_of_service: bool = False
    created_at: datetime = Field(sa_type=UtcDateTime)
    certificate_serial: str | None = Field(default=None, sa_type=Text)
    certificate_sha256: str | None = Field(default=None, sa_type=Text)
    certificate_not_after: datetime | None = Field(default=None, sa_type=UtcDateTime)
