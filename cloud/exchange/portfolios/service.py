"""A user's portfolios: open, list, rename. The row first, then the engine, which knows no names."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from cloud.exchange.portfolios.errors import (
    PortfolioMissingError,
    PortfolioNameTakenError,
    PortfolioNotOpenError,
    TooManyPortfoliosError,
)
from cloud.exchange.portfolios.schemas import Portfolio
from cloud.exchange.public_ids import portfolio_uuid
from cloud.exchange.sequencer import Sequencer, Wish
from cloud.exchange.tables import PortfolioBalanceRow, PortfolioRow, TradingAccountRow
from cloud.kit.clock import Clock
from cloud.kit.database import AsyncSession, Database
from trading.commands import OpenPortfolio
from trading.events import CommandRefused
from trading.reasons import Reason

PORTFOLIOS_MAX: Final = 20
CURRENCY: Final = "USD"


class PortfolioService:
    """One object a process; every method is a transaction of its own."""

    def __init__(self, database: Database, sequencer: Sequencer, clock: Clock) -> None:
        self._database = database
        self._sequencer = sequencer
        self._clock = clock

    async def list_all(self, user_id: UUID) -> list[Portfolio]:
        """The user's portfolios, oldest first, closed ones too; there are few."""
        async with self._database.session() as session:
            rows = await session.execute(_shown().where(TradingAccountRow.user_id == user_id))
            return [_to_schema(*row) for row in rows]

    async def read(self, portfolio_id: int) -> Portfolio:
        """One portfolio, whoever it belongs to.

        Raises:
            PortfolioMissingError: there is none.
        """
        async with self._database.session() as session:
            rows = await session.execute(_shown().where(col(PortfolioRow.id) == portfolio_id))
            for row in rows:
                return _to_schema(*row)
        raise PortfolioMissingError("There is no portfolio of this id.")

    async def create(self, user_id: UUID, name: str) -> Portfolio:
        """Open a portfolio of this name. One whose opening was interrupted before goes on.

        Raises:
            PortfolioNameTakenError, TooManyPortfoliosError: see there.
            ExchangeUnavailable, ExchangeBusy: the venue takes no wishes now.
        """
        async with self._database.session() as session:
            row, has_balance = await self._claim(session, user_id, name)
        portfolio_id, account_id = _known(row.id), row.account_id
        if has_balance:
            raise PortfolioNameTakenError(f"You have a portfolio named {name} already.")

        def make(sequence: int, at_ns: int) -> OpenPortfolio:
            return OpenPortfolio(sequence, at_ns, portfolio_id, account_id)

        receipt = await self._sequencer.submit(Wish(make, source="portfolios"))
        for event in receipt.events:
            if isinstance(event, CommandRefused) and event.reason != Reason.PORTFOLIO_EXISTS:
                raise PortfolioNotOpenError("The venue did not open the portfolio; ask support.")
        return await self.read(portfolio_id)

    async def rename(self, portfolio_id: int, name: str) -> Portfolio:
        """Give it another name.

        Raises:
            PortfolioNameTakenError: the user has one of that name.
        """
        async with self._database.session() as session:
            row = await session.get_one(PortfolioRow, portfolio_id, with_for_update=True)
            taken = await _named(session, row.account_id, name)
            if taken is not None and taken.id != portfolio_id:
                raise PortfolioNameTakenError(f"You have a portfolio named {name} already.")
            row.name = name
        return await self.read(portfolio_id)

    async def _claim(
        self, session: AsyncSession, user_id: UUID, name: str
    ) -> tuple[PortfolioRow, bool]:
        """The row of this name, and whether the engine knows it; the account's lock orders us."""
        await session.execute(
            insert(TradingAccountRow).values(user_id=user_id).on_conflict_do_nothing()
        )
        query = select(TradingAccountRow).where(col(TradingAccountRow.user_id) == user_id)
        account = (await session.scalars(query.with_for_update())).one()
        account_id = _known(account.id)
        found = await _named(session, account_id, name)
        if found is not None:
            balance = await session.get(PortfolioBalanceRow, found.id)
            return found, balance is not None
        count = select(func.count()).where(col(PortfolioRow.account_id) == account_id)
        if (await session.scalar(count) or 0) >= PORTFOLIOS_MAX:
            raise TooManyPortfoliosError(f"You have {PORTFOLIOS_MAX} portfolios already.")
        row = PortfolioRow(
            account_id=account_id, name=name, currency=CURRENCY, created_at=self._clock.now()
        )
        session.add(row)
        await session.flush()
        return row, False


async def _named(session: AsyncSession, account_id: int, name: str) -> PortfolioRow | None:
    query = select(PortfolioRow).where(
        col(PortfolioRow.account_id) == account_id, col(PortfolioRow.name) == name
    )
    found: PortfolioRow | None = (await session.scalars(query)).one_or_none()
    return found


def _shown() -> Any:  # noqa: ANN401 - a select of several columns has no type that says more
    return (
        select(
            col(PortfolioRow.id),
            col(PortfolioRow.name),
            col(PortfolioRow.currency),
            col(PortfolioRow.created_at),
            col(PortfolioRow.closed_at),
            col(PortfolioBalanceRow.portfolio_id).is_not(None),
        )
        .join(TradingAccountRow, col(TradingAccountRow.id) == col(PortfolioRow.account_id))
        .outerjoin(
            PortfolioBalanceRow, col(PortfolioBalanceRow.portfolio_id) == col(PortfolioRow.id)
        )
        .order_by(col(PortfolioRow.id))
    )


def _to_schema(
    number: int,
    name: str,
    currency: str,
    created_at: datetime,
    closed_at: datetime | None,
    is_known: bool,
) -> Portfolio:
    return Portfolio(
        id=portfolio_uuid(number),
        name=name,
        currency=currency,
        created_at=created_at,
        closed_at=closed_at,
        is_open=is_known and closed_at is None,
    )


def _known(number: int | None) -> int:
    assert number is not None, "a stored row has a number"
    return number
