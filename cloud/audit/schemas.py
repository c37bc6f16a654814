"""The audit trail as auditors read it."""

from datetime import datetime
from uuid import UUID

import msgspec


class AuditEntry(msgspec.Struct, frozen=True):
    """One privileged act. `actor` is null when the system itself acted."""

    sequence: int
    at: datetime
    actor: UUID | None
    action: str
    subject: str
    details: dict[str, str | int | bool | None]


class AuditVerification(msgspec.Struct, frozen=True):
    """The result of checking the whole chain.

    head_mac: note it elsewhere; a later check must find it at that row, or the end was cut off.
    """

    is_intact: bool
    rows: int
    head_mac: str
    first_flaw_sequence: int | None = None
    first_flaw: str | None = None
