"""Users as the API shows and takes them."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from cloud.accounts.user import Role
from cloud.kit.patterns import END

# Text that people see must be printable: no control characters, which PostgreSQL (NUL) and
# terminals dislike.
PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
Email = Annotated[str, msgspec.Meta(min_length=3, max_length=254, pattern=PRINTABLE)]
Password = Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=PRINTABLE)]
Phone = Annotated[str, msgspec.Meta(min_length=3, max_length=32, pattern=r"^\+?[0-9 ()./-]+" + END)]
PreferenceName = Annotated[
    str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[a-z0-9_.-]+" + END)
]
PreferenceText = Annotated[str, msgspec.Meta(max_length=200, pattern=PRINTABLE)]
PreferenceNumber = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]
Preferences = Annotated[
    dict[PreferenceName, PreferenceText | PreferenceNumber | bool], msgspec.Meta(max_length=50)
]


class UserCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Registration. `roles`: driver, trader or both."""

    email: Email
    password: Password
    name: Name
    phone: Phone | None = None
    roles: Annotated[list[Role], msgspec.Meta(min_length=1, max_length=2)] = msgspec.field(
        default_factory=lambda: [Role.DRIVER]
    )


class ProfileUpdate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Only the fields that are sent change; a null phone removes it."""

    name: Name | msgspec.UnsetType = msgspec.UNSET
    phone: Phone | msgspec.UnsetType | None = msgspec.UNSET
    preferences: Preferences | msgspec.UnsetType = msgspec.UNSET


class Profile(msgspec.Struct, frozen=True):
    """A user and what they say of themselves."""

    id: UUID
    email: str
    name: str
    phone: str | None
    roles: list[Role]
    preferences: dict[str, str | int | bool]
    is_locked: bool
    created_at: datetime


class RoleChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why a role is granted or a user locked; kept in the audit trail."""

    reason: Annotated[str, msgspec.Meta(min_length=3, max_length=200, pattern=PRINTABLE)]
