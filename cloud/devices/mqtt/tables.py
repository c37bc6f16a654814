"""What devices said, each fact once; and what could not be taken for a fact, with the reason."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, Identity, Index, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from cloud.kit.columns import UtcDateTime


class DeviceEventRow(SQLModel, table=True):
    """One event, under the key it was born with.

    position: order of arrival; grows within a device, and has gaps.
    at_ms, heard_ms: as on the wire, because a device with a wrong clock may name any instant.
    """

    __tablename__ = "device_events"
    __table_args__ = (
        Index("device_events_site_position_idx", "site", "position"),
        # Small: rows come in the order of time, and only the purge looks for old ones.
        Index("device_events_received_at_idx", "received_at", postgresql_using="brin"),
    )

    device: str = Field(primary_key=True, sa_type=Text)
    boot: int = Field(primary_key=True, sa_type=BigInteger)
    seq: int = Field(primary_key=True, sa_type=BigInteger)
    position: int | None = Field(
        default=None, sa_column=Column(BigInteger, Identity(always=True), nullable=False)
    )
    site: str = Field(sa_type=Text)
    at_ms: int | None = Field(default=None, sa_type=BigInteger)
    heard_ms: int = Field(sa_type=BigInteger)
    clock: str = Field(sa_type=Text)
    kind: str = Field(sa_type=Text)
    data: dict[str, Any] = Field(sa_type=JSONB)
    received_at: datetime = Field(sa_type=UtcDateTime)


class QuarantineRow(SQLModel, table=True):
    """A payload, or one event of a batch, that was set aside; the same bytes only once a site."""

    __tablename__ = "device_quarantine"
    __table_args__ = (
        Index("device_quarantine_site_digest_idx", "site", "digest", unique=True),
        Index("device_quarantine_site_received_at_idx", "site", "received_at"),
    )

    id: UUID = Field(primary_key=True)
    site: str = Field(sa_type=Text)
    device: str | None = Field(default=None, sa_type=Text)
    reason: str = Field(sa_type=Text)
    detail: str = Field(sa_type=Text)
    payload: bytes
    digest: bytes
    received_at: datetime = Field(sa_type=UtcDateTime)
