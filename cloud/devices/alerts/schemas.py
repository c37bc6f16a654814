"""Alerts as the API, the event stream and the live rooms show them."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One alert; open while `cleared_at` is null."""

    id: UUID
    site: str
    device: str
    kind: str
    detail: dict[str, Any]
    raised_at: datetime
    cleared_at: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: UUID | None = None
    note: str | None = None


class Acknowledgement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody found or did about an alert."""

    note: Annotated[str, msgspec.Meta(max_length=500)] = ""
