"""Checking a lane's decision again, with all that the cloud knows, by the same decision table."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from protocols.portable import access, codes

# What only the lane can know, or was told to do: nothing to check.
_ONLY_THE_LANE_KNOWS = frozenset(
    {
        codes.NO_VEHICLE,
        codes.NO_CARD,
        codes.UNREADABLE,
        codes.TWO_CARDS,
        codes.COPY_SUSPECTED,
        codes.LOT_FULL,
        codes.LOT_CLOSED,
        codes.LIST_STALE,
        codes.LOG_FULL,
        codes.OUT_OF_SERVICE,
    }
)


class Recheck(StrEnum):
    """What the cloud makes of a decision; stored in the access log."""

    AGREES = "agrees"
    DISAGREES = "disagrees"
    NOT_CHECKED = "not_checked"


@dataclass(frozen=True, slots=True)
class Seen:
    """What the lane saw of one tap; as protocols.portable.access.decide takes it."""

    direction: int
    vehicle: bool
    read: int
    level: int
    copied: bool | None
    at_s: int | None
    stale: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """The cloud's opinion: the reason it would have given, and whether that matters."""

    recheck: Recheck
    reason: str | None


def cloud_decision(
    seen: Seen,
    rights: Sequence[tuple[int, int, int]],
    lot: access.Lot,
    *,
    inside: bool | None,
) -> tuple[str, int]:
    """What the cloud would have said: (reason, index of the right used or -1).

    rights: (flags, from_s, until_s) as they were at that instant, in the order they start.
    inside: whether the card's car was inside at that instant.
    """
    return access.decide(
        seen.direction,
        seen.vehicle,
        seen.read,
        seen.level,
        seen.copied,
        rights,
        seen.at_s,
        lot,
        inside,
        seen.stale,
    )


def recheck(
    told: str,
    seen: Seen,
    rights: Sequence[tuple[int, int, int]],
    lot: access.Lot,
    *,
    inside: bool | None,
) -> Verdict:
    """Whether a decision stands.

    told: the reason the lane gave. A decision stands if the cloud would have let the car through
    as well, or refused it as well; at an exit, if it would have settled in the same way.
    """
    if told in _ONLY_THE_LANE_KNOWS:
        return Verdict(Recheck.NOT_CHECKED, None)
    reason, _ = cloud_decision(seen, rights, lot, inside=inside)
    if seen.direction == codes.EXIT:
        agrees = reason == told
    else:
        agrees = codes.is_admitted(reason) == _is_admitted(told)
    return Verdict(Recheck.AGREES if agrees else Recheck.DISAGREES, reason)


def _is_admitted(reason: str) -> bool:
    # A newer device may give a reason this cloud does not know yet; it let nobody in.
    return reason in codes.REASONS and codes.is_admitted(reason)
