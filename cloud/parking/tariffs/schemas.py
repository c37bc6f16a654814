"""Tariffs and prices as the API shows and takes them."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

import msgspec

from cloud.parking.instants import Instant
from cloud.parking.lots.kinds import SpaceType
from cloud.parking.tariffs.rules import LineKind
from cloud.parking.vocabulary import Cents

HourlyCents = Annotated[dict[SpaceType, Cents], msgspec.Meta(min_length=1, max_length=10)]


class PricingModelCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A new version of a lot's prices.

    hourly_cents: needs `standard`; other types without a rate cost the same.
    valid_from: when it begins to count, for stays that start then or later; null is at once.
    """

    hourly_cents: HourlyCents
    free_minutes: Annotated[int, msgspec.Meta(ge=0, le=1_440)] = 0
    step_minutes: Annotated[int, msgspec.Meta(ge=1, le=1_440)] = 60
    daily_cap_cents: Cents | None = None
    overstay_percent: Annotated[int, msgspec.Meta(ge=0, le=1_000)] = 100
    valid_from: Instant | None = None


class PricingModel(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a lot's prices."""

    id: UUID
    lot: str
    version: int
    currency: str
    timezone: str
    hourly_cents: dict[SpaceType, int]
    free_minutes: int
    step_minutes: int
    daily_cap_cents: int | None
    overstay_percent: int
    valid_from: datetime
    created_at: datetime


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a price: `day` is the first of `days` local days that cost the same."""

    kind: LineKind
    day: date
    days: int
    minutes: int
    amount_cents: int


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """A price and how it comes about; the lines sum to the total."""

    currency: str
    total_cents: int
    lines: list[Line]
    pricing_model: UUID
