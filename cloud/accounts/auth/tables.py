"""Logins and the refresh tokens of each: a login is one token family (RFC 9700, section 4.14.2)."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from sqlmodel import Field, SQLModel

from cloud.kit.columns import UtcDateTime


class LoginRow(SQLModel, table=True):
    """One signed-in device of a user. `ended_because` is empty while it lasts."""

    __tablename__: ClassVar[str] = "user_sessions"

    id: UUID = Field(primary_key=True)
    user_id: UUID = Field(foreign_key="users.id", ondelete="CASCADE", index=True)
    created_at: datetime = Field(sa_type=UtcDateTime)
    last_used_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_because: str = ""
    user_agent: str
    address: str


class RefreshTokenRow(SQLModel, table=True):
    """A refresh token, by its hash; good once. `used_at`: when it was turned into the next."""

    __tablename__: ClassVar[str] = "refresh_tokens"

    token_hash: bytes = Field(primary_key=True)
    login_id: UUID = Field(foreign_key="user_sessions.id", ondelete="CASCADE", index=True)
    created_at: datetime = Field(sa_type=UtcDateTime)
    used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
