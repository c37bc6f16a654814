"""Permits as the API shows and takes them."""

from datetime import datetime
from uuid import UUID

import msgspec

from cloud.parking.instants import Instant
from cloud.parking.rights.rules import PermitKind
from cloud.parking.vocabulary import Note, Reason, Slug


class PermitCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A standing leave for one card to park at one lot. until_at: null is without end."""

    lot: Slug
    tag_id: UUID
    kind: PermitKind = PermitKind.PERMIT
    from_at: Instant
    until_at: Instant | None = None
    note: Note = ""


class Permit(msgspec.Struct, frozen=True, kw_only=True):
    """A permit."""

    id: UUID
    lot: str
    tag_id: UUID
    kind: PermitKind
    from_at: datetime
    until_at: datetime | None
    note: str
    created_at: datetime
    withdrawn_at: datetime | None


class Withdrawal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why a permit ends; kept in the audit trail."""

    reason: Reason


class Recomputed(msgspec.Struct, frozen=True):
    """How many rights were not as they should be; 0 means all was well."""

    changed: int
