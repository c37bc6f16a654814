"""Telling the trader and compliance that risk refused something; the complete list is the table.

A trader whose program runs wild gets one notice for each portfolio and reason in ten seconds, which
says how many more there were; so does compliance. The sequencer's own event tells of violations, so
nothing here is in the way of an order.
"""

from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from cloud.events.event import Event
from cloud.exchange.facts import RISK_VIOLATED, RiskViolated
from cloud.exchange.facts import Violation as Refused
from cloud.exchange.limits.refused import violation_of
from cloud.exchange.limits.rules import Pace
from cloud.exchange.limits.schemas import ViolationNotice
from cloud.exchange.tables import (
    InstrumentRow,
    PortfolioRow,
    RiskViolationRow,
    TradingAccountRow,
)
from cloud.kit.database import AsyncSession
from cloud.realtime.notices import Notices

GROUP: Final = "risk-alerts"
NOTICE: Final = "risk.violated"
EVERY_NS: Final = 10 * 1_000_000_000
COMPLIANCE: Final = "compliance"
COMPLIANCE_ROOM: Final = "compliance:venue"


class RiskAlerts:
    """The handler of the group; wrap it in `exactly_once`.

    The pace is this process's memory: after a restart one notice more than the pace allows may go.
    """

    def __init__(self, notices: Notices) -> None:
        self._notices = notices
        self._pace = Pace(EVERY_NS)

    async def __call__(self, session: AsyncSession, event: Event) -> None:
        """Tell of a batch's violations, as many as the pace allows."""
        if event.type != RISK_VIOLATED:
            return
        told = event.read(RiskViolated)
        for one in told.violations:
            more = self._pace.take((one.portfolio_id, one.reason), told.at_ns)
            if more is not None:
                await self._tell(session, one, more)

    async def _tell(self, session: AsyncSession, one: Refused, more: int) -> None:
        row = await session.scalar(
            select(RiskViolationRow)
            .where(
                col(RiskViolationRow.sequence) == one.sequence,
                col(RiskViolationRow.portfolio_id) == one.portfolio_id,
            )
            .order_by(col(RiskViolationRow.ordinal))
            .limit(1)
        )
        if row is None:
            return  # It was deleted since, by whoever keeps the database small.
        instrument = await session.get(InstrumentRow, row.instrument_id)
        notice = ViolationNotice(violation=violation_of(row, instrument), more=more)
        owner = await _owner(session, one.portfolio_id)
        if owner is not None:
            self._notices.user(session, owner, NOTICE, notice)
        self._notices.tell(session, COMPLIANCE_ROOM, NOTICE, notice)


async def _owner(session: AsyncSession, portfolio_id: int) -> UUID | None:
    found: UUID | None = await session.scalar(
        select(col(TradingAccountRow.user_id))
        .join(PortfolioRow, col(PortfolioRow.account_id) == col(TradingAccountRow.id))
        .where(col(PortfolioRow.id) == portfolio_id)
    )
    return found
