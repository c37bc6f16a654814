"""What a lot allows, in words for people and in the codes that travel to its lanes."""

from dataclasses import dataclass
from enum import StrEnum

from protocols.portable import access, codes


class LotMode(StrEnum):
    """What the operator wants; `full` is not wanted but counted, so it is not here."""

    OPEN = "open"
    CLOSED = "closed"
    CLOSED_TO_ALL = "closed_to_all"


class WalkUps(StrEnum):
    """Whom a lot admits without a booking."""

    NONE = "none"
    KNOWN = "known"
    ALL = "all"


class Passback(StrEnum):
    """What a second entry without an exit between gets."""

    OFF = "off"
    SOFT = "soft"
    HARD = "hard"


class Stale(StrEnum):
    """What a lot does once its list is older than max_age_s."""

    REFUSE = "refuse"
    KNOWN = "known"
    OPEN = "open"


_MODES = {
    LotMode.OPEN: codes.OPEN,
    LotMode.CLOSED: codes.CLOSED,
    LotMode.CLOSED_TO_ALL: codes.CLOSED_TO_ALL,
}
_WALK_UPS = {
    WalkUps.NONE: codes.WALK_UPS_NONE,
    WalkUps.KNOWN: codes.WALK_UPS_KNOWN,
    WalkUps.ALL: codes.WALK_UPS_ALL,
}
_PASSBACKS = {
    Passback.OFF: codes.PASSBACK_OFF,
    Passback.SOFT: codes.PASSBACK_SOFT,
    Passback.HARD: codes.PASSBACK_HARD,
}
_STALES = {
    Stale.REFUSE: codes.STALE_REFUSE,
    Stale.KNOWN: codes.STALE_KNOWN,
    Stale.OPEN: codes.STALE_OPEN,
}
STATE_NAMES = {
    codes.OPEN: "open",
    codes.FULL: "full",
    codes.CLOSED: "closed",
    codes.CLOSED_TO_ALL: "closed_to_all",
}


@dataclass(frozen=True, slots=True)
class Occupancy:
    """How full a lot is.

    capacity: spaces in service.
    inside: cars counted in and not out; wrong by what tailgates, so operators may correct it.
    reserved: spaces held or booked for now whose car is not inside yet.
    """

    capacity: int
    inside: int
    reserved: int

    @property
    def free(self) -> int:
        """What a walk-up may still take; never negative."""
        return max(0, self.capacity - self.inside - self.reserved)

    @property
    def is_full(self) -> bool:
        """Whether walk-ups are turned away."""
        return self.free == 0


def state_code(mode: LotMode, *, is_full: bool) -> int:
    """The `state` of protocols.site.LotPolicy: closed beats full."""
    code = _MODES[mode]
    return codes.FULL if code == codes.OPEN and is_full else code


def walk_ups_code(walk_ups: WalkUps) -> int:
    """codes.WALK_UPS_..."""
    return _WALK_UPS[walk_ups]


def passback_code(passback: Passback) -> int:
    """codes.PASSBACK_..."""
    return _PASSBACKS[passback]


def stale_code(stale: Stale) -> int:
    """codes.STALE_..."""
    return _STALES[stale]


def deciders_lot(
    *, state: int, walk_ups: WalkUps, passback: Passback, level_min: int, stale: Stale
) -> access.Lot:
    """The lot as access.decide takes it; `state` is a code, see `state_code`."""
    return access.Lot(state, _WALK_UPS[walk_ups], _PASSBACKS[passback], level_min, _STALES[stale])
