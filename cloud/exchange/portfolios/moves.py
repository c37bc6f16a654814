"""Cash and units between two portfolios of one user: done once, however often it is asked for.

The row comes first; its id travels with the command and comes back in the activities that the
sequencer writes. So whoever asks again, also after a crash in between, finds what was done.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from cloud.exchange.portfolios.errors import MoveRefusedError
from cloud.exchange.portfolios.tables import PortfolioMoveRow
from cloud.exchange.sequencer import Sequencer, Wish
from cloud.exchange.wishes import Receipt
from cloud.kit.clock import Clock
from cloud.kit.database import AsyncSession, Database
from cloud.kit.idempotency import IdempotencyConflictError
from cloud.kit.ids import Ids
from trading.command_base import Command
from trading.commands import TransferCash, TransferUnits
from trading.events import CommandRefused, MoveCause
from trading.reasons import Reason

_DONE = text(
    """
    SELECT sequence, at FROM activities
    WHERE portfolio_id = :portfolio_id AND sequence > :since AND cause = :cause
        AND transfer_id = :transfer_id
    """
)
_WORDS = {
    Reason.INSUFFICIENT_FUNDS: "The portfolio has less free cash than that.",
    Reason.UNSETTLED_FUNDS: "Part of that cash has not settled yet; try again when it has.",
    Reason.INSUFFICIENT_UNITS: "The portfolio has fewer settled, free units than that.",
    Reason.CROSSES_ZERO: "The other portfolio is short of this instrument; buy back there first.",
    Reason.UNKNOWN_PORTFOLIO: "One of the two is not open at the venue, or both are the same.",
}


class Moves:
    """One object a process; every move is a transaction of its own."""

    def __init__(self, database: Database, sequencer: Sequencer, clock: Clock, ids: Ids) -> None:
        self._database = database
        self._sequencer = sequencer
        self._clock = clock
        self._ids = ids

    async def cash(
        self, user_id: UUID, from_id: int, to_id: int, amount: int, key: str | None
    ) -> PortfolioMoveRow:
        """Move settled, free cash, in minor units. key: the user's own of this wish; without one,
        every wish is another.

        Raises:
            MoveRefusedError: the venue refused it; nothing was moved.
            IdempotencyConflictError: the key was used for another move.
            ExchangeUnavailable, ExchangeBusy: the venue takes no wishes now.
        """
        asked = {"from_portfolio_id": from_id, "to_portfolio_id": to_id, "amount": amount}

        def make(transfer_id: int) -> Callable[[int, int], Command]:
            return lambda sequence, at_ns: TransferCash(
                sequence, at_ns, from_id, to_id, amount, transfer_id
            )

        return await self._once(user_id, key, asked, make)

    async def units(
        self,
        user_id: UUID,
        from_id: int,
        to_id: int,
        instrument_id: int,
        units: int,
        key: str | None,
    ) -> PortfolioMoveRow:
        """Move settled, free units, oldest lots first. Raises as `cash`."""
        asked = {
            "from_portfolio_id": from_id,
            "to_portfolio_id": to_id,
            "instrument_id": instrument_id,
            "units": units,
        }

        def make(transfer_id: int) -> Callable[[int, int], Command]:
            return lambda sequence, at_ns: TransferUnits(
                sequence, at_ns, from_id, to_id, instrument_id, units, transfer_id
            )

        return await self._once(user_id, key, asked, make)

    async def _once(
        self,
        user_id: UUID,
        key: str | None,
        asked: dict[str, int],
        make: Callable[[int], Callable[[int, int], Command]],
    ) -> PortfolioMoveRow:
        client_key = f"{user_id} {key or self._ids.new()}"
        async with self._database.session() as session:
            await session.execute(
                insert(PortfolioMoveRow)
                .values(
                    user_id=user_id,
                    client_key=client_key,
                    since_sequence=self._sequencer.committed_sequence,
                    asked_at=self._clock.now(),
                    **asked,
                )
                .on_conflict_do_nothing()
            )
        async with self._database.session() as session:
            # Its lock lets one at a time ask the venue; a refused one may be asked for again.
            query = select(PortfolioMoveRow).where(col(PortfolioMoveRow.client_key) == client_key)
            row = (await session.scalars(query.with_for_update())).one()
            if any(getattr(row, name) != value for name, value in asked.items()):
                raise IdempotencyConflictError(
                    "This Idempotency-Key was used for another move; make a new one for each."
                )
            if row.done_sequence is None:
                await self._do(session, row, make)
            return row

    async def _do(
        self,
        session: AsyncSession,
        row: PortfolioMoveRow,
        make: Callable[[int], Callable[[int, int], Command]],
    ) -> None:
        assert row.id is not None, "a stored row has a number"
        if (before := await _found(session, row)) is not None:
            row.done_sequence, row.done_at = before
            return
        receipt = await self._sequencer.submit(Wish(make(row.id), source="portfolios"))
        refuse_if_refused(receipt)
        row.done_sequence, row.done_at = receipt.sequence, self._clock.now()


async def _found(session: AsyncSession, row: PortfolioMoveRow) -> tuple[int, datetime] | None:
    """What an earlier try did, if its commit came before its crash."""
    parameters: dict[str, Any] = {
        "portfolio_id": row.from_portfolio_id,
        "since": row.since_sequence,
        "cause": MoveCause.TRANSFER.value,
        "transfer_id": row.id,
    }
    found = (await session.execute(_DONE, parameters)).first()
    return None if found is None else (found.sequence, found.at)


def refuse_if_refused(receipt: Receipt) -> None:
    """Whether the venue did it.

    Raises:
        MoveRefusedError: it did not.
    """
    for event in receipt.events:
        if isinstance(event, CommandRefused):
            reason = Reason(event.reason)
            words = _WORDS.get(reason, "The venue refused it.")
            raise MoveRefusedError(f"{words} ({reason.name.lower()})")
