"""What can be done about floors and spaces."""

from typing import cast
from uuid import UUID

import msgspec
from sqlalchemy import CursorResult, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from cloud.accounts.user import User
from cloud.kit.database import AsyncSession
from cloud.kit.ids import Ids
from cloud.kit.paging import Page, PageRequest
from cloud.kit.privileged import ActRecorder, PrivilegedAct
from cloud.parking.lots.kinds import SpaceFeature, SpaceState, SpaceType
from cloud.parking.spaces.errors import (
    FloorMissingError,
    FloorTakenError,
    SpaceMissingError,
    SpaceTakenError,
    TooManySpacesError,
)
from cloud.parking.spaces.schemas import (
    SPACES_AT_ONCE_MAX,
    Floor,
    FloorCreate,
    Space,
    SpaceCreate,
    SpacesCreate,
    SpaceUpdate,
)
from cloud.parking.spaces.tables import FloorRow, SpaceRow


class SpaceService:
    """Floors and spaces, within one session."""

    def __init__(self, session: AsyncSession, *, ids: Ids, acts: ActRecorder) -> None:
        self._session = session
        self._ids = ids
        self._acts = acts

    async def create_floor(self, actor: User, lot: str, data: FloorCreate) -> Floor:
        """A new floor without spaces.

        Raises:
            FloorTakenError: the lot has one of this number.
        """
        floor_id = self._ids.new()
        added = (
            insert(FloorRow)
            .values(id=floor_id, lot=lot, number=data.number, name=data.name)
            .on_conflict_do_nothing()
            .returning(col(FloorRow.id))
        )
        if await self._session.scalar(added) is None:
            raise FloorTakenError(f"Lot {lot} has a floor {data.number} already.")
        act = PrivilegedAct(actor.id, "floor.created", f"lot:{lot}", {"number": data.number})
        await self._acts.record(self._session, act)
        return Floor(id=floor_id, number=data.number, name=data.name, spaces=0)

    async def floors(self, lot: str) -> list[Floor]:
        """From the lowest to the highest."""
        query = (
            select(FloorRow, func.count(col(SpaceRow.id)))
            .outerjoin(SpaceRow, col(SpaceRow.floor_id) == col(FloorRow.id))
            .where(col(FloorRow.lot) == lot)
            .group_by(col(FloorRow.id))
            .order_by(col(FloorRow.number))
        )
        rows = await self._session.execute(query)
        return [Floor(id=f.id, number=f.number, name=f.name, spaces=n) for f, n in rows]

    async def create_spaces(self, actor: User, lot: str, floor_id: UUID, data: SpacesCreate) -> int:
        """Add spaces to a floor; returns how many.

        Raises:
            FloorMissingError, TooManySpacesError, SpaceTakenError: said in the error; nothing is
                added.
        """
        floor = await self._session.get(FloorRow, floor_id)
        if floor is None or floor.lot != lot:
            raise FloorMissingError(f"Lot {lot} has no such floor.")
        wanted = expand(data)
        if not 1 <= len(wanted) <= SPACES_AT_ONCE_MAX:
            raise TooManySpacesError(
                f"{len(wanted)} spaces; ask for 1 to {SPACES_AT_ONCE_MAX} at once."
            )
        rows = [
            {
                "id": self._ids.new(),
                "lot": lot,
                "floor_id": floor_id,
                "name": space.name,
                "type": space.type,
                "features": sorted(set(space.features)),
                "state": SpaceState.IN_SERVICE,
            }
            for space in wanted
        ]
        added = cast(
            "CursorResult[object]",
            await self._session.execute(insert(SpaceRow).values(rows).on_conflict_do_nothing()),
        )
        if added.rowcount != len(rows):
            raise SpaceTakenError(
                f"{len(rows) - added.rowcount} of these names are painted already; none was added."
            )
        await self._acts.record(
            self._session,
            PrivilegedAct(actor.id, "spaces.created", f"lot:{lot}", {"count": len(rows)}),
        )
        return len(rows)

    async def list_all(self, lot: str, page: PageRequest) -> Page[Space]:
        """Spaces of a lot by name."""
        query = (
            select(SpaceRow, col(FloorRow.number))
            .join(FloorRow, col(FloorRow.id) == col(SpaceRow.floor_id))
            .where(col(SpaceRow.lot) == lot)
            .order_by(col(SpaceRow.name))
            .limit(page.fetch)
        )
        if (after := page.after(tuple[str])) is not None:
            query = query.where(col(SpaceRow.name) > after[0])
        rows = (await self._session.execute(query)).all()
        return page.page(rows, lambda row: _space(*row), lambda row: (row[0].name,))

    async def update(self, actor: User, lot: str, space_id: UUID, data: SpaceUpdate) -> Space:
        """Change the fields that were sent. Bookings that hold the space keep it.

        Raises:
            SpaceMissingError: the lot has no such space.
        """
        row = await self._session.get(SpaceRow, space_id, with_for_update=True)
        if row is None or row.lot != lot:
            raise SpaceMissingError(f"Lot {lot} has no such space.")
        for name, value in msgspec.to_builtins(data).items():
            setattr(row, name, sorted(set(value)) if name == "features" else value)
        await self._session.flush()
        floor = await self._session.get_one(FloorRow, row.floor_id)
        await self._acts.record(
            self._session,
            PrivilegedAct(actor.id, "space.changed", f"space:{space_id}", {"state": row.state}),
        )
        return _space(row, floor.number)

    async def get(self, space_id: UUID) -> Space:
        """One space, whichever lot it is of; for services of parking."""
        row = await self._session.get_one(SpaceRow, space_id)
        return _space(row, (await self._session.get_one(FloorRow, row.floor_id)).number)

    async def capacity(self, lot: str) -> int:
        """How many spaces are in service."""
        query = select(func.count(col(SpaceRow.id))).where(
            col(SpaceRow.lot) == lot, col(SpaceRow.state) == SpaceState.IN_SERVICE
        )
        return await self._session.scalar(query) or 0


def expand(data: SpacesCreate) -> list[SpaceCreate]:
    """Single spaces and runs as one list, in that order."""
    numbered = [
        SpaceCreate(name=f"{run.prefix}{number:03}", type=run.type, features=run.features)
        for run in data.runs
        for number in range(run.first, run.first + run.count)
    ]
    return [*data.spaces, *numbered]


def _space(row: SpaceRow, floor: int) -> Space:
    return Space(
        id=row.id,
        name=row.name,
        floor=floor,
        type=SpaceType(row.type),
        features=[SpaceFeature(feature) for feature in row.features],
        state=SpaceState(row.state),
    )
