"""Lots as the API shows and takes them."""

from datetime import datetime
from typing import Annotated

import msgspec

from cloud.devices.sites.schemas import check_ids
from cloud.kit.patterns import END
from cloud.parking.lots.policy import LotMode, Passback, Stale, WalkUps
from cloud.parking.vocabulary import Currency, Name, Note, Reason, Slug

Level = Annotated[int, msgspec.Meta(ge=0, le=2)]
MaxAge = Annotated[int, msgspec.Meta(ge=60, le=2_592_000)]
Grace = Annotated[int, msgspec.Meta(ge=0, le=86_400)]
Hold = Annotated[int, msgspec.Meta(ge=30, le=3_600)]
CancelFree = Annotated[int, msgspec.Meta(ge=0, le=2_592_000)]
Percent = Annotated[int, msgspec.Meta(ge=0, le=100)]
Timezone = Annotated[
    str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_+/-]+" + END)
]


class LotPolicyChange(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True
):
    """Only the fields that are sent change; `reason` is kept in the audit trail."""

    reason: Reason
    mode: LotMode | msgspec.UnsetType = msgspec.UNSET
    walk_ups: WalkUps | msgspec.UnsetType = msgspec.UNSET
    passback: Passback | msgspec.UnsetType = msgspec.UNSET
    level_min: Level | msgspec.UnsetType = msgspec.UNSET
    stale: Stale | msgspec.UnsetType = msgspec.UNSET
    max_age_s: MaxAge | msgspec.UnsetType = msgspec.UNSET
    early_grace_s: Grace | msgspec.UnsetType = msgspec.UNSET
    late_grace_s: Grace | msgspec.UnsetType = msgspec.UNSET
    hold_s: Hold | msgspec.UnsetType = msgspec.UNSET
    cancel_free_s: CancelFree | msgspec.UnsetType = msgspec.UNSET
    cancel_late_percent: Percent | msgspec.UnsetType = msgspec.UNSET


class LotCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A new lot. `id` is a slug and stands in topics, rooms and addresses for ever."""

    id: Slug
    site: Slug
    name: Name
    address: Note = ""
    timezone: Timezone = "UTC"
    currency: Currency = "EUR"
    mode: LotMode = LotMode.OPEN
    walk_ups: WalkUps = WalkUps.KNOWN
    passback: Passback = Passback.SOFT
    level_min: Level = 0
    stale: Stale = Stale.KNOWN
    max_age_s: MaxAge = 86_400
    early_grace_s: Grace = 900
    late_grace_s: Grace = 600
    hold_s: Hold = 600
    cancel_free_s: CancelFree = 3_600
    cancel_late_percent: Percent = 50

    def __post_init__(self) -> None:
        """See check_ids."""
        check_ids(self.id)


class Lot(msgspec.Struct, frozen=True, kw_only=True):
    """A car park and its policy."""

    id: str
    site: str
    name: str
    address: str
    timezone: str
    currency: str
    mode: LotMode
    walk_ups: WalkUps
    passback: Passback
    level_min: int
    stale: Stale
    max_age_s: int
    early_grace_s: int
    late_grace_s: int
    hold_s: int
    cancel_free_s: int
    cancel_late_percent: int
    created_at: datetime


class LotOccupancy(msgspec.Struct, frozen=True, kw_only=True):
    """How full a lot is now.

    state: what its lanes are told: open, full, closed or closed_to_all.
    free_by_type: spaces in service that no booking holds now, by type; cars that walked up may
        stand on any of them.
    """

    lot: str
    state: str
    capacity: int
    inside: int
    reserved: int
    free: int
    free_by_type: dict[str, int]
    changed_at: datetime


class OccupancyCount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an operator counted: so many cars are inside."""

    inside: Annotated[int, msgspec.Meta(ge=0, le=100_000)]
    reason: Reason
