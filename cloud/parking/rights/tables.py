"""Permits, and every right ever issued with the time in which it was good."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, Index, Text, text
from sqlmodel import Field, SQLModel

from cloud.kit.columns import UtcDateTime


class PermitRow(SQLModel, table=True):
    """A standing leave to park without booking: `kind` is permit or staff."""

    __tablename__: ClassVar[str] = "permits"
    __table_args__ = (
        Index("permits_tag_id_idx", "tag_id", postgresql_where=text("withdrawn_at IS NULL")),
        Index("permits_lot_idx", "lot", "created_at", "id"),
    )

    id: UUID = Field(primary_key=True)
    lot: str = Field(foreign_key="parking_lots.id", sa_type=Text)
    tag_id: UUID = Field(foreign_key="rfid_tags.id")
    kind: str = Field(sa_type=Text)
    from_at: datetime = Field(sa_type=UtcDateTime)
    until_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    note: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=UtcDateTime)
    withdrawn_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class IssuedRightRow(SQLModel, table=True):
    """One right as it was issued to a site; fields of protocols.site.Right.

    revoked_at: null while it is good. What was good at an instant is what decisions of that
    instant are checked against.
    """

    __tablename__: ClassVar[str] = "parking_rights"
    __table_args__ = (
        Index(
            "parking_rights_site_right_id_idx",
            "site",
            "right_id",
            unique=True,
            postgresql_where=text("revoked_at IS NULL"),
        ),
    )

    id: UUID = Field(primary_key=True)
    site: str = Field(foreign_key="sites.id", sa_type=Text)
    right_id: str = Field(sa_type=Text)
    tag_key: str = Field(sa_type=Text, index=True)
    lot: str = Field(sa_type=Text)
    flags: int
    from_s: int = Field(sa_type=BigInteger)
    until_s: int = Field(sa_type=BigInteger)
    issued_at: datetime = Field(sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
