"""What people watching hear: notices of the rooms `lot:{id}` and `user:{id}`.

A notice is told after the commit of its fact, and says what *is*, never a difference.
"""

from typing import Protocol
from uuid import UUID

import msgspec

from cloud.kit.database import AsyncSession


class Live(Protocol):
    """Realtime, as far as parking needs it."""

    def lot(self, session: AsyncSession, lot: str, event: str, data: msgspec.Struct) -> None:
        """Tell the room of a lot once this session has committed."""
        ...

    def user(self, session: AsyncSession, user_id: UUID, event: str, data: msgspec.Struct) -> None:
        """Tell a user's own room once this session has committed."""
        ...


class NobodyWatches:
    """For a process without a realtime feature."""

    def lot(self, session: AsyncSession, lot: str, event: str, data: msgspec.Struct) -> None:
        """Nothing."""

    def user(self, session: AsyncSession, user_id: UUID, event: str, data: msgspec.Struct) -> None:
        """Nothing."""


OCCUPANCY = "occupancy"
PASSAGE = "passage"
ACCESS = "access"
LANE = "lane"
BOOKING = "booking"
STAY = "stay"
PAYMENT = "payment"


class PassageNotice(msgspec.Struct, frozen=True, kw_only=True):
    """A car went through a lane of the lot."""

    lane: str
    gate: str
    direction: str
    kind: str
    at_ms: int


class AccessNotice(msgspec.Struct, frozen=True, kw_only=True):
    """A card was decided upon at a lane of the lot; it does not say whose."""

    lane: str
    gate: str
    direction: str
    reason: str
    is_admitted: bool
    mode: str
    at_ms: int


class LaneNotice(msgspec.Struct, frozen=True, kw_only=True):
    """What else happened at a lane of the lot: a fault, back in order, gone, opened remotely."""

    lane: str
    gate: str
    kind: str
    at_ms: int


class BookingNotice(msgspec.Struct, frozen=True, kw_only=True):
    """A booking of the user, as it is now."""

    booking_id: UUID
    lot: str
    state: str


class StayNotice(msgspec.Struct, frozen=True, kw_only=True):
    """A stay of the user, as it is now."""

    stay_id: UUID
    lot: str
    state: str
    fee_cents: int
    paid_cents: int
    currency: str


class PaymentNotice(msgspec.Struct, frozen=True, kw_only=True):
    """Money moved between the user and a lot; negative amounts came back to the user."""

    payment_id: UUID
    kind: str
    method: str
    amount_cents: int
    currency: str
