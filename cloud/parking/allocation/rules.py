"""Which free space suits best: hard constraints first, then a score that explains itself.

Pure: it sees free spaces with the gaps around them and ranks them. Who gets a space in the end is
decided by the database's exclusion constraint, so a ranking may be out of date; the next one is
then tried.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from cloud.parking.lots.kinds import SpaceFeature, SpaceType, VehicleSize

# Worth of each matter, in points; one wished-for feature is the unit they are weighed against.
FEATURE_POINTS = 10
TYPE_WASTED_POINTS = -8
FLOOR_POINTS = -1
FRAGMENT_POINTS = -6
SNUG_POINTS = 4

# A gap that nobody would book is a gap lost.
USEFUL_GAP = timedelta(hours=1)

_FITS: dict[SpaceType, frozenset[VehicleSize]] = {
    SpaceType.MOTORCYCLE: frozenset({VehicleSize.MOTORCYCLE}),
    SpaceType.COMPACT: frozenset({VehicleSize.MOTORCYCLE, VehicleSize.COMPACT}),
    SpaceType.STANDARD: frozenset(
        {VehicleSize.MOTORCYCLE, VehicleSize.COMPACT, VehicleSize.STANDARD}
    ),
    SpaceType.CHARGING: frozenset(
        {VehicleSize.MOTORCYCLE, VehicleSize.COMPACT, VehicleSize.STANDARD}
    ),
    SpaceType.ACCESSIBLE: frozenset(VehicleSize),
    SpaceType.LARGE: frozenset(VehicleSize),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeSpace:
    """A space that is free for the whole window, with the time to its neighbours in the calendar.

    floor: 0 is the floor of the entry.
    gap_before, gap_after: to the booking before and after; None if there is none.
    """

    id: UUID
    name: str
    floor: int
    type: SpaceType
    features: frozenset[SpaceFeature] = frozenset()
    gap_before: timedelta | None = None
    gap_after: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a driver needs and what they would like.

    type: only this type will do; None leaves the choice to the ranking.
    needs: features without which the space is of no use.
    likes: features that make one space better than another.
    """

    type: SpaceType | None = None
    size: VehicleSize = VehicleSize.STANDARD
    accessible: bool = False
    charging: bool = False
    needs: frozenset[SpaceFeature] = frozenset()
    likes: frozenset[SpaceFeature] = frozenset()


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a space scored as it did; the points of all reasons add up to its score."""

    code: str
    points: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """A space that will do, and how well."""

    space: FreeSpace
    reasons: tuple[Reason, ...] = field(default=())

    @property
    def score(self) -> int:
        """More is better; may be negative."""
        return sum(reason.points for reason in self.reasons)


def refusal(space: FreeSpace, wish: Wish) -> str | None:
    """The hard constraint that rules a space out, as a code, or None if it will do."""
    if wish.type is not None and space.type != wish.type:
        return "wrong_type"
    if wish.accessible and space.type != SpaceType.ACCESSIBLE:
        return "not_accessible"
    if space.type == SpaceType.ACCESSIBLE and not wish.accessible:
        return "reserved_for_accessible"
    if wish.charging and space.type != SpaceType.CHARGING:
        return "no_charger"
    if wish.size not in _FITS[space.type]:
        return "too_small"
    if not wish.needs <= space.features:
        return "lacks_feature"
    return None


def rank(spaces: Iterable[FreeSpace], wish: Wish) -> list[Candidate]:
    """Every space that will do, best first; ties by name: equal requests get equal answers."""
    found = [
        Candidate(space, tuple(_reasons(space, wish)))
        for space in spaces
        if refusal(space, wish) is None
    ]
    return sorted(found, key=lambda c: (-c.score, c.space.floor, c.space.name, c.space.id))


def _reasons(space: FreeSpace, wish: Wish) -> Iterable[Reason]:
    for feature in sorted(wish.likes & space.features):
        yield Reason(f"has_{feature}", FEATURE_POINTS)
    if wish.type is None and _is_wasted_on(space.type, wish):
        yield Reason(f"spares_{space.type}_spaces", TYPE_WASTED_POINTS)
    if space.floor:
        yield Reason("floors_to_climb", FLOOR_POINTS * abs(space.floor))
    for gap in (space.gap_before, space.gap_after):
        if gap is None:
            continue
        if gap == timedelta(0):
            yield Reason("joins_a_booking", SNUG_POINTS)
        elif gap < USEFUL_GAP:
            yield Reason("leaves_a_useless_gap", FRAGMENT_POINTS)


def _is_wasted_on(space_type: SpaceType, wish: Wish) -> bool:
    """Whether this driver would take a space that others need more."""
    if space_type == SpaceType.CHARGING:
        return not wish.charging
    if space_type == SpaceType.LARGE:
        return wish.size != VehicleSize.LARGE
    return space_type == SpaceType.STANDARD and wish.size == VehicleSize.MOTORCYCLE
