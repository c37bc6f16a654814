"""Floors and spaces as the API shows and takes them."""

from typing import Annotated
from uuid import UUID

import msgspec

from cloud.kit.patterns import END
from cloud.parking.lots.kinds import SpaceFeature, SpaceState, SpaceType
from cloud.parking.vocabulary import PRINTABLE, Name

FloorNumber = Annotated[int, msgspec.Meta(ge=-20, le=200)]
SpaceName = Annotated[str, msgspec.Meta(min_length=1, max_length=16, pattern=PRINTABLE)]
Features = Annotated[list[SpaceFeature], msgspec.Meta(max_length=5)]
SPACES_AT_ONCE_MAX = 2_000


class FloorCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A new floor; 0 is the one of the entry, below it is negative."""

    number: FloorNumber
    name: Name


class Floor(msgspec.Struct, frozen=True, kw_only=True):
    """A floor."""

    id: UUID
    number: int
    name: str
    spaces: int


class SpaceCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One space with a name of its own."""

    name: SpaceName
    type: SpaceType = SpaceType.STANDARD
    features: Features = []


class SpaceRun(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Numbered spaces that are alike: prefix "A", first 1, count 12 gives A001 to A012."""

    prefix: Annotated[str, msgspec.Meta(max_length=8, pattern=r"^[A-Za-z0-9-]*" + END)]
    first: Annotated[int, msgspec.Meta(ge=0, le=99_999)] = 1
    count: Annotated[int, msgspec.Meta(ge=1, le=SPACES_AT_ONCE_MAX)]
    type: SpaceType = SpaceType.STANDARD
    features: Features = []


class SpacesCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Spaces to paint on a floor, single ones and runs; all of them or none."""

    spaces: Annotated[list[SpaceCreate], msgspec.Meta(max_length=500)] = []
    runs: Annotated[list[SpaceRun], msgspec.Meta(max_length=50)] = []


class SpacesCreated(msgspec.Struct, frozen=True):
    """How many there are now."""

    created: int
    capacity: int


class SpaceUpdate(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True
):
    """Only the fields that are sent change."""

    type: SpaceType | msgspec.UnsetType = msgspec.UNSET
    features: Features | msgspec.UnsetType = msgspec.UNSET
    state: SpaceState | msgspec.UnsetType = msgspec.UNSET


class Space(msgspec.Struct, frozen=True, kw_only=True):
    """A space."""

    id: UUID
    name: str
    floor: int
    type: SpaceType
    features: list[SpaceFeature]
    state: SpaceState
