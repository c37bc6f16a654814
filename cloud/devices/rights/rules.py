"""How a site's rights list moves from version to version, and what a lagging site is sent; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

import msgspec

from protocols.rights_hash import changed_hash
from protocols.site import Right, SiteReport

T = TypeVar("T")

VERSIONS_KEPT: Final = 64
DELTA_ENTRIES_MAX: Final = 1_000
# About 130 bytes a right, so a part stays near 130 KB, below every broker's limit.
PART_ENTRIES: Final = 1_000
DELTAS_IN_A_ROW_MAX: Final = 16

# An agent says so when it has applied a list; until then it may simply be on its way. A full list
# takes longer, and the next report comes after 10 s at the latest.
DELTA_GRACE_MS: Final = 2_000
FULL_GRACE_MS: Final = 8_000


class Delta(msgspec.Struct, frozen=True, kw_only=True):
    """What one version changed."""

    entries: list[Right]
    removed: list[str]


@dataclass(frozen=True, slots=True)
class Head:
    """The current version of a site's list."""

    version: int
    hash: str
    count: int


@dataclass(frozen=True, slots=True)
class Sent:
    """What was last sent to a site, and when by a clock that only grows."""

    version: int
    is_full: bool
    at_ms: int


class Step(StrEnum):
    """What to do about a site's list."""

    NOTHING = "nothing"
    DELTAS = "deltas"
    FULL = "full"
    JUMP = "jump"
    """The site knows a higher version than we do: number ours above it, then send the full."""


def next_head(head: Head, before: Mapping[str, Right], delta: Delta) -> Head:
    """The version after a delta.

    before: the rights among those the delta touches that the list already has, by id.
    """
    gone = [before[id_] for id_ in delta.removed if id_ in before]
    replaced = [before[right.id] for right in delta.entries if right.id in before]
    added = len(delta.entries) - len(replaced)
    return Head(
        version=head.version + 1,
        hash=changed_hash(head.hash, added=delta.entries, removed=[*gone, *replaced]),
        count=head.count + added - len(gone),
    )


def effective(before: Mapping[str, Right], wishes: Mapping[str, Right | None]) -> Delta:
    """The delta that fulfils the wishes, without those that change nothing."""
    return Delta(
        entries=[
            right for id_, right in wishes.items() if right is not None and before.get(id_) != right
        ],
        removed=[id_ for id_, right in wishes.items() if right is None and id_ in before],
    )


def step_for(
    report: SiteReport, head: Head, sent: Sent | None, now_ms: int, deltas_from: int | None
) -> Step:
    """What to send to a site that reported.

    now_ms: the clock of `sent`.
    deltas_from: the lowest version whose delta, like those of all later ones, is kept; None if
        not even the last one's is.
    """
    if report.rights_version > head.version:
        return Step.JUMP
    current = report.rights_version == head.version and report.rights_hash == head.hash
    if current and not report.want_full:
        return Step.NOTHING
    if sent is not None and sent.version == head.version:
        grace = FULL_GRACE_MS if sent.is_full else DELTA_GRACE_MS
        refused = report.rights_problem is not None or report.want_full
        if now_ms - sent.at_ms < grace and not (refused and not sent.is_full):
            return Step.NOTHING
    lag = head.version - report.rights_version
    told_so = report.want_full or report.rights_problem is not None
    if (
        not told_so
        and deltas_from is not None
        and report.rights_version >= deltas_from - 1
        and 0 < lag <= DELTAS_IN_A_ROW_MAX
        # A site that did not take the last delta would not take it the second time either.
        and not (sent is not None and not sent.is_full and sent.version == head.version)
    ):
        return Step.DELTAS
    return Step.FULL


def parts_of(rights: Sequence[T]) -> list[Sequence[T]]:
    """A full list cut into the parts it travels in; one empty part when there are no rights."""
    return [rights[i : i + PART_ENTRIES] for i in range(0, len(rights), PART_ENTRIES)] or [[]]
