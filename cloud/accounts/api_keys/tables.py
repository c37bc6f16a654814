"""API keys; of the secret only its hash is kept."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, Text
from sqlmodel import Field, SQLModel

from cloud.kit.columns import UtcDateTime


class ApiKeyRow(SQLModel, table=True):
    """One key. secret_hash: SHA-256; enough, because the secret is random and long."""

    __tablename__: ClassVar[str] = "api_keys"

    id: str = Field(primary_key=True, sa_type=Text)
    user_id: UUID = Field(foreign_key="users.id", ondelete="CASCADE", index=True)
    portfolio_id: int = Field(sa_type=BigInteger, index=True)
    name: str = Field(sa_type=Text)
    secret_hash: bytes
    created_at: datetime = Field(sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
