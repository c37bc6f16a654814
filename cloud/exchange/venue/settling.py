"""What the journal says of people's acts, brought into their rows.

The desk writes the same (`acts.py`) if its process lives that long; a process that died, or could
not write, leaves it to whoever reads the journal.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from cloud.exchange.venue.acts import ActKind, act_of
from cloud.exchange.venue.tables import ASKED, DONE, REFUSED, VenueActRow
from cloud.kit.clock import from_ns
from cloud.kit.database import AsyncSession
from trading.command_base import Command
from trading.commands import SetKillSwitch
from trading.event_base import Event
from trading.events import CommandRefused
from trading.reasons import Reason

NOT_STORED: Final = "The process stopped before the reason was stored; the journal has the act."


@dataclass(frozen=True)
class ActTrace:
    """What the journal says of a person's act. refusal: the engine's reason, 0 if it was done.

    kill_switch: account and position, of the one kind of act that is done before it is stored.
    """

    act_id: UUID
    actor: UUID | None
    sequence: int
    at_ns: int
    refusal: int
    kill_switch: tuple[int, bool] | None


def trace_of(source: str, command: Command, events: Sequence[Event]) -> list[ActTrace]:
    """The act that a command carried out; none for all that were nobody's act."""
    named = act_of(source)
    if named is None:
        return []
    refusal = 0
    for event in events:
        if isinstance(event, CommandRefused) and event.sequence == command.sequence:
            refusal = event.reason
    switch = (command.account_id, command.is_on) if isinstance(command, SetKillSwitch) else None
    return [ActTrace(*named, command.sequence, command.at_ns, refusal, switch)]


async def settle(session: AsyncSession, act: ActTrace) -> None:
    """Bring the act's row to what the journal says; harmless to repeat, and beside the desk."""
    if act.kill_switch is not None:
        await _add_missing(session, act, *act.kill_switch)
    # After that: an insert that gave way to the desk's has waited for it to be there.
    await session.execute(
        update(VenueActRow)
        .where(col(VenueActRow.id) == act.act_id, col(VenueActRow.state) == ASKED)
        .values(**_outcome(act))
    )


async def _add_missing(session: AsyncSession, act: ActTrace, account_id: int, is_on: bool) -> None:
    kind = ActKind.KILL_SWITCH_ON if is_on else ActKind.KILL_SWITCH_OFF
    await session.execute(
        insert(VenueActRow)
        .values(
            id=act.act_id,
            asked_at=from_ns(act.at_ns),
            actor=act.actor,
            kind=str(kind),
            instrument_id=0,
            account_id=account_id,
            portfolio_id=0,
            reason=NOT_STORED,
            details={},
            **_outcome(act),
        )
        .on_conflict_do_nothing()
    )


def _outcome(act: ActTrace) -> dict[str, object]:
    return {
        "state": REFUSED if act.refusal else DONE,
        "sequence": act.sequence,
        "refusal": Reason(act.refusal).name.lower() if act.refusal else None,
    }
