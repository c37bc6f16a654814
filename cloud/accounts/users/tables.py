"""Users, what they may do, and what is personal about them (sealed)."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from cloud.kit.columns import UtcDateTime


class UserRow(SQLModel, table=True):
    """A user. `email_key` is the one spelling by which an address is found."""

    __tablename__: ClassVar[str] = "users"

    id: UUID = Field(primary_key=True)
    email: str
    email_key: str = Field(unique=True)
    password_hash: str
    is_locked: bool = False
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)


class UserRoleRow(SQLModel, table=True):
    """One role of one user; the audit trail says who granted it."""

    __tablename__: ClassVar[str] = "user_roles"

    user_id: UUID = Field(primary_key=True, foreign_key="users.id", ondelete="CASCADE")
    role: str = Field(primary_key=True, index=True)
    granted_at: datetime = Field(sa_type=UtcDateTime)


class UserProfileRow(SQLModel, table=True):
    """What a user says of themselves; name and phone are sealed with `FieldCipher`."""

    __tablename__: ClassVar[str] = "user_profiles"

    user_id: UUID = Field(primary_key=True, foreign_key="users.id", ondelete="CASCADE")
    name_sealed: bytes
    phone_sealed: bytes | None = None
    preferences: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB)
    updated_at: datetime = Field(sa_type=UtcDateTime)
