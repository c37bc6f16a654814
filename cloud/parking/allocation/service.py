"""Finds the spaces that are free for a window, ranked; the caller tries them in that order."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text

from cloud.kit.database import AsyncSession
from cloud.parking.allocation.rules import Candidate, FreeSpace, Wish, rank
from cloud.parking.lots.kinds import SpaceFeature, SpaceType
from cloud.parking.tariffs.rules import Window

# A held booking whose time is up holds nothing, even before somebody has written that down.
_FREE = text("""
SELECT s.id, s.name, f.number AS floor, s.type, s.features,
       CAST(:starts_at AS timestamptz) - before.ends_at AS gap_before,
       after.starts_at - CAST(:ends_at AS timestamptz) AS gap_after
FROM parking_spaces s
JOIN parking_floors f ON f.id = s.floor_id
LEFT JOIN LATERAL (
    SELECT max(upper(b.during)) AS ends_at FROM bookings b
    WHERE b.space_id = s.id AND b.state IN ('held', 'confirmed', 'active')
      AND b.during && tstzrange(CAST(:starts_at AS timestamptz) - interval '1 day',
                                CAST(:starts_at AS timestamptz), '[]')
      AND upper(b.during) <= CAST(:starts_at AS timestamptz)
) before ON true
LEFT JOIN LATERAL (
    SELECT min(lower(b.during)) AS starts_at FROM bookings b
    WHERE b.space_id = s.id AND b.state IN ('held', 'confirmed', 'active')
      AND b.during && tstzrange(CAST(:ends_at AS timestamptz),
                                CAST(:ends_at AS timestamptz) + interval '1 day', '[]')
      AND lower(b.during) >= CAST(:ends_at AS timestamptz)
) after ON true
WHERE s.lot = :lot AND s.state = 'in_service'
  AND NOT EXISTS (
    SELECT FROM bookings b
    WHERE b.space_id = s.id AND b.state IN ('held', 'confirmed', 'active')
      AND (b.state <> 'held' OR b.held_until > now())
      AND b.during && tstzrange(CAST(:starts_at AS timestamptz), CAST(:ends_at AS timestamptz)))
""")


class AllocationService:
    """Allocation, within one session."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def candidates(self, lot: str, wish: Wish, window: Window) -> Sequence[Candidate]:
        """Free spaces that will do, best first; by the time they are tried some may be taken."""
        rows = await self._session.execute(
            _FREE, {"lot": lot, "starts_at": window.starts_at, "ends_at": window.ends_at}
        )
        free = [
            FreeSpace(
                id=row.id,
                name=row.name,
                floor=row.floor,
                type=SpaceType(row.type),
                features=frozenset(SpaceFeature(feature) for feature in row.features),
                gap_before=row.gap_before,
                gap_after=row.gap_after,
            )
            for row in rows
        ]
        return rank(free, wish)

    async def claim(self, space_id: UUID, *, is_patient: bool) -> bool:
        """Be the only one who tries for a space, until the transaction or savepoint ends.

        is_patient: wait for whoever tries just now; otherwise leave it to them and say False.
        """
        function = "pg_advisory_xact_lock" if is_patient else "pg_try_advisory_xact_lock"
        query = text(f"SELECT {function}(hashtextextended(:key, 0))")
        got = await self._session.scalar(query, {"key": f"curb.parking.space:{space_id}"})
        return is_patient or bool(got)
