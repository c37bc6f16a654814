"""When a command may be given, how long it is good, and what became of it; pure."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from protocols.portable import codes, version

EXPIRES_MS: Final = {
    codes.OP_OPEN: version.OPEN_EXPIRES_MS_MAX,
    codes.OP_REBOOT: 60_000,
}
# A late answer of a gate that had to reconnect still counts.
UNANSWERED_AFTER_MS: Final = 20_000


class CommandState(StrEnum):
    """Where a command stands."""

    QUEUED = "queued"
    """Waits for the link to the site."""
    SENT = "sent"
    DONE = "done"
    REFUSED = "refused"
    """The device said why in `result`."""
    EXPIRED = "expired"
    """Not sent in time, or sent and never answered: it did nothing, or we shall never know."""


def next_counter(last: int | None, now_ms: int) -> int:
    """A counter above every one before, also when the clock went back."""
    return now_ms if last is None else max(last + 1, now_ms)


def command_result(facts: Mapping[str, Any]) -> tuple[UUID, CommandState, str] | None:
    """What an event of kind `command` says of one of our commands; None if it names none."""
    identity, result = facts.get("id"), facts.get("result")
    if not isinstance(identity, str) or not isinstance(result, str):
        return None
    try:
        command = UUID(identity)
    except ValueError:
        return None
    state = CommandState.DONE if result == codes.DONE else CommandState.REFUSED
    return command, state, result[:64]
