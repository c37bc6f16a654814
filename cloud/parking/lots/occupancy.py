"""How many cars are inside each lot, and telling its lanes when it is full."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import text

from cloud.accounts.user import User
from cloud.kit.clock import Clock
from cloud.kit.database import AsyncSession, bare
from cloud.kit.privileged import ActRecorder, Detail, PrivilegedAct
from cloud.parking import live
from cloud.parking.lots.errors import LotMissingError
from cloud.parking.lots.policy import STATE_NAMES, LotMode, Occupancy, state_code
from cloud.parking.lots.schemas import LotOccupancy, OccupancyCount
from cloud.parking.lots.service import LotService
from protocols.portable import codes

# In service, and of those the ones no live booking holds at this instant; and how many are held
# for a car that is not inside yet. One statement, because it runs after every passage.
_COUNT: Final = """
SELECT s.type,
       count(*) AS capacity,
       count(*) FILTER (WHERE b.space_id IS NULL) AS free,
       count(*) FILTER (WHERE b.state IN ('held', 'confirmed')) AS reserved
FROM parking_spaces s
LEFT JOIN bookings b ON b.space_id = s.id AND b.state IN ('held', 'confirmed', 'active')
    AND b.during @> $2::timestamptz
    AND (b.state <> 'held' OR b.held_until > now())
WHERE s.lot = $1 AND s.state = 'in_service'
GROUP BY s.type
"""
_STORE_AND_COUNT: Final = f"""
WITH stored AS (
    UPDATE lot_occupancy SET entries = $3, exits = $4, correction = $5, changed_at = $6
    WHERE lot = $1
)
{_COUNT}
"""  # noqa: S608 - our own text
_READ: Final = """
SELECT o.entries, o.exits, o.correction, o.is_full, o.changed_at, l.mode, l.currency
FROM lot_occupancy o JOIN parking_lots l ON l.id = o.lot
WHERE o.lot = $1
"""
_LOCK: Final = _READ + "FOR UPDATE OF o"
_SET_FULL: Final = "UPDATE lot_occupancy SET is_full = $2 WHERE lot = $1"


@dataclass(slots=True)
class Counter:
    """The row of a lot as it is, or will be with the next `review`; the lot's mode and currency."""

    entries: int
    exits: int
    correction: int
    is_full: bool
    changed_at: datetime
    mode: str
    currency: str
    is_changed: bool = False


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
        self._held: dict[str, Counter] = {}

    async def lock(self, lot: str) -> None:
        """Wait for every other transaction that handles passages of this lot."""
        await self._locked(lot)

    async def currency(self, lot: str) -> str:
        """What its stays are paid in; the lot is locked, or will be now."""
        return (await self._locked(lot)).currency

    async def count(self, lot: str, direction: int) -> None:
        """One car went in or out; stored with the next `review`."""
        row = await self._locked(lot)
        if direction == codes.ENTRY:
            row.entries += 1
        else:
            row.exits += 1
        row.changed_at, row.is_changed = self._clock.now(), True

    async def read(self, lot: str) -> LotOccupancy:
        """How full the lot is.

        Raises:
            LotMissingError: there is no such lot.
        """
        return await self._read(lot, await self._found(lot, _READ))

    async def correct(self, actor: User, lot: str, data: OccupancyCount) -> LotOccupancy:
        """Take over what an operator counted."""
        row = await self._locked(lot)
        before = inside(row)
        row.correction += data.inside - before
        row.changed_at, row.is_changed = self._clock.now(), True
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
            await (await bare(self._session)).execute(_SET_FULL, lot, is_full)
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

    async def _locked(self, lot: str) -> Counter:
        if (held := self._held.get(lot)) is not None:
            return held
        row = await self._found(lot, _LOCK)
        self._held[lot] = row
        return row

    async def _found(self, lot: str, query: str) -> Counter:
        row = await (await bare(self._session)).fetchrow(query, lot)
        if row is None:
            raise LotMissingError(f"There is no lot {lot}.")
        return Counter(*row.values())

    async def _read(self, lot: str, row: Counter) -> LotOccupancy:
        connection, now = await bare(self._session), self._clock.now()
        if row.is_changed:
            stored = (row.entries, row.exits, row.correction, row.changed_at)
            counts = await connection.fetch(_STORE_AND_COUNT, lot, now, *stored)
            row.is_changed = False
        else:
            counts = await connection.fetch(_COUNT, lot, now)
        found = Occupancy(
            capacity=sum(count["capacity"] for count in counts),
            inside=inside(row),
            reserved=sum(count["reserved"] for count in counts),
        )
        mode = LotMode(row.mode)
        return LotOccupancy(
            lot=lot,
            state=STATE_NAMES[state_code(mode, is_full=found.is_full)],
            capacity=found.capacity,
            inside=found.inside,
            reserved=found.reserved,
            free=found.free,
            free_by_type=dict(sorted((count["type"], count["free"]) for count in counts)),
            changed_at=row.changed_at,
        )


def inside(row: Counter) -> int:
    """Cars inside. An exit heard before its entry makes it one less for a while, but never < 0."""
    return max(0, row.entries - row.exits + row.correction)
