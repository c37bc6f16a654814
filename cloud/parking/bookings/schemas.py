"""Bookings as the API shows and takes them."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from cloud.parking.allocation.rules import Wish
from cloud.parking.bookings.rules import BookingState
from cloud.parking.instants import Instant
from cloud.parking.lots.kinds import SpaceFeature, SpaceType, VehicleSize
from cloud.parking.tariffs.schemas import Line
from cloud.parking.vocabulary import Slug

FeatureSet = Annotated[list[SpaceFeature], msgspec.Meta(max_length=5)]


class QuoteRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A window at a lot, and what the space has to offer.

    type: only this one; null leaves it to us.
    needs: features without which the space is of no use; likes: those that would be welcome.
    """

    lot: Slug
    starts_at: Instant
    ends_at: Instant
    type: SpaceType | None = None
    size: VehicleSize = VehicleSize.STANDARD
    accessible: bool = False
    charging: bool = False
    needs: FeatureSet = []
    likes: FeatureSet = []

    def wish(self) -> Wish:
        """What allocation takes."""
        return Wish(
            type=self.type,
            size=self.size,
            accessible=self.accessible,
            charging=self.charging,
            needs=frozenset(self.needs),
            likes=frozenset(self.likes),
        )


class BookingCreate(QuoteRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A booking.

    tag_id: the card that will open the gate; null takes the caller's card if there is just one.
    vehicle_id: the vehicle, whose size then counts.
    confirm: pay from the wallet at once, instead of holding the space for some minutes.
    """

    tag_id: UUID | None = None
    vehicle_id: UUID | None = None
    confirm: bool = False


class TagChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The card that will open the gate for a booking."""

    tag_id: UUID


class AllocationReason(msgspec.Struct, frozen=True):
    """Why this space: a code and what it counted for."""

    code: str
    points: int


class Booking(msgspec.Struct, frozen=True, kw_only=True):
    """A booking.

    held_until: until then a held booking keeps its space; null otherwise.
    price_cents, lines: the quote, which does not change any more.
    kept_cents: what was kept of the price in the end; null while that is open.
    """

    id: UUID
    user_id: UUID
    lot: str
    space_id: UUID
    space: str
    floor: int
    type: SpaceType
    tag_id: UUID | None
    starts_at: datetime
    ends_at: datetime
    state: BookingState
    held_until: datetime | None
    price_cents: int
    currency: str
    lines: list[Line]
    reasons: list[AllocationReason]
    kept_cents: int | None
    created_at: datetime
    confirmed_at: datetime | None
    ended_at: datetime | None


class SpaceOffer(msgspec.Struct, frozen=True, kw_only=True):
    """A price, and the space that would be chosen if it were booked now.

    free: how many spaces would do.
    """

    lot: str
    space: str
    floor: int
    type: SpaceType
    free: int
    price_cents: int
    currency: str
    lines: list[Line]
    reasons: list[AllocationReason]
