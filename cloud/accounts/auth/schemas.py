"""Log-in as the API takes it and answers."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from cloud.accounts.users.schemas import Email, Password


class Credentials(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a user knows."""

    email: Email
    password: Password


class RefreshRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The refresh token got last; it is good once."""

    refresh_token: Annotated[str, msgspec.Meta(min_length=20, max_length=200)]


class PasswordChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A new password; every other login of the user ends."""

    current_password: Password
    new_password: Password


class Tokens(msgspec.Struct, frozen=True):
    """Send `access_token` as `Authorization: Bearer`; keep `refresh_token` for the next refresh.

    expires_in: seconds the access token is good.
    """

    access_token: str
    expires_in: int
    refresh_token: str
    token_type: str = "Bearer"  # noqa: S105 - the scheme's name


class Login(msgspec.Struct, frozen=True):
    """One signed-in device. `is_this` marks the one that asks."""

    id: UUID
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    user_agent: str
    address: str
    is_this: bool
