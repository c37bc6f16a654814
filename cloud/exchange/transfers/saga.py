"""Takes transfers to their end: in the process that leads, one step a transaction.

A row is locked while a step is taken, so two never act on one transfer; what the venue has done of
it is asked of the venue's own books, which commit together with the journal.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from sqlalchemy import select, text
from sqlmodel import col

from cloud.exchange.public_ids import portfolio_uuid
from cloud.exchange.sequencer import ExchangeBusy, ExchangeUnavailable, Sequencer, Wish
from cloud.exchange.transfers.rules import OPEN, Action, Direction, State, next_action, words_of
from cloud.exchange.transfers.tables import TransferRow
from cloud.kit.clock import Clock
from cloud.kit.database import AsyncSession, Database
from cloud.kit.errors import AppError
from cloud.kit.outages import is_passing
from cloud.ledger.rules import Account, AccountKind, Posting, Transaction
from cloud.ledger.wire import Ledger
from trading.command_base import Command
from trading.commands import Deposit, EndWithdrawal, ReserveWithdrawal
from trading.events import CommandRefused, MoveCause

log = structlog.get_logger()

LOOK_EVERY_S: Final = 0.5
_AT_ONCE: Final = 100

_DEPOSITED = text(
    """
    SELECT EXISTS (
        SELECT FROM activities WHERE portfolio_id = :portfolio_id AND sequence > :since
            AND cause = :cause AND transfer_id = :transfer_id
    )
    """
)


class Saga:
    """One object a process."""

    def __init__(
        self, database: Database, ledger: Ledger, sequencer: Sequencer, clock: Clock
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._sequencer = sequencer
        self._clock = clock

    @property
    def is_working(self) -> bool:
        """Whether this process is the one that takes transfers to their end."""
        return self._sequencer.is_leading

    async def run(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Take up whatever was left, and what other processes wrote; until cancelled."""
        while True:
            if self.is_working:
                try:
                    await self.resume()
                except Exception as problem:
                    if not (is_passing(problem) or isinstance(problem, ExchangeBusy)):
                        raise
                    log.warning("exchange_transfers_wait", problem=str(problem))
            await sleep(LOOK_EVERY_S)

    async def resume(self) -> None:
        """Take every open transfer to its end. Raises as `finish`."""
        query = (
            select(col(TransferRow.id))
            .where(col(TransferRow.state).in_([str(state) for state in OPEN]))
            .order_by(col(TransferRow.id))
            .limit(_AT_ONCE)
        )
        async with self._database.session() as session:
            waiting = (await session.scalars(query)).all()
        for transfer_id in waiting:
            assert transfer_id is not None, "a stored row has a number"
            await self.finish(transfer_id)

    async def finish(self, transfer_id: int) -> TransferRow:
        """Take one transfer to its end.

        Raises:
            ExchangeUnavailable, ExchangeBusy: not now; the task `run`, here or where the exchange
                goes on, takes it up.
        """
        while True:
            async with self._database.session() as session:
                query = select(TransferRow).where(col(TransferRow.id) == transfer_id)
                row = (await session.scalars(query.with_for_update())).one()
                if State(row.state) not in OPEN:
                    return row
                if not self.is_working:
                    raise ExchangeUnavailable
                await self._step(session, row)

    async def _step(self, session: AsyncSession, row: TransferRow) -> None:
        """One step; what it does in the database is committed with the session."""
        action = next_action(
            State(row.state),
            is_deposited=row.state == State.TAKEN and await _is_deposited(session, row),
            is_reserved=row.id in self._sequencer.engine.venue.withdrawals,
        )
        if action == Action.FINISH:
            self._end(row, State.DONE)
        elif action == Action.DEPOSIT:
            problem = await self._submit(_deposit(row))
            if problem:
                await self._post(session, row, Direction.OUT, "return")
            self._end(row, State.RETURNED if problem else State.DONE, problem)
        elif action == Action.RESERVE:
            problem = await self._submit(_reserve(row))
            if problem:
                self._end(row, State.REFUSED, problem)
        elif action == Action.PAY:
            await self._post(session, row, Direction.OUT, "pay")
            row.state = State.PAID
        elif action == Action.COMPLETE:
            await self._submit(_complete(row))
            self._end(row, State.DONE)

    async def _submit(self, make: Callable[[int, int], Command]) -> str:
        """Why the venue refused, as a sentence; empty when it did it."""
        try:
            receipt = await self._sequencer.submit(Wish(make, source="transfers"))
        except (ExchangeUnavailable, ExchangeBusy):
            raise
        except AppError as refusal:
            return refusal.message
        refused = [one for one in receipt.events if isinstance(one, CommandRefused)]
        return words_of(refused[0].reason) if refused else ""

    async def _post(
        self, session: AsyncSession, row: TransferRow, direction: Direction, step: str
    ) -> None:
        await self._ledger.service(session).post(posting(row, direction, step))

    def _end(self, row: TransferRow, state: State, problem: str = "") -> None:
        row.state, row.problem, row.ended_at = state, problem, self._clock.now()


def posting(row: TransferRow, direction: Direction, step: str) -> Transaction:
    """The wallet pays (IN), or gets (OUT); once for each step of a transfer."""
    amount = row.amount if direction == Direction.OUT else -row.amount
    public = portfolio_uuid(row.portfolio_id)
    return Transaction(
        f"exchange_transfer:{row.id}:{step}",
        "from_portfolio" if direction == Direction.OUT else "to_portfolio",
        (
            Posting(Account(AccountKind.WALLET, str(row.user_id), row.currency), amount),
            Posting(Account(AccountKind.EXCHANGE, f"portfolio:{public}", row.currency), -amount),
        ),
        reference=f"portfolio:{public}",
    )


async def _is_deposited(session: AsyncSession, row: TransferRow) -> bool:
    parameters = {
        "portfolio_id": row.portfolio_id,
        "since": row.since_sequence,
        "cause": MoveCause.DEPOSIT.value,
        "transfer_id": row.id,
    }
    return bool(await session.scalar(_DEPOSITED, parameters))


def _numbers(row: TransferRow) -> tuple[int, int, int]:
    assert row.id is not None, "a stored row has a number"
    return row.portfolio_id, row.amount, row.id


def _deposit(row: TransferRow) -> Callable[[int, int], Command]:
    numbers = _numbers(row)
    return lambda sequence, at_ns: Deposit(sequence, at_ns, *numbers)


def _reserve(row: TransferRow) -> Callable[[int, int], Command]:
    numbers = _numbers(row)
    return lambda sequence, at_ns: ReserveWithdrawal(sequence, at_ns, *numbers)


def _complete(row: TransferRow) -> Callable[[int, int], Command]:
    _, _, transfer_id = _numbers(row)
    return lambda sequence, at_ns: EndWithdrawal(sequence, at_ns, transfer_id, True)
