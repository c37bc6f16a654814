"""Messages between a site's edge agent and the cloud, over the cloud broker.

Everything the cloud orders is sealed with the site's key (see sealed.py); what the agent reports
is trusted as far as its certificate goes. Times are ms (or s where named so) since 1970 UTC.
"""

from typing import Any

import msgspec


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """One fact, with the key it was born with: (device, boot, seq)."""

    device: str
    boot: int
    seq: int
    at_ms: int | None
    """Wall time at the device, None while its clock was unset."""
    heard_ms: int
    """Wall time at the agent when it took the event in; equals at_ms for the agent's own."""
    clock: str
    kind: str
    data: dict[str, Any] = {}


class EventBatch(msgspec.Struct, frozen=True, kw_only=True):
    """`up/events`: events in the order the agent holds them, at most 500 and 512 KiB.

    The agent sends the next batch after the ack of this one, so nothing can overtake.
    """

    v: int
    batch: int
    """Number of the batch, for the ack; a batch sent again keeps it."""
    events: list[msgspec.Raw]
    """Each an Event. Kept raw, so that one malformed event is quarantined and the rest go on."""


class Quarantined(msgspec.Struct, frozen=True, kw_only=True):
    """An event of a batch the cloud set aside: its place in the batch and why."""

    index: int
    reason: str


class EventsAck(msgspec.Struct, frozen=True, kw_only=True):
    """`down/ack`: the batch is committed in the cloud; the agent may forget it."""

    v: int
    batch: int
    quarantined: list[Quarantined] = []


class LotPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """One car park of a site, as its lanes need it."""

    lot: str
    name: str
    state: int
    walk_ups: int
    passback: int
    level_min: int
    stale: int
    max_age_s: int
    """A list older than this is stale; 60 to 2,592,000."""


class GateDesired(msgspec.Struct, frozen=True, kw_only=True):
    """One gate of a site: the lane it controls and which way that leads."""

    gate: str
    lane: str
    lot: str
    direction: int
    out_of_service: bool = False


class SiteDesired(msgspec.Struct, frozen=True, kw_only=True):
    """Body of the sealed, retained `down/desired`: the whole picture of a site, replaced whole."""

    site: str
    version: int
    issued_at_ms: int
    lots: list[LotPolicy]
    gates: list[GateDesired]


class Right(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What lets one tag pass the lanes of one lot.

    It holds plain values only, so the garbage collector need not look at it: with 100,000 of them
    one collection kept a lane waiting for 60 ms.
    """

    id: str
    """Of the right: a booking's id, or one the cloud made; unique within a site."""
    tag: str
    """Tag key, 14 hex digits (macs.tag_key)."""
    lot: str
    flags: int
    """Kind and FLAG_... bits of portable.access; never FLAG_OTHER_LOT, deciders add that."""
    from_s: int
    until_s: int
    """Exclusive; both with grace included. 0 and access.FOREVER_S for an open window."""


class RightsList(msgspec.Struct, frozen=True, kw_only=True):
    """Body of a sealed `down/rights`.

    A differential list has base_version == version - 1 and comes in one part. A full list has no
    base_version and comes in `parts` messages, applied together when all are there.
    """

    site: str
    version: int
    base_version: int | None
    issued_at_ms: int
    expires_at_ms: int
    part: int = 0
    parts: int = 1
    entries: list[Right]
    removed: list[str] = []
    """Tombstones: ids of rights that are no more."""
    hash: str
    """Of the whole list after applying: see rights_hash.py."""


class CommandBody(msgspec.Struct, frozen=True, kw_only=True):
    """Body of a sealed command, to a site (`down/cmd`) and to a gate (`down/cmd`) alike."""

    id: str
    device: str
    """Who shall act: a gate's id, or `site-{site}` for the agent itself."""
    op: str
    issued_at_ms: int
    expires_at_ms: int
    counter: int
    args: dict[str, Any] = {}


class GateHealth(msgspec.Struct, frozen=True, kw_only=True):
    """What the agent last knew of one gate."""

    gate: str
    online: bool
    heard_ms: int | None
    report: dict[str, Any] | None = None


class SiteReport(msgspec.Struct, frozen=True, kw_only=True):
    """`up/report`: how the site is, every 10 s and after every change that matters."""

    v: int
    site: str
    boot: int
    at_ms: int
    agent: str
    """Version of the agent."""
    desired_version: int
    rights_version: int
    rights_hash: str
    rights_count: int
    rights_problem: str | None
    """Why the last list was refused: bad_mac, not_next, wrong_hash, expired; the cloud answers
    with a full list."""
    outbox: int
    oldest_event_ms: int | None
    gates: list[GateHealth]
    want_full: bool = False


class SiteOnline(msgspec.Struct, frozen=True, kw_only=True):
    """`state/online` (retained; the last will says false)."""

    v: int
    online: bool
    boot: int
