"""Messages between a gate and its site's edge agent, over the site broker.

All are JSON objects with `v`. A gate ignores fields it does not know; the agent quarantines a
message that does not decode. `at_ms` is wall time in ms since 1970 UTC, None while the gate's clock
is unset; `up_ms` is ms since the gate's boot.
"""

from typing import Annotated, Any, Final

import msgspec

from protocols.portable import version

# What SQLite and PostgreSQL can store; a gate that says more is quarantined before they are asked.
_Stored = msgspec.Meta(ge=0, le=2**63 - 1)
Boot = Annotated[int, _Stored]
Seq = Annotated[int, _Stored]
Instant = Annotated[int, msgspec.Meta(ge=0, le=253_402_300_799_999)]
"""In ms since 1970, before the year 10000."""


class Tap(msgspec.Struct, frozen=True, kw_only=True):
    """`up/tap`: a card is at the reader, a driver waits. Answered within 150 ms or not at all."""

    v: int
    boot: Boot
    seq: Seq
    """Number of the tap in this boot, from 0; not the sequence of events."""
    uid: str
    """UID in lower-case hex, 4, 7 or 10 bytes; empty when nothing could be read."""
    read: int
    """What the reader saw: codes.READ_..."""
    level: int
    counter: Annotated[int, _Stored] | None = None
    """The Level 1 counter as read, before it is written anew."""
    vehicle: bool = True
    at_ms: int | None = None
    clock: str
    list_version: int = 0


class AnswerArgs(msgspec.Struct, frozen=True, kw_only=True):
    """Arguments of the command `answer`: what the lane does about the tap that waits."""

    boot: Boot
    tap: Seq
    reason: str
    """codes.REASONS; it says whether to open and what the display reads."""
    mode: str
    right: str | None = None
    list_version: int = 0
    now_ms: int | None = None
    """Wall time at the agent, None while its clock is unset; the gate sets its clock by it."""


class GateEvent(msgspec.Struct, frozen=True, kw_only=True):
    """`up/event`: something happened at the lane. Sent again, unchanged, until it is acked."""

    v: int
    boot: Boot
    seq: Seq
    at_ms: Instant | None
    up_ms: int
    clock: str
    kind: str
    data: dict[str, Any] = {}


class EventAck(msgspec.Struct, frozen=True, kw_only=True):
    """`down/ack` to a gate: every event up to (boot, seq) in queue order is safe with the agent."""

    v: int
    boot: Boot
    seq: Seq


class GateAck(msgspec.Struct, frozen=True, kw_only=True):
    """`up/ack`: where the gate stands with its list.

    `want` asks for part number `part` of list `version`; without it the list is applied and `hash`
    says which (first 8 bytes of its MAC, hex) or `problem` why not.
    """

    v: int
    list_version: int
    want: int | None = None
    hash: str | None = None
    problem: str | None = None


class Desired(msgspec.Struct, frozen=True, kw_only=True):
    """`down/desired` (retained): what the gate should have; it pulls what it lacks."""

    v: int
    list_version: int
    list_parts: int
    list_bytes: int
    list_hash: str


class Online(msgspec.Struct, frozen=True, kw_only=True):
    """`state/online` (retained; the last will says false)."""

    v: int
    online: bool
    boot: Boot


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """`state/report` (retained): how the gate is, every 30 s and after every change of state."""

    v: int
    boot: Boot
    firmware: str
    up_ms: int
    at_ms: int | None
    clock: str
    lane: str
    """State of the lane: idle, vehicle, deciding, opening, open, passing, closing, fault,
    out_of_service."""
    reader: str
    """ok, clone, hung or wiring."""
    list_version: int
    list_hash: str
    outbox: int
    """Events not yet acked."""
    heap_free: int
    rssi_dbm: int | None = None
    reader_resets: int = 0
    problem: str | None = None


LIST_PART_HEADER: Final = "<IHH"
"""`down/list/{n}` is binary: u32 list version, u16 part, u16 parts, then at most 960 bytes."""

PROTOCOL_VERSION: Final = version.VERSION
