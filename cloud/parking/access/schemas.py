"""The access log as the API shows it."""

from datetime import datetime
from uuid import UUID

import msgspec


class AccessEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One decision at a lane, with the sentence the driver read.

    mode: who decided. list_version, clock: what it knew and how far its clock could be trusted.
    recheck: agrees, disagrees or not_checked; recheck_reason: what the cloud would have said.
    """

    id: UUID
    lot: str
    lane: str
    gate: str
    direction: str
    at: datetime
    heard_at: datetime
    clock: str
    user_id: UUID | None
    booking_id: UUID | None
    reason: str
    sentence: str
    is_admitted: bool
    mode: str
    list_version: int
    level: int
    recheck: str
    recheck_reason: str | None


class MyAccess(msgspec.Struct, frozen=True, kw_only=True):
    """One decision about a card of the caller."""

    id: UUID
    lot: str
    lane: str
    direction: str
    at: datetime
    booking_id: UUID | None
    reason: str
    sentence: str
    is_admitted: bool
