"""Stays and exceptions as the API shows them."""

from datetime import datetime
from uuid import UUID

import msgspec

from cloud.parking.instants import Instant
from cloud.parking.tariffs.schemas import Line
from cloud.parking.vocabulary import Reason


class Stay(msgspec.Struct, frozen=True, kw_only=True):
    """A vehicle inside, or that was.

    tag_key: what rights lists call the card it came with. basis: walk_up, booking or permit.
    state: open, closed, or abandoned when no exit was seen.
    fee_cents: the final price, 0 until the exit; prepaid by a booking, paid from the wallet, and
        owed add up to it.
    """

    id: UUID
    lot: str
    tag_key: str
    user_id: UUID | None
    booking_id: UUID | None
    basis: str
    state: str
    entry_at: datetime
    entry_lane: str
    exit_at: datetime | None
    exit_lane: str | None
    exit_reason: str | None
    lines: list[Line]
    fee_cents: int
    prepaid_cents: int
    paid_cents: int
    owed_cents: int
    currency: str


class StayClose(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An operator knows that the car has gone: at this instant, or just now."""

    reason: Reason
    at: Instant | None = None


class ParkingException(msgspec.Struct, frozen=True, kw_only=True):
    """Something at a lot that does not add up. subject: the passage, access or stay concerned."""

    id: UUID
    kind: str
    lot: str
    subject: UUID
    at: datetime
    detail: str
    state: str
    resolved_at: datetime | None
    resolved_by: UUID | None
    note: str | None


class Resolution(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was done about an exception."""

    note: Reason
