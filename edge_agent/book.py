"""What the site remembers of cards: who is inside, how far each counter got, which tap was whose.

Held in memory, where decisions look; every change comes back as SQL for the store to commit with
the event that caused it. Set again from the same event it stays the same.
"""

import sqlite3
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Final, NamedTuple, TypeAlias

Statement: TypeAlias = tuple[str, Sequence[object]]

EXITS_KEPT_MS: Final = 7 * 86_400_000
_NEVER: Final = (False, 0)
TAPS_KEPT: Final = 64
"""Taps remembered of each gate: their passages come within a minute, a few cars later at most."""


class CardSeen(NamedTuple):
    """A Level 1 card at a reader: its counter then, and which tap it was."""

    counter: int
    gate: str
    boot: int
    tap: int
    at_ms: int | None

    def facts(self) -> dict[str, Any]:
        """The same for an event."""
        return {
            "gate": self.gate,
            "boot": self.boot,
            "tap": self.tap,
            "at_ms": self.at_ms,
            "counter": self.counter,
        }

    def is_same_tap(self, other: "CardSeen") -> bool:
        """Whether both tell of one tap (an answer and its event, or a repetition)."""
        return (self.gate, self.boot, self.tap) == (other.gate, other.boot, other.tap)


class Book:
    """The memory of one site; `load` fills it from the store."""

    def __init__(self) -> None:
        self._passages: dict[tuple[str, bytes], tuple[bool, int]] = {}
        self._cards: dict[bytes, CardSeen] = {}
        self._taps: dict[str, OrderedDict[tuple[int, int], bytes]] = {}

    def load(self, connection: sqlite3.Connection, now_ms: int) -> None:
        """Read what was stored; exits of long ago are forgotten, nothing late can follow them."""
        connection.execute(
            "DELETE FROM passages WHERE NOT is_inside AND at_ms < ?", (now_ms - EXITS_KEPT_MS,)
        )
        for lot, tag, is_inside, at_ms in connection.execute(
            "SELECT lot, tag, is_inside, at_ms FROM passages"
        ):
            self._passages[lot, bytes.fromhex(tag)] = bool(is_inside), at_ms
        for tag, *seen in connection.execute(
            "SELECT tag, counter, gate, boot, tap, at_ms FROM cards"
        ):
            self._cards[bytes.fromhex(tag)] = CardSeen(*seen)
        for gate, boot, tap, tag in connection.execute(
            "SELECT gate, boot, tap, tag FROM taps ORDER BY gate, boot, tap"
        ):
            self._taps.setdefault(gate, OrderedDict())[boot, tap] = bytes.fromhex(tag)

    def is_inside(self, lot: str, tag: bytes) -> bool:
        """Whether the card went in and has not come out since."""
        return self._passages.get((lot, tag), _NEVER)[0]

    def passed(self, lot: str, tag: bytes, *, is_entry: bool, at_ms: int) -> list[Statement]:
        """The card's car has gone through a lane.

        at_ms: when; a gate that was cut off tells late, and what happened last counts.
        """
        if at_ms < self._passages.get((lot, tag), _NEVER)[1]:
            return []
        self._passages[lot, tag] = is_entry, at_ms
        return [
            (
                "INSERT INTO passages VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
                "is_inside = excluded.is_inside, at_ms = excluded.at_ms",
                (lot, tag.hex(), is_entry, at_ms),
            )
        ]

    def conflict(self, tag: bytes, seen: CardSeen) -> CardSeen | None:
        """The earlier tap that this one contradicts, None when the card can be the same.

        The counter read at a later tap is never below that of an earlier one; the same again is a
        torn write. Which is the later is a matter of the clocks, since a gate that was cut off
        tells late of its taps; a tap without a time counts as later.
        """
        last = self._cards.get(tag)
        if last is None or last.is_same_tap(seen):
            return None
        was_before = last.at_ms is not None and seen.at_ms is not None and seen.at_ms < last.at_ms
        if was_before:
            return last if seen.counter > last.counter else None
        return last if seen.counter < last.counter else None

    def saw(self, tag: bytes, seen: CardSeen) -> list[Statement]:
        """Remember a counter; the highest stays."""
        last = self._cards.get(tag)
        if last is not None and last.counter > seen.counter:
            return []
        self._cards[tag] = seen
        return [
            (
                "INSERT INTO cards VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
                "counter = excluded.counter, gate = excluded.gate, boot = excluded.boot, "
                "tap = excluded.tap, at_ms = excluded.at_ms",
                (tag.hex(), seen.counter, seen.gate, seen.boot, seen.tap, seen.at_ms),
            )
        ]

    def tapped(self, gate: str, boot: int, tap: int, tag: bytes) -> list[Statement]:
        """Remember whose tap it was, for the passage that follows."""
        taps = self._taps.setdefault(gate, OrderedDict())
        if taps.get((boot, tap)) == tag:
            return []
        taps[boot, tap] = tag
        statements: list[Statement] = [
            (
                "INSERT INTO taps VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET tag = excluded.tag",
                (gate, boot, tap, tag.hex()),
            )
        ]
        while len(taps) > TAPS_KEPT:
            (old_boot, old_tap), _ = taps.popitem(last=False)
            statements.append(
                (
                    "DELETE FROM taps WHERE gate = ? AND boot = ? AND tap = ?",
                    (gate, old_boot, old_tap),
                )
            )
        return statements

    def tag_of_tap(self, gate: str, boot: int, tap: int) -> bytes | None:
        """Whose tap it was; None when it is not remembered."""
        return self._taps.get(gate, OrderedDict()).get((boot, tap))
