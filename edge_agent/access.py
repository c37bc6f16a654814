"""The lane decision: the shared rules over what this agent knows. Pure; microseconds.

Every answer says how well founded it is. The mode is `online` when the cloud is in touch and the
list fresh, `agent` when the cloud is away and the list not too old, and `policy` once the list is
past the lot's max_age (or there never was one): then the lot's stale policy has decided, and the
log must not look as if the list had.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

from edge_agent.book import Book, CardSeen
from edge_agent.index import RightsIndex, seen_from
from edge_agent.rights import ListState
from protocols.gate import Tap
from protocols.portable import access, codes

_NO_RIGHTS: Final[list[tuple[int, int, int]]] = []


@dataclass(frozen=True, slots=True)
class Lane:
    """A gate's lane and the policy of the lot it belongs to."""

    gate: str
    lane: str
    lot: str
    direction: int
    policy: access.Lot
    max_age_ms: int
    out_of_service: bool


class Decision(NamedTuple):
    """What the lane does, and why."""

    reason: str
    mode: str
    right: str | None
    """Id of the right used."""
    copied: CardSeen | None
    """The earlier tap that this card contradicts."""


def is_stale(state: ListState, max_age_ms: int, now_ms: int | None) -> bool:
    """Whether a list is past its time. Without a clock nobody can tell, and it is trusted."""
    if state.version == 0:
        return True
    if now_ms is None:
        return False
    return now_ms >= state.issued_at_ms + max_age_ms or now_ms >= state.expires_at_ms


def decide_tap(
    lane: Lane,
    tap: Tap,
    tag: bytes,
    *,
    rights: RightsIndex,
    state: ListState,
    book: Book,
    now_ms: int | None,
    linked: bool,
) -> Decision:
    """What a lane does about a tap.

    tag: the tag key of the tap's UID; b"" when nothing was read.
    state: of the list behind `rights`.
    now_ms: None while the clock is unset.
    linked: whether the cloud is in touch.
    """
    stale = is_stale(state, lane.max_age_ms, now_ms)
    mode = codes.POLICY if stale else codes.ONLINE if linked else codes.AGENT
    if lane.out_of_service:
        return Decision(codes.OUT_OF_SERVICE, mode, None, None)
    entries = rights.entries(tag)
    earlier = None
    if tap.level > 0 and tap.counter is not None:
        seen = CardSeen(tap.counter, lane.gate, tap.boot, tap.seq, now_ms)
        earlier = book.conflict(tag, seen)
    reason, index = access.decide(
        lane.direction,
        tap.vehicle,
        tap.read,
        tap.level,
        earlier is not None,
        seen_from(lane.lot, entries) if entries else _NO_RIGHTS,
        None if now_ms is None else now_ms // 1000,
        lane.policy,
        book.is_inside(lane.lot, tag),
        stale,
    )
    return Decision(reason, mode, entries[index][4] if index >= 0 else None, earlier)
