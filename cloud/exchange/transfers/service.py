"""Asking for transfers, and looking at them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from cloud.exchange.portfolios.owners import Owned
from cloud.exchange.tables import JournalRow
from cloud.exchange.transfers.errors import TransferMissingError
from cloud.exchange.transfers.rules import FIRST, OPEN, Direction, State
from cloud.exchange.transfers.saga import Saga, posting
from cloud.exchange.transfers.tables import TransferRow
from cloud.kit.clock import Clock
from cloud.kit.database import Database
from cloud.kit.idempotency import IdempotencyConflictError
from cloud.kit.ids import Ids
from cloud.kit.paging import PageRequest
from cloud.ledger.wire import Ledger

WAIT_S: Final = 5.0
_POLL_S: Final = 0.1


class TransferService:
    """One object a process; writes each transfer in a transaction of its own."""

    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        saga: Saga,
        clock: Clock,
        ids: Ids,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._saga = saga
        self._clock = clock
        self._ids = ids
        self._sleep = sleep

    async def ask(
        self, owned: Owned, direction: Direction, amount: int, key: str | None
    ) -> TransferRow:
        """Transfer cash; waits a few seconds for the end, which may come later all the same.

        key: the user's own of this wish; the same transfer is given again for it. Without one,
            every wish is another.

        Raises:
            InsufficientFundsError: the wallet has not got that much.
            IdempotencyConflictError: the key was used for another transfer.
            ExchangeBusy: written down, but it has to wait.
        """
        transfer_id = await self._write(owned, direction, amount, key)
        if self._saga.is_working:
            return await self._saga.finish(transfer_id)
        # The process that leads looks for open transfers by itself.
        for _ in range(round(WAIT_S / _POLL_S)):
            row = await self.find(owned, transfer_id)
            if State(row.state) not in OPEN:
                return row
            await self._sleep(_POLL_S)
        return await self.find(owned, transfer_id)

    async def find(self, owned: Owned, transfer_id: int) -> TransferRow:
        """One transfer of this portfolio.

        Raises:
            TransferMissingError: it has none of that number.
        """
        async with self._database.session() as session:
            row = await session.get(TransferRow, transfer_id)
        if row is None or row.portfolio_id != owned.id:
            raise TransferMissingError(f"This portfolio has no transfer {transfer_id}.")
        return row

    async def page(self, owned: Owned, page: PageRequest) -> list[TransferRow]:
        """Newest first; one more than the page shows."""
        query = (
            select(TransferRow)
            .where(col(TransferRow.portfolio_id) == owned.id)
            .order_by(col(TransferRow.id).desc())
            .limit(page.fetch)
        )
        after = page.after(tuple[int])
        if after is not None:
            query = query.where(col(TransferRow.id) < after[0])
        async with self._database.session() as session:
            return list((await session.scalars(query)).all())

    async def _write(self, owned: Owned, direction: Direction, amount: int, key: str | None) -> int:
        """The row, and with it, on the way in, the wallet's payment."""
        client_key = _client_key(owned.user_id, key or str(self._ids.new()))
        newest = select(func.coalesce(func.max(col(JournalRow.last_sequence)), 0))
        async with self._database.session() as session:
            made = await session.scalar(
                insert(TransferRow)
                .values(
                    user_id=owned.user_id,
                    client_key=client_key,
                    portfolio_id=owned.id,
                    direction=str(direction),
                    amount=amount,
                    currency=owned.currency,
                    state=str(FIRST[direction]),
                    problem="",
                    since_sequence=newest.scalar_subquery(),
                    asked_at=self._clock.now(),
                )
                .on_conflict_do_nothing(index_elements=["client_key"])
                .returning(col(TransferRow.id))
            )
            query = select(TransferRow).where(col(TransferRow.client_key) == client_key)
            row = (await session.scalars(query)).one()
            if (row.portfolio_id, row.direction, row.amount) != (owned.id, direction, amount):
                raise IdempotencyConflictError(
                    "This Idempotency-Key was used for another transfer; make a new one for each."
                )
            if made is not None and direction == Direction.IN:
                await self._ledger.service(session).post(posting(row, direction, "take"))
            assert row.id is not None, "a stored row has a number"
            return row.id


def _client_key(user_id: UUID, key: str) -> str:
    return f"{user_id} {key}"
