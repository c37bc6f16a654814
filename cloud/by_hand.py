"""What operators do about events and money from the command line."""

from typing import Any

import msgspec

from cloud.app import open_kit
from cloud.events.dead_letters import DeadLetters
from cloud.events.outbox import Outbox, Wakeup
from cloud.kit.feature import Kit
from cloud.kit.settings import Settings
from cloud.ledger.verification import verify


async def dead_letters(settings: Settings, group: str | None) -> dict[str, Any]:
    """Events that groups could not handle and nobody replayed; oldest first, at most 100."""
    async with open_kit(settings) as kit:
        letters = await _letters(kit).waiting(group)
    shown = ("consumer_group", "event_id", "type", "key", "at", "reason", "attempts", "failed_at")
    rows = [{name: getattr(letter, name) for name in shown} for letter in letters]
    answer: dict[str, Any] = msgspec.to_builtins({"waiting": rows})
    return answer


async def replay_dead_letters(settings: Settings, group: str) -> dict[str, Any]:
    """Deliver a group's dead letters to it again; harmless when run twice."""
    async with open_kit(settings) as kit:
        count = await _letters(kit).replay(group)
    return {"group": group, "replayed": count}


async def verify_ledger(settings: Settings) -> dict[str, Any]:
    """Add the whole ledger up."""
    async with open_kit(settings) as kit, kit.database.session() as session:
        found = await verify(session)
    answer: dict[str, Any] = msgspec.to_builtins(found)
    return answer


def _letters(kit: Kit) -> DeadLetters:
    wakeup = Wakeup(kit.redis)
    wakeup.is_relay_here = True  # This process ends at once; the relay's next look finds the rows.
    return DeadLetters(kit.database, kit.clock, Outbox(ids=kit.ids, clock=kit.clock, wakeup=wakeup))
