"""Alerts: conditions that hold until cleared, and single happenings."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from cloud.kit.columns import UtcDateTime


class AlertRow(SQLModel, table=True):
    """One alert.

    key: for a condition, which of several a device may have at a time (the code of a fault), mostly
        empty; for a happening (a copied card), the event's key.
    cleared_at: when the condition ended, or a happening was acknowledged.
    """

    __tablename__ = "device_alerts"
    __table_args__ = (
        Index(
            "device_alerts_key_idx",
            "device",
            "kind",
            "key",
            unique=True,
            postgresql_where=text("cleared_at IS NULL"),
        ),
        Index("device_alerts_site_idx", "site", "raised_at"),
    )

    id: UUID = Field(primary_key=True)
    site: str = Field(foreign_key="sites.id", sa_type=Text)
    device: str = Field(sa_type=Text)
    kind: str = Field(sa_type=Text)
    key: str = Field(sa_type=Text)
    detail: dict[str, Any] = Field(sa_type=JSONB)
    raised_at: datetime = Field(sa_type=UtcDateTime)
    cleared_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    acknowledged_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    acknowledged_by: UUID | None = None
    note: str | None = Field(default=None, sa_type=Text)
