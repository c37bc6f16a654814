"""Commands at the API."""

from datetime import datetime
from uuid import UUID

import msgspec

from cloud.devices.sites.schemas import Reason


class CommandRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why somebody does this; it is kept in the audit trail."""

    reason: Reason


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """A command and what became of it: queued, sent, done, refused or expired.

    result: what the device said: done, or why not.
    """

    id: UUID
    site: str
    device: str
    op: str
    reason: str
    issued_by: UUID
    issued_at: datetime
    expires_at: datetime
    state: str
    result: str | None
    sent_at: datetime | None
    finished_at: datetime | None
