"""API keys as the API shows and takes them."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

KeyName = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=64,
        pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)",
        description="What the key is for, in the trader's words.",
    ),
]


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key without its secret. revoked_at: null while it is good."""

    id: str
    portfolio_id: UUID
    name: str
    created_at: datetime
    revoked_at: datetime | None


class NewApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key just made; `secret` is shown this once and kept nowhere."""

    id: str
    secret: str
    portfolio_id: UUID
    name: str
    created_at: datetime


class ApiKeyCreate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Make a key for one of one's own portfolios."""

    portfolio_id: UUID
    name: KeyName
