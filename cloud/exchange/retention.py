"""Which snapshots are kept, and when the next is due: pure rules."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

NEWEST_KEPT: Final = 3
SPELL: Final = timedelta(minutes=10)
SPELLS_KEPT: Final = 3
"""So that surveillance, which begins minutes before its place, need not begin at yesterday's."""
DAYS_KEPT: Final = 7
# A tail of so many commands replays in a second or two with the compiled engine.
DUE_AFTER_COMMANDS: Final = 200_000
DUE_AFTER: Final = timedelta(minutes=10)
APART_AT_LEAST: Final = timedelta(seconds=5)


@dataclass(frozen=True)
class Taken:
    """A snapshot that exists."""

    sequence: int
    at: datetime


def expired(snapshots: Sequence[Taken], now: datetime) -> list[Taken]:
    """Those to delete: all but the newest three, and the newest of some spells and days.

    Of each ten minutes of the last half hour, and of each of the last seven days.
    """
    newest_first = sorted(snapshots, key=lambda one: one.sequence, reverse=True)
    kept = set(newest_first[:NEWEST_KEPT])
    seen: set[object] = set()
    for one in newest_first:
        spell, day = int(one.at.timestamp() // SPELL.total_seconds()), one.at.date()
        if one.at > now - SPELLS_KEPT * SPELL and spell not in seen:
            kept.add(one)
        if one.at > now - timedelta(days=DAYS_KEPT) and day not in seen:
            kept.add(one)
        seen |= {spell, day}
    return [one for one in newest_first if one not in kept]


def is_due(*, commands: int, waited: timedelta) -> bool:
    """Whether to take another: so many commands, so long, after the last."""
    if waited < APART_AT_LEAST or commands == 0:
        return False
    return commands >= DUE_AFTER_COMMANDS or waited >= DUE_AFTER
