"""Passages, the stays they make, and what an operator should look at."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, Column, Index, SmallInteger, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from cloud.kit.columns import UtcDateTime


class PassageRow(SQLModel, table=True):
    """One car through a lane. `kind` is passage, tailgated, or operator if entered by hand.


    tap: of the grant it used, in the device's boot; null when the barrier was opened remotely.
    access_id, tag_key: of that grant, once both have been heard of.
    """

    __tablename__: ClassVar[str] = "passages"
    __table_args__ = (
        UniqueConstraint("device", "boot", "seq"),
        Index("passages_device_boot_tap_idx", "device", "boot", "tap"),
        Index(
            "passages_lot_tag_key_at_idx",
            "lot",
            "tag_key",
            "at",
            postgresql_where=text("tag_key IS NOT NULL"),
        ),
        Index("passages_lot_at_idx", "lot", "at"),
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
    tap: int | None = Field(default=None, sa_type=BigInteger)
    kind: str = Field(sa_type=Text)
    access_id: UUID | None = None
    tag_key: str | None = Field(default=None, sa_type=Text)


class StayRow(SQLModel, table=True):
    """One vehicle inside, or that was; its id is that of the passage that let it in.

    fee_cents: by the rules, from what really happened; prepaid_cents: of it, by the booking;
        paid_cents and owed_cents: of the rest, from the wallet and as a debt.
    basis: walk_up, booking or permit; it decides how the stay is priced.
    settlements: how often the fee was settled with the ledger; numbers those postings.
    """

    __tablename__: ClassVar[str] = "stays"
    __table_args__ = (
        UniqueConstraint("exit_id", deferrable=True, initially="DEFERRED"),
        Index("stays_lot_entry_at_idx", "lot", "entry_at", "id"),
        Index("stays_user_id_entry_at_idx", "user_id", "entry_at", "id"),
        Index("stays_open_idx", "lot", "tag_key", postgresql_where=text("state = 'open'")),
        Index("stays_exit_at_idx", "lot", "exit_at", postgresql_where=text("state = 'closed'")),
    )

    id: UUID = Field(primary_key=True)
    site: str = Field(sa_type=Text)
    lot: str = Field(sa_type=Text)
    tag_key: str = Field(sa_type=Text)
    tag_id: UUID | None = None
    user_id: UUID | None = None
    booking_id: UUID | None = None
    basis: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    entry_at: datetime = Field(sa_type=UtcDateTime)
    entry_lane: str = Field(sa_type=Text)
    exit_id: UUID | None = None
    exit_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    exit_lane: str | None = Field(default=None, sa_type=Text)
    exit_reason: str | None = Field(default=None, sa_type=Text)
    tariff_id: UUID | None = None
    lines: list[Any] = Field(sa_column=Column(JSONB, nullable=False))
    fee_cents: int = Field(default=0, sa_type=BigInteger)
    prepaid_cents: int = Field(default=0, sa_type=BigInteger)
    paid_cents: int = Field(default=0, sa_type=BigInteger)
    owed_cents: int = Field(default=0, sa_type=BigInteger)
    currency: str = Field(sa_type=Text)
    settlements: int = 0


class ExceptionRow(SQLModel, table=True):
    """Something at a lot that does not add up; `kind` is a word of stays/exceptions.py.

    subject: the passage, access or stay it is about.
    state: open, resolved by an operator, or withdrawn because a late event explained it.
    """

    __tablename__: ClassVar[str] = "parking_exceptions"
    __table_args__ = (
        UniqueConstraint("kind", "subject"),
        Index("parking_exceptions_lot_at_idx", "lot", "at", "id"),
    )

    id: UUID = Field(primary_key=True)
    kind: str = Field(sa_type=Text)
    site: str = Field(sa_type=Text)
    lot: str = Field(sa_type=Text)
    subject: UUID
    at: datetime = Field(sa_type=UtcDateTime)
    detail: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    resolved_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    resolved_by: UUID | None = None
    note: str | None = Field(default=None, sa_type=Text)
