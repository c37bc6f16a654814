"""Kill switches: a trader's own account, any account, or the whole venue, off in one command.

The switch is the engine's state: it cancels, refuses, and comes back with the journal after a
restart. Here is only who may turn it, and the record of who did.
"""

from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from cloud.exchange.sequencer import Receipt, Sequencer
from cloud.exchange.tables import KillSwitchRow, TradingAccountRow
from cloud.exchange.venue.acts import ActKind, VenueAct, VenueDesk
from cloud.exchange.venue.errors import KillSwitchHeldError, TradingAccountMissingError
from cloud.exchange.venue.schemas import KillSwitch, KillSwitchEdit
from cloud.exchange.venue.tables import REFUSED, VenueActRow
from cloud.kit.database import AsyncSession, Database
from trading.commands import SetKillSwitch
from trading.events import OrderCancelled

VENUE: int = 0


class KillSwitches:
    """One object a process; each turn is its own act."""

    def __init__(self, database: Database, sequencer: Sequencer, desk: VenueDesk) -> None:
        self._database = database
        self._sequencer = sequencer
        self._desk = desk

    async def read_all(self) -> list[KillSwitch]:
        """Every switch that was ever turned, the venue's first."""
        async with self._database.session() as session:
            query = select(KillSwitchRow).order_by(col(KillSwitchRow.account_id))
            rows = (await session.scalars(query)).all()
            return [await _shown(session, row.account_id, row) for row in rows]

    async def read(self, account_id: int) -> KillSwitch:
        """One switch; one that was never turned is off."""
        async with self._database.session() as session:
            return await _shown(session, account_id, await session.get(KillSwitchRow, account_id))

    async def own_account(self, user_id: UUID) -> int:
        """The user's trading account.

        Raises:
            TradingAccountMissingError: they have none yet.
        """
        async with self._database.session() as session:
            query = select(col(TradingAccountRow.id)).where(
                col(TradingAccountRow.user_id) == user_id
            )
            found = await session.scalar(query)
        if found is None:
            raise TradingAccountMissingError("You have no trading account yet: open a portfolio.")
        return found

    async def turn_own(self, user_id: UUID, edit: KillSwitchEdit) -> KillSwitch:
        """Turn one's own account.

        Raises:
            TradingAccountMissingError: there is none.
            KillSwitchHeldError: the venue switched it on.
        """
        account_id = await self.own_account(user_id)
        if not edit.is_on and (await self.read(account_id)).is_held:
            raise KillSwitchHeldError(
                "The venue has stopped your account; ask it to let the account trade again."
            )
        return await self._turn(user_id, account_id, edit)

    async def turn(self, actor: UUID, account_id: int, edit: KillSwitchEdit) -> KillSwitch:
        """Turn any account's, or with VENUE everybody's.

        Raises:
            TradingAccountMissingError: there is no such account.
        """
        if account_id != VENUE:
            async with self._database.session() as session:
                if await session.get(TradingAccountRow, account_id) is None:
                    raise TradingAccountMissingError(f"There is no trading account {account_id}.")
        return await self._turn(actor, account_id, edit)

    async def _turn(self, actor: UUID, account_id: int, edit: KillSwitchEdit) -> KillSwitch:
        is_on = edit.is_on
        act = VenueAct(
            actor,
            ActKind.KILL_SWITCH_ON if is_on else ActKind.KILL_SWITCH_OFF,
            f"account:{account_id}" if account_id else "venue:all",
            edit.reason,
            account_id=account_id,
        )
        do = self._desk.do_at_once if is_on else self._desk.do
        done = await do(act, lambda seq, at: SetKillSwitch(seq, at, account_id, is_on))
        async with self._database.session() as session:
            row = await session.get(KillSwitchRow, account_id)
            return await _shown(session, account_id, row, _cancelled(done.receipt))


def _cancelled(receipt: Receipt) -> int:
    return sum(
        isinstance(event, OrderCancelled) and event.sequence == receipt.sequence
        for event in receipt.events
    )


async def _shown(
    session: AsyncSession, account_id: int, row: KillSwitchRow | None, cancelled_orders: int = 0
) -> KillSwitch:
    is_on = row is not None and row.is_on
    return KillSwitch(
        account_id=account_id,
        is_on=is_on,
        is_held=is_on and await _is_held(session, account_id),
        seq=row.changed_sequence if row is not None else 0,
        cancelled_orders=cancelled_orders,
    )


async def _is_held(session: AsyncSession, account_id: int) -> bool:
    """Whether anybody but its own trader switched it on since it was last off."""
    if account_id == VENUE:
        return True
    account = await session.get(TradingAccountRow, account_id)
    acts = await session.scalars(
        select(VenueActRow)
        .where(
            col(VenueActRow.account_id) == account_id,
            col(VenueActRow.kind).in_((str(ActKind.KILL_SWITCH_ON), str(ActKind.KILL_SWITCH_OFF))),
            col(VenueActRow.state) != REFUSED,
        )
        .order_by(col(VenueActRow.sequence).desc().nulls_first())
        .limit(100)
    )
    for act in acts:
        if act.kind == ActKind.KILL_SWITCH_OFF:
            return False
        if account is None or act.actor != account.user_id:
            return True
    return False
