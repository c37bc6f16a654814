"""The chain of audit rows, and its head."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from sqlalchemy import BigInteger
from sqlmodel import Field, SQLModel

from cloud.kit.columns import UtcDateTime


class AuditRow(SQLModel, table=True):
    """One privileged act. `details` is the JSON text exactly as it was authenticated."""

    __tablename__: ClassVar[str] = "audit_log"

    sequence: int = Field(primary_key=True, sa_type=BigInteger)
    at: datetime = Field(sa_type=UtcDateTime)
    actor: UUID | None = Field(default=None, index=True)
    action: str = Field(index=True)
    subject: str = Field(index=True)
    details: str
    mac: bytes


class AuditHeadRow(SQLModel, table=True):
    """Where the chain ends: one row, locked by whoever appends."""

    __tablename__: ClassVar[str] = "audit_head"

    id: int = Field(default=1, primary_key=True, sa_type=BigInteger)
    sequence: int = Field(sa_type=BigInteger)
    mac: bytes
