"""How a person acts on the venue: recorded, audited, and through the sequencer like everything.

The act's row is stored first, then the sequencer is asked, then the outcome is stored. Its id and
actor also travel in the journal (`source_of`), so that after a crash between any two of these
steps the journal still tells what was done and by whom; see `settling.py` and `lost_acts.py`.
A kill switch does not wait for paperwork: there the sequencer is asked first.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from cloud.exchange.sequencer import (
    ExchangeBusy,
    ExchangeUnavailable,
    Receipt,
    Sequencer,
    Wish,
    WishTooLarge,
)
from cloud.exchange.venue.errors import REFUSALS, CorporateActionExistsError, VenueRefusedError
from cloud.exchange.venue.tables import ASKED, DONE, REFUSED, VenueActRow
from cloud.kit.database import AsyncSession
from cloud.kit.feature import Kit
from cloud.kit.privileged import Detail, PrivilegedAct
from trading.command_base import Command
from trading.events import CommandRefused
from trading.reasons import Reason

_SOURCE: Final = "venue"


class ActKind(StrEnum):
    """What was done; stored, and the audit trail's action behind `exchange.`."""

    LISTING = "listing"
    PHASE = "phase"
    HALT = "halt"
    RESUME = "resume"
    BANDS = "bands"
    SPLIT = "split"
    DIVIDEND = "dividend"
    UNITS = "units"
    LIMITS = "limits"
    KILL_SWITCH_ON = "kill_switch_on"
    KILL_SWITCH_OFF = "kill_switch_off"


@dataclass(frozen=True)
class VenueAct:
    """What somebody wants done; see `VenueActRow`. subject: as in the audit trail."""

    actor: UUID | None
    kind: ActKind
    subject: str
    reason: str
    instrument_id: int = 0
    account_id: int = 0
    portfolio_id: int = 0
    details: Mapping[str, Detail] = field(default_factory=dict)
    effective_on: date | None = None


@dataclass(frozen=True)
class ActDone:
    """An act that was carried out and is durable."""

    id: UUID
    receipt: Receipt


def source_of(act_id: UUID, actor: UUID | None) -> str:
    """What the journal keeps of who asked."""
    return f"{_SOURCE}:{act_id}:{actor or ''}"


def act_of(source: str) -> tuple[UUID, UUID | None] | None:
    """The act and its actor that a journal's source names; None for all other commands."""
    name, _, rest = source.partition(":")
    if name != _SOURCE or not rest:
        return None
    act_id, _, actor = rest.partition(":")
    return UUID(act_id), UUID(actor) if actor else None


def refusal_of(receipt: Receipt) -> int:
    """The engine's reason for refusing the command; 0 if it did it."""
    for event in receipt.events:
        if isinstance(event, CommandRefused) and event.sequence == receipt.sequence:
            return event.reason
    return 0


class VenueDesk:
    """Carries acts out. Every method is one act, in database transactions of its own."""

    def __init__(self, kit: Kit, sequencer: Sequencer) -> None:
        self._kit = kit
        self._sequencer = sequencer

    async def do(self, act: VenueAct, make: Callable[[int, int], Command]) -> ActDone:
        """Record it, do it, record what came of it.

        Raises:
            ExchangeUnavailable: another process leads; or the lead was lost on the way, then the
                act's row says ASKED until the journal has been read.
            CorporateActionExistsError: there is one for that day.
            AppError: the engine refuses, see `errors.REFUSALS`.
        """
        if not self._sequencer.is_leading:
            raise ExchangeUnavailable
        act_id = self._kit.ids.new()
        async with self._kit.database.session() as session:
            await self._store(session, act, act_id)
        wish = Wish(make, source=source_of(act_id, act.actor))
        try:
            waiting = self._sequencer.offer(wish)
        except (ExchangeUnavailable, ExchangeBusy) as error:
            await self._end(act, act_id, None, error.code)
            raise
        try:
            receipt = await waiting
        except WishTooLarge as error:
            await self._end(act, act_id, None, error.code)
            raise
        return await self._conclude(act, act_id, receipt)

    async def do_at_once(self, act: VenueAct, make: Callable[[int, int], Command]) -> ActDone:
        """Do it before anything is written: for acts that must not wait, and cannot be refused.

        Raises:
            ExchangeUnavailable, ExchangeBusy: as `do`; nothing was written then.
        """
        act_id = self._kit.ids.new()
        waiting = self._sequencer.offer(Wish(make, source=source_of(act_id, act.actor)))
        async with self._kit.database.session() as session:
            await self._store(session, act, act_id)
        return await self._conclude(act, act_id, await waiting)

    async def _conclude(self, act: VenueAct, act_id: UUID, receipt: Receipt) -> ActDone:
        reason = refusal_of(receipt)
        if reason == 0:
            await self._end(act, act_id, receipt.sequence, None)
            return ActDone(act_id, receipt)
        word = Reason(reason).name.lower()
        await self._end(act, act_id, receipt.sequence, word)
        error = REFUSALS.get(reason, VenueRefusedError)
        raise error(f"{(error.__doc__ or '').strip()} (The venue's reason: {word}.)")

    async def _store(self, session: AsyncSession, act: VenueAct, act_id: UUID) -> None:
        row = insert(VenueActRow).values(
            id=act_id,
            asked_at=self._kit.clock.now(),
            actor=act.actor,
            kind=str(act.kind),
            instrument_id=act.instrument_id,
            account_id=act.account_id,
            portfolio_id=act.portfolio_id,
            reason=act.reason,
            details=dict(act.details),
            effective_on=act.effective_on,
            state=ASKED,
        )
        if act.effective_on is None:
            # The watcher of the journal may have stored it already, but does not know the reason.
            known = {"reason": row.excluded.reason, "details": row.excluded.details}
            row = row.on_conflict_do_update(index_elements=[col(VenueActRow.id)], set_=known)
        else:
            row = row.on_conflict_do_nothing()
        stored = await session.scalar(row.returning(col(VenueActRow.id)))
        if stored is None:
            raise CorporateActionExistsError(
                f"There is a {act.kind} of {act.subject} on {act.effective_on} already; "
                "its row in the list of acts says what became of it."
            )
        await self._audit(session, act, act_id, ASKED)

    async def _end(
        self, act: VenueAct, act_id: UUID, sequence: int | None, refusal: str | None
    ) -> None:
        state = DONE if refusal is None else REFUSED
        async with self._kit.database.session() as session:
            await session.execute(
                update(VenueActRow)
                .where(col(VenueActRow.id) == act_id)
                .values(state=state, sequence=sequence, refusal=refusal)
            )
            await self._audit(session, act, act_id, state, sequence=sequence, refusal=refusal)

    async def _audit(
        self, session: AsyncSession, act: VenueAct, act_id: UUID, state: str, **outcome: Detail
    ) -> None:
        details: dict[str, Detail] = {"act": str(act_id), "state": state, "reason": act.reason}
        if act.effective_on is not None:
            details["effective_on"] = act.effective_on.isoformat()
        known = {name: value for name, value in outcome.items() if value is not None}
        recorded = PrivilegedAct(
            act.actor, f"exchange.{act.kind}", act.subject, {**act.details, **details, **known}
        )
        await self._kit.acts.record(session, recorded)
