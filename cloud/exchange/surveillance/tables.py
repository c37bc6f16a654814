"""Cases for review with their findings, what reviewers did, and how far the stream was watched."""

from datetime import datetime
from typing import Any, ClassVar, Final
from uuid import UUID

from sqlalchemy import BigInteger, Column, Identity, Index, Integer, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from cloud.kit.columns import UtcDateTime

OPEN: Final = "open"
DISMISSED: Final = "dismissed"
ESCALATED: Final = "escalated"


class CaseRow(SQLModel, table=True):
    """Findings of one rule about the same party and instrument: while it is open, more join it.

    sentence: of the newest finding. other_account_id: 0 where there is none.
    """

    __tablename__: ClassVar[str] = "surveillance_cases"
    __table_args__ = (
        Index(
            "surveillance_cases_open_idx",
            "rule",
            "account_id",
            "other_account_id",
            "instrument_id",
            unique=True,
            postgresql_where=text("state = 'open'"),
        ),
        Index("surveillance_cases_last_at_id_idx", "last_at", "id"),
    )

    id: UUID = Field(primary_key=True)
    pattern: str = Field(sa_type=Text)
    rule: str = Field(sa_type=Text)
    account_id: int = Field(sa_type=BigInteger)
    other_account_id: int = Field(sa_type=BigInteger)
    instrument_id: int = Field(sa_type=BigInteger)
    state: str = Field(default=OPEN, sa_type=Text)
    first_at: datetime = Field(sa_type=UtcDateTime)
    last_at: datetime = Field(sa_type=UtcDateTime)
    findings: int = Field(default=0, sa_type=Integer)
    sentence: str = Field(sa_type=Text)
    decided_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    decided_by: UUID | None = None


class FindingRow(SQLModel, table=True):
    """One finding; `key` is the same whoever reads the stream again, so it is stored once."""

    __tablename__: ClassVar[str] = "surveillance_findings"
    __table_args__ = (Index("surveillance_findings_case_id_sequence_idx", "case_id", "sequence"),)

    key: str = Field(primary_key=True, sa_type=Text)
    case_id: UUID = Field(foreign_key="surveillance_cases.id")
    sequence: int = Field(sa_type=BigInteger)
    first_at: datetime = Field(sa_type=UtcDateTime)
    at: datetime = Field(sa_type=UtcDateTime)
    sentence: str = Field(sa_type=Text)
    trade_ids: list[int] = Field(sa_type=JSONB)
    order_ids: list[int] = Field(sa_type=JSONB)
    figures: dict[str, Any] = Field(sa_type=JSONB)


class ReviewRow(SQLModel, table=True):
    """What a reviewer did with a case: a note, or a decision; never edited."""

    __tablename__: ClassVar[str] = "surveillance_reviews"

    id: int | None = Field(
        default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True)
    )
    case_id: UUID = Field(foreign_key="surveillance_cases.id", index=True)
    at: datetime = Field(sa_type=UtcDateTime)
    actor: UUID
    state: str = Field(sa_type=Text)
    note: str = Field(sa_type=Text)


class WatchedRow(SQLModel, table=True):
    """The last command whose findings and alerts are stored; at: that command's time."""

    __tablename__: ClassVar[str] = "exchange_watched"

    name: str = Field(primary_key=True, sa_type=Text)
    sequence: int = Field(sa_type=BigInteger)
    at: datetime = Field(sa_type=UtcDateTime)
