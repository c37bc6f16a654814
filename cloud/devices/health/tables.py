"""The last that was heard of every site and gate; one row each, overwritten."""

from datetime import datetime

from sqlalchemy import BigInteger, Text
from sqlmodel import Field, SQLModel

from cloud.kit.columns import UtcDateTime


class SiteHealthRow(SQLModel, table=True):
    """A site as its agent's last report says; the fields are those of protocols.site.SiteReport."""

    __tablename__ = "site_health"

    site: str = Field(primary_key=True, foreign_key="sites.id", sa_type=Text)
    online: bool = False
    heard_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    boot: int | None = Field(default=None, sa_type=BigInteger)
    agent: str | None = Field(default=None, sa_type=Text)
    desired_version: int = Field(default=0, sa_type=BigInteger)
    rights_version: int = Field(default=0, sa_type=BigInteger)
    rights_hash: str | None = Field(default=None, sa_type=Text)
    rights_count: int = Field(default=0, sa_type=BigInteger)
    rights_problem: str | None = Field(default=None, sa_type=Text)
    outbox: int = Field(default=0, sa_type=BigInteger)
    oldest_event_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class GateHealthRow(SQLModel, table=True):
    """A gate as its site last knew it; None where it never said."""

    __tablename__ = "gate_health"

    gate: str = Field(primary_key=True, foreign_key="gates.id", sa_type=Text)
    online: bool = False
    heard_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    lane_state: str | None = Field(default=None, sa_type=Text)
    reader: str | None = Field(default=None, sa_type=Text)
    clock: str | None = Field(default=None, sa_type=Text)
    firmware: str | None = Field(default=None, sa_type=Text)
    list_version: int | None = Field(default=None, sa_type=BigInteger)
    list_hash: str | None = Field(default=None, sa_type=Text)
    outbox: int | None = Field(default=None, sa_type=BigInteger)
    heap_free: int | None = Field(default=None, sa_type=BigInteger)
    rssi_dbm: int | None = None
    problem: str | None = Field(default=None, sa_type=Text)
