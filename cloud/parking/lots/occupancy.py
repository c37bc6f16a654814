"""How many cars are inside each lot, and telling its lanes when it is full."""

from datetime import datetime

from sqlalchemy import select, text
from sqlmodel import col

from cloud.accounts.user import User
from cloud.kit.clock import Clock
from cloud.kit.database import AsyncSession
from cloud.kit.privileged import ActRecorder, Detail, PrivilegedAct
from cloud.parking import live
from cloud.parking.lots.errors import LotMissingError
from cloud.parking.lots.policy import STATE_NAMES, LotMode, Occupancy, state_code
from cloud.parking.lots.schemas import LotOccupancy, OccupancyCount
from cloud.parking.lots.service import LotService
from cloud.parking.lots.tables import OccupancyRow
from protocols.portable import codes

# In service, and of those the ones no live booking holds at this instant; and how many are held
# for a car that is not inside yet. One statement, because it runs after every passage.
_COUNT = text("""
SELECT s.type,
       count(*) AS capacity,
       count(*) FILTER (WHERE b.space_id IS NULL) AS free,
       count(*) FILTER (WHERE b.state IN ('held', 'confirmed')) AS reserved
FROM parking_spaces s
LEFT JOIN bookings b ON b.space_id = s.id AND b.state IN ('held', 'confirmed', 'active')
    AND b.during @> CAST(:now AS timestamptz)
    AND (b.state <> 'held' OR b.held_until > now())
WHERE s.lot = :lot AND s.state = 'in_service'
GROUP BY s.type
""")


class OccupancyService:
    """Occupancy, within one session."""

    def __init__(
        self,
        session: AsyncSession,
        lots: LotService,
        *,
        clock: Clock,
        acts: ActRecorder,
        notices: live.Live,
    ) -> None:
        self._session = session
        self._lots = lots
        self._clock = clock
        self._acts = acts
        self._notices = notices
        # Rows that are locked until the session ends: nobody else can have changed them.
        self._held: dict[str, OccupancyRow] = {}

    async def lock(self, lot: str) -> None:
        """Wait for every other transaction that handles passages of this lot."""
        await self._locked(lot)

    async def count(self, lot: str, direction: int) -> None:
        """One car went in or out; stored with the next `review`."""
        row = await self._locked(lot)
        if direction == codes.ENTRY:
            row.entries += 1
        else:
            row.exits += 1
        row.changed_at = self._clock.now()

    async def read(self, lot: str) -> LotOccupancy:
        """How full the lot is.

        Raises:
            LotMissingError: there is no such lot.
        """
        await self._lots.row(lot)
        return await self._read(lot, await self._session.get_one(OccupancyRow, lot))

    async def correct(self, actor: User, lot: str, data: OccupancyCount) -> LotOccupancy:
        """Take over what an operator counted."""
        await self._lots.row(lot)
        row = await self._locked(lot)
        before = inside(row)
        row.correction += data.inside - before
        row.changed_at = self._clock.now()
        await self._session.flush()
        shown = await self.review(lot)
        details: dict[str, Detail] = {
            "before": before,
            "inside": data.inside,
            "reason": data.reason,
        }
        await self._acts.record(
            self._session, PrivilegedAct(actor.id, "occupancy.corrected", f"lot:{lot}", details)
        )
        return shown

    async def review(self, lot: str) -> LotOccupancy:
        """Count anew, tell those who watch, and the lanes if the lot became full or free."""
        row = await self._locked(lot)
        shown = await self._read(lot, row)
        is_full = shown.free == 0
        if is_full != row.is_full:
            row.is_full = is_full
            await self._session.flush()
            await self._lots.tell_site(await self._lots.row(lot))
        self._notices.lot(self._session, lot, live.OCCUPANCY, shown)
        return shown

    async def lots_to_review(self, now: datetime) -> list[str]:
        """Lots whose bookings alone may have made them full or free since they were reviewed."""
        query = text("""
            SELECT DISTINCT lot FROM bookings
            WHERE state IN ('held', 'confirmed', 'active') AND during && tstzrange(
                CAST(:now AS timestamptz) - interval '1 minute',
                CAST(:now AS timestamptz) + interval '1 minute')
            UNION SELECT lot FROM lot_occupancy WHERE is_full
            ORDER BY lot
        """)
        return list((await self._session.execute(query, {"now": now})).scalars())

    async def _locked(self, lot: str) -> OccupancyRow:
        if (held := self._held.get(lot)) is not None:
            return held
        query = select(OccupancyRow).where(col(OccupancyRow.lot) == lot).with_for_update()
        row = await self._session.scalar(query.execution_options(populate_existing=True))
        if row is None:
            raise LotMissingError(f"There is no lot {lot}.")
        self._held[lot] = row
        return row

    async def _read(self, lot: str, row: OccupancyRow) -> LotOccupancy:
        counted = await self._session.execute(_COUNT, {"lot": lot, "now": self._clock.now()})
        counts = counted.all()
        found = Occupancy(
            capacity=sum(count.capacity for count in counts),
            inside=inside(row),
            reserved=sum(count.reserved for count in counts),
        )
        mode = LotMode((await self._lots.row(lot)).mode)
        return LotOccupancy(
            lot=lot,
            state=STATE_NAMES[state_code(mode, is_full=found.is_full)],
            capacity=found.capacity,
            inside=found.inside,
            reserved=found.reserved,
            free=found.free,
            free_by_type={count.type: count.free for count in sorted(counts)},
            changed_at=row.changed_at,
        )


def inside(row: OccupancyRow) -> int:
    """Cars inside. An exit heard before its entry makes it one less for a while, but never < 0."""
    return max(0, row.entries - row.exits + row.correction)
