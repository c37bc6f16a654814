"""Commands to devices and the counters that make replays worthless."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Index, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from cloud.kit.columns import UtcDateTime


class DeviceCounterRow(SQLModel, table=True):
    """The highest counter ever given to a command for this device; it only grows."""

    __tablename__ = "device_counters"

    device: str = Field(primary_key=True, sa_type=Text)
    last_counter: int = Field(sa_type=BigInteger)


class DeviceCommandRow(SQLModel, table=True):
    """One command; `state` is one of commands/rules.py."""

    __tablename__ = "device_commands"
    __table_args__ = (
        Index("device_commands_device_counter_idx", "device", "counter", unique=True),
        Index("device_commands_site_idx", "site", postgresql_where=text("state = 'queued'")),
    )

    id: UUID = Field(primary_key=True)
    site: str = Field(foreign_key="sites.id", sa_type=Text)
    device: str = Field(sa_type=Text)
    op: str = Field(sa_type=Text)
    args: dict[str, Any] = Field(sa_type=JSONB)
    reason: str = Field(sa_type=Text)
    issued_by: UUID
    issued_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    counter: int = Field(sa_type=BigInteger)
    state: str = Field(sa_type=Text)
    result: str | None = Field(default=None, sa_type=Text)
    sent_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
