"""Events and quarantined payloads at the API."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec


class RecordedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event of a device; `at_ms` is null where its clock was unset.

    position: order of arrival; grows within a device, and has gaps.
    """

    position: int
    device: str
    boot: int
    seq: int
    at_ms: int | None
    heard_ms: int
    clock: str
    kind: str
    data: dict[str, Any]
    received_at: datetime


class QuarantinedPayload(msgspec.Struct, frozen=True, kw_only=True):
    """A payload that was set aside, its first characters readable."""

    id: UUID
    device: str | None
    reason: str
    detail: str
    received_at: datetime
    payload_bytes: int
    payload_start: str
