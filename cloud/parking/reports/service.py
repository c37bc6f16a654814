"""What an operator sees first in the morning: how full, how much money, what went wrong."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import text

from cloud.kit.clock import Clock
from cloud.kit.database import AsyncSession
from cloud.parking.instants import is_plausible
from cloud.parking.lots.occupancy import OccupancyService
from cloud.parking.lots.service import LotService
from cloud.parking.lots.tables import LotRow
from cloud.parking.reports.errors import ReportWindowError
from cloud.parking.reports.schemas import LotOverview, RevenueDay

DAYS_MAX = 366

_TODAY = text("""
SELECT
    (SELECT count(*) FROM passages WHERE lot = :lot AND at >= :since AND direction = 1) AS entries,
    (SELECT count(*) FROM passages WHERE lot = :lot AND at >= :since AND direction = 2) AS exits,
    (SELECT count(*) FROM access_logs
     WHERE lot = :lot AND at >= :since AND NOT is_admitted) AS refused,
    (SELECT coalesce(sum(amount_cents), 0) FROM payments
     WHERE lot = :lot AND at >= :since AND method = 'wallet'
       AND kind IN ('booking_charged', 'stay_charged', 'stay_refunded')) AS revenue,
    (SELECT coalesce(sum(owed_cents), 0) FROM stays WHERE lot = :lot AND owed_cents > 0) AS owed,
    (SELECT count(*) FROM parking_exceptions WHERE lot = :lot AND state = 'open') AS exceptions
""")

_PAID = text("""
SELECT (at AT TIME ZONE :zone)::date AS day,
       coalesce(sum(amount_cents) FILTER (WHERE method = 'wallet'), 0) AS paid,
       coalesce(sum(amount_cents) FILTER (WHERE method = 'debt'), 0) AS owed
FROM payments
WHERE lot = :lot AND at >= :since AND at < :until
  AND kind IN ('booking_charged', 'stay_charged', 'stay_refunded')
GROUP BY 1
""")

_FEES = text("""
SELECT (exit_at AT TIME ZONE :zone)::date AS day, count(*) AS stays, sum(fee_cents) AS fees
FROM stays
WHERE lot = :lot AND state = 'closed' AND exit_at >= :since AND exit_at < :until
GROUP BY 1
""")


class ReportService:
    """Overviews, within one session."""

    def __init__(
        self,
        session: AsyncSession,
        *,
        lots: LotService,
        occupancy: OccupancyService,
        clock: Clock,
    ) -> None:
        self._session = session
        self._clock = clock
        self._lots = lots
        self._occupancy = occupancy

    async def overview(self, lot: str) -> LotOverview:
        """One lot at a glance.

        Raises:
            LotMissingError: there is no such lot.
        """
        row = await self._lots.row(lot)
        today = self._clock.now().astimezone(ZoneInfo(row.timezone)).date()
        found = (
            await self._session.execute(_TODAY, {"lot": lot, "since": _midnight(row, today)})
        ).one()
        return LotOverview(
            lot=lot,
            name=row.name,
            occupancy=await self._occupancy.read(lot),
            entries_today=found.entries,
            exits_today=found.exits,
            refused_today=found.refused,
            revenue_today_cents=int(found.revenue),
            owed_cents=int(found.owed),
            exceptions_open=found.exceptions,
            currency=row.currency,
        )

    async def revenue(self, lot: str, first: date, last: date) -> list[RevenueDay]:
        """Every local day from `first` to `last`, both included; quiet days too.

        Raises:
            LotMissingError: there is no such lot.
            ReportWindowError: the days are in the wrong order, or too many.
        """
        if not 0 <= (last - first).days < DAYS_MAX or not _is_plausible(first):
            raise ReportWindowError(f"A report covers 1 to {DAYS_MAX} days, the first day first.")
        row = await self._lots.row(lot)
        values = {
            "lot": lot,
            "zone": row.timezone,
            "since": _midnight(row, first),
            "until": _midnight(row, last + timedelta(days=1)),
        }
        paid = {r.day: r for r in await self._session.execute(_PAID, values)}
        fees = {r.day: r for r in await self._session.execute(_FEES, values)}
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        return [
            RevenueDay(
                day=day,
                paid_cents=int(paid[day].paid) if day in paid else 0,
                owed_cents=int(paid[day].owed) if day in paid else 0,
                stays=fees[day].stays if day in fees else 0,
                fees_cents=int(fees[day].fees) if day in fees else 0,
                currency=row.currency,
            )
            for day in days
        ]


def _is_plausible(day: date) -> bool:
    return is_plausible(datetime.combine(day, time(), tzinfo=UTC))


def _midnight(row: LotRow, day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=ZoneInfo(row.timezone))
