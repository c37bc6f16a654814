"""What the agent learns from a gate's events: whose tap it was, who went in, how far a card is."""

from binascii import unhexlify
from typing import Any, Final

from edge_agent.access import Lane
from edge_agent.book import Book, CardSeen, Statement
from protocols.gate import GateEvent, Tap
from protocols.portable import codes, macs

_INT64_MAX: Final = 2**63 - 1


def tag_of_uid(uid: object) -> bytes | None:
    """The tag key of a UID in hex; None when it is none."""
    if not isinstance(uid, str) or len(uid) not in (8, 14, 20):
        return None
    try:
        return macs.tag_key(unhexlify(uid))
    except ValueError:
        return None


def learn_from_tap(
    book: Book, tap: Tap, tag: bytes, gate: str, at_ms: int | None
) -> tuple[list[Statement], bool]:
    """Remember a tap that was answered; also says whether it was new."""
    is_new = book.tag_of_tap(gate, tap.boot, tap.seq) is None
    statements = book.tapped(gate, tap.boot, tap.seq, tag)
    if tap.level > 0 and tap.counter is not None:
        statements += book.saw(tag, CardSeen(tap.counter, gate, tap.boot, tap.seq, at_ms))
    return statements, is_new


def learn_from_event(
    book: Book, lane: Lane, event: GateEvent, heard_ms: int
) -> tuple[list[Statement], dict[str, Any] | None]:
    """What to store with an event, and the facts of a copied card if it shows one.

    A tap this agent answered was looked at then; what a gate decided alone is looked at now.
    """
    if event.kind == codes.ACCESS:
        return _from_access(book, lane, event)
    if event.kind == codes.PASSAGE:
        return _from_passage(book, lane, event, heard_ms), None
    return [], None


def _from_access(
    book: Book, lane: Lane, event: GateEvent
) -> tuple[list[Statement], dict[str, Any] | None]:
    tap, tag = _count(event.data.get("tap")), tag_of_uid(event.data.get("uid"))
    if tag is None or tap is None:
        return [], None
    is_new = book.tag_of_tap(lane.gate, event.boot, tap) is None
    statements = book.tapped(lane.gate, event.boot, tap, tag)
    level, counter = _count(event.data.get("level")), _count(event.data.get("counter"))
    if not is_new or not level or counter is None:
        return statements, None
    seen = CardSeen(counter, lane.gate, event.boot, tap, event.at_ms)
    earlier = book.conflict(tag, seen)
    statements += book.saw(tag, seen)
    return statements, None if earlier is None else copied_card(tag, earlier, seen)


def _from_passage(book: Book, lane: Lane, event: GateEvent, heard_ms: int) -> list[Statement]:
    tap = _count(event.data.get("tap"))
    if tap is None:
        # A remote open: whose car it was, nobody knows.
        return []
    tag = book.tag_of_tap(lane.gate, event.boot, tap)
    if tag is None:
        return []
    at_ms = heard_ms if event.at_ms is None else event.at_ms
    return book.passed(lane.lot, tag, is_entry=lane.direction == codes.ENTRY, at_ms=at_ms)


def _count(value: object) -> int | None:
    """A number that SQLite can store; None for anything else that an event may hold."""
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value <= _INT64_MAX else None


def copied_card(tag: bytes, earlier: CardSeen, seen: CardSeen) -> dict[str, Any]:
    """The facts of a `copied_card` event: both taps."""
    return {
        "tag": tag.hex(),
        "gate": seen.gate,
        "earlier": earlier.facts(),
        "this": seen.facts(),
    }
