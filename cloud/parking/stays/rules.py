"""Which passages make one stay: a pure function of what happened, not of when we heard of it.

Sites go offline and tell late, so an exit may reach the cloud before its entry. Everything here is
decided by the passages' own times; a passage that comes late changes the pairing of its neighbours,
and only theirs: whether a car is inside after a passage depends on that passage alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from protocols.portable import codes


class StayState(StrEnum):
    """Stored and shown."""

    OPEN = "open"
    CLOSED = "closed"
    ABANDONED = "abandoned"  # the same card entered again; no exit was seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """One car through one lane of one lot on the strength of one card.

    (at, device, boot, seq) is its place in time; the last three are the event's own key and break
    ties.
    """

    id: UUID
    at: datetime
    device: str
    boot: int
    seq: int
    direction: int

    @property
    def place(self) -> tuple[datetime, str, int, int]:
        """What passages are ordered by."""
        return self.at, self.device, self.boot, self.seq


@dataclass(frozen=True, slots=True)
class Stay:
    """An entry and, if it was seen, the exit that ended it."""

    entry: Passage
    exit: Passage | None
    state: StayState


@dataclass(frozen=True, slots=True)
class Pairing:
    """The stays of some passages, and the exits that end none."""

    stays: tuple[Stay, ...]
    orphans: tuple[Passage, ...]


def pair(passages: Iterable[Passage]) -> Pairing:
    """Pair the passages of one card at one lot; in any order, each once."""
    stays: list[Stay] = []
    orphans: list[Passage] = []
    inside: Passage | None = None
    for passage in sorted(passages, key=lambda p: p.place):
        if passage.direction == codes.ENTRY:
            if inside is not None:
                stays.append(Stay(inside, None, StayState.ABANDONED))
            inside = passage
        elif inside is not None:
            stays.append(Stay(inside, passage, StayState.CLOSED))
            inside = None
        else:
            orphans.append(passage)
    if inside is not None:
        stays.append(Stay(inside, None, StayState.OPEN))
    return Pairing(tuple(stays), tuple(orphans))


def pair_around(before: Passage | None, new: Passage, after: Passage | None) -> Pairing:
    """What changes when `new` is found to have happened between its two neighbours in time.

    Stays and orphans of `before`, `new` and `after` that are not in the answer stay as they are: an
    exit before `new` belongs to something earlier, and an entry after it to something later.
    """
    near = [p for p in (before, new, after) if p is not None]
    found = pair(near)
    settled = {p.id for p in (before,) if p is not None and p.direction == codes.EXIT}
    later = {p.id for p in (after,) if p is not None and p.direction == codes.ENTRY}
    return Pairing(
        tuple(stay for stay in found.stays if stay.entry.id not in later),
        tuple(orphan for orphan in found.orphans if orphan.id not in settled),
    )
