"""The access log: one row for every decision at a lane, admitted or not."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, Index, SmallInteger, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from cloud.kit.columns import UtcDateTime


class AccessLogRow(SQLModel, table=True):
    """One decision. (device, boot, seq) is the event it came as; (device, boot, tap) its tap.

    at: when the device says it was; when its clock was unset, when the agent heard of it.
    right_id, right_kind: what let it pass, as the lane said, else as the cloud found.
    recheck: agrees, disagrees or not_checked; recheck_reason: what the cloud would have said.
    """

    __tablename__: ClassVar[str] = "access_logs"
    __table_args__ = (
        UniqueConstraint("device", "boot", "seq"),
        Index("access_logs_device_boot_tap_idx", "device", "boot", "tap"),
        Index("access_logs_lot_at_idx", "lot", "at", "id"),
        Index("access_logs_user_id_at_idx", "user_id", "at", "id"),
        Index("access_logs_tag_key_at_idx", "tag_key", "at"),
    )

    id: UUID = Field(primary_key=True)
    device: str = Field(sa_type=Text)
    boot: int = Field(sa_type=BigInteger)
    seq: int = Field(sa_type=BigInteger)
    site: str = Field(sa_type=Text)
    lot: str = Field(sa_type=Text)
    lane: str = Field(sa_type=Text)
    direction: int = Field(sa_type=SmallInteger)
    at: datetime = Field(sa_type=UtcDateTime)
    heard_at: datetime = Field(sa_type=UtcDateTime)
    clock: str = Field(sa_type=Text)
    tap: int | None = Field(default=None, sa_type=BigInteger)
    tag_key: str | None = Field(default=None, sa_type=Text)
    tag_id: UUID | None = None
    user_id: UUID | None = None
    booking_id: UUID | None = None
    right_id: str | None = Field(default=None, sa_type=Text)
    right_kind: int | None = Field(default=None, sa_type=SmallInteger)
    reason: str = Field(sa_type=Text)
    is_admitted: bool
    mode: str = Field(sa_type=Text)
    list_version: int = Field(sa_type=BigInteger)
    level: int = Field(sa_type=SmallInteger)
    recheck: str = Field(sa_type=Text)
    recheck_reason: str | None = Field(default=None, sa_type=Text)
