"""Reading and editing limits, and the list of what they refused."""

from uuid import UUID

from sqlalchemy import Select, select, tuple_
from sqlmodel import col

from cloud.accounts.user import Role, User
from cloud.exchange.limits.errors import PortfolioMissingError
from cloud.exchange.limits.refused import violation_of
from cloud.exchange.limits.rules import changes, edited, engine_limits, shown_limits
from cloud.exchange.limits.schemas import LimitsEdit, PortfolioLimits, Violation
from cloud.exchange.public_ids import portfolio_id_of, portfolio_uuid
from cloud.exchange.tables import (
    InstrumentRow,
    PortfolioRow,
    RiskLimitsRow,
    RiskViolationRow,
    TradingAccountRow,
)
from cloud.exchange.venue.acts import ActKind, VenueAct, VenueDesk
from cloud.kit.database import AsyncSession, Database
from cloud.kit.paging import Page, PageRequest
from trading.commands import SetLimits
from trading.terms import Limits

DEFAULT: int = 0
SEES_ALL = (Role.ADMIN, Role.AUDITOR)


class RiskLimitService:
    """One object a process; an edit is its own act."""

    def __init__(self, database: Database, desk: VenueDesk) -> None:
        self._database = database
        self._desk = desk

    async def read_default(self) -> PortfolioLimits:
        """The limits of every portfolio without its own."""
        async with self._database.session() as session:
            return await _limits(session, DEFAULT)

    async def read(self, user: User, public_id: UUID) -> PortfolioLimits:
        """The limits in force for a portfolio.

        Raises:
            PortfolioMissingError: there is none, or the caller may not see it.
        """
        async with self._database.session() as session:
            return await _limits(session, await _portfolio(session, user, public_id))

    async def edit_default(self, actor: UUID, edit: LimitsEdit) -> PortfolioLimits:
        """Change the default; portfolios with their own keep theirs."""
        return await self._edit(actor, DEFAULT, edit)

    async def edit(self, user: User, public_id: UUID, edit: LimitsEdit) -> PortfolioLimits:
        """Give a portfolio limits of its own, beginning with those in force.

        Raises:
            PortfolioMissingError: there is none.
            UnknownPortfolioError: it has not been opened for trading.
        """
        async with self._database.session() as session:
            portfolio_id = await _portfolio(session, user, public_id)
        return await self._edit(user.id, portfolio_id, edit)

    async def violations(
        self, user: User, page: PageRequest, public_id: UUID | None
    ) -> Page[Violation]:
        """What was refused, newest first: of one portfolio, or of all that the caller may see.

        Raises:
            PortfolioMissingError: there is no such portfolio, or the caller may not see it.
        """
        key = (col(RiskViolationRow.sequence), col(RiskViolationRow.ordinal))
        query = (
            select(RiskViolationRow, InstrumentRow)
            .outerjoin(InstrumentRow, col(InstrumentRow.id) == col(RiskViolationRow.instrument_id))
            .order_by(*(column.desc() for column in key))
            .limit(page.fetch)
        )
        if (after := page.after(tuple[int, int])) is not None:
            query = query.where(tuple_(*key) < after)
        async with self._database.session() as session:
            if public_id is not None:
                number = await _portfolio(session, user, public_id)
                query = query.where(col(RiskViolationRow.portfolio_id) == number)
            elif not user.has(*SEES_ALL):
                query = query.where(col(RiskViolationRow.portfolio_id).in_(_owned(user.id)))
            rows = [(row, one) for row, one in (await session.execute(query)).all()]
        return page.page(
            rows, lambda pair: violation_of(*pair), lambda pair: (pair[0].sequence, pair[0].ordinal)
        )

    async def _edit(self, actor: UUID, portfolio_id: int, edit: LimitsEdit) -> PortfolioLimits:
        async with self._database.session() as session:
            before = await _limits(session, portfolio_id)
        after = edited(before.limits, edit)
        changed = changes(before.limits, after)
        if changed:
            act = VenueAct(
                actor,
                ActKind.LIMITS,
                f"portfolio:{portfolio_id}" if portfolio_id else "venue:all",
                edit.reason,
                portfolio_id=portfolio_id,
                details=changed,
            )
            limits = engine_limits(after)
            await self._desk.do(act, lambda seq, at: SetLimits(seq, at, portfolio_id, limits))
        async with self._database.session() as session:
            return await _limits(session, portfolio_id)


def _owned(user_id: UUID) -> Select[int | None]:
    return (
        select(col(PortfolioRow.id))
        .join(TradingAccountRow, col(TradingAccountRow.id) == col(PortfolioRow.account_id))
        .where(col(TradingAccountRow.user_id) == user_id)
    )


async def _portfolio(session: AsyncSession, user: User, public_id: UUID) -> int:
    number = portfolio_id_of(public_id)
    found: UUID | None = None
    if number is not None:
        found = await session.scalar(
            select(col(TradingAccountRow.user_id))
            .join(PortfolioRow, col(PortfolioRow.account_id) == col(TradingAccountRow.id))
            .where(col(PortfolioRow.id) == number)
        )
    if number is None or found is None or (found != user.id and not user.has(*SEES_ALL)):
        raise PortfolioMissingError(f"You have no portfolio {public_id}.")
    return number


async def _limits(session: AsyncSession, portfolio_id: int) -> PortfolioLimits:
    own = await session.get(RiskLimitsRow, portfolio_id)
    row = own or await session.get(RiskLimitsRow, DEFAULT)
    return PortfolioLimits(
        portfolio_id=portfolio_uuid(portfolio_id) if portfolio_id else None,
        is_default=own is None or portfolio_id == DEFAULT,
        limits=shown_limits(_engine_limits(row)),
        seq=row.changed_sequence if row is not None else 0,
    )


def _engine_limits(row: RiskLimitsRow | None) -> Limits:
    if row is None:
        return Limits()
    return Limits(
        row.max_order_units,
        row.max_order_notional,
        row.max_position_units,
        row.max_daily_loss,
        row.collar_bps,
        row.max_messages,
        row.window_ns,
        row.duplicate_ns,
        row.max_open_orders,
        row.may_short,
        row.short_margin_bps,
    )
