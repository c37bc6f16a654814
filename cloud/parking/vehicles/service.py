"""What drivers do about their vehicles."""

import unicodedata
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from cloud.kit.clock import Clock
from cloud.kit.crypto import FieldCipher, Place
from cloud.kit.database import AsyncSession
from cloud.kit.ids import Ids
from cloud.kit.paging import Page, PageRequest
from cloud.parking.lots.kinds import VehicleSize
from cloud.parking.vehicles.errors import (
    TooManyVehiclesError,
    VehicleMissingError,
    VehicleTakenError,
)
from cloud.parking.vehicles.schemas import Vehicle, VehicleCreate
from cloud.parking.vehicles.tables import VehicleRow

VEHICLES_MAX = 50


class VehicleService:
    """Vehicles, within one session."""

    def __init__(
        self, session: AsyncSession, *, clock: Clock, ids: Ids, cipher: FieldCipher
    ) -> None:
        self._session = session
        self._clock = clock
        self._ids = ids
        self._cipher = cipher

    async def add(self, user_id: UUID, data: VehicleCreate) -> Vehicle:
        """A new vehicle of the user.

        Raises:
            VehicleTakenError, TooManyVehiclesError: said in the error.
        """
        owned = select(func.count()).where(
            col(VehicleRow.user_id) == user_id, col(VehicleRow.removed_at).is_(None)
        )
        if (await self._session.scalar(owned) or 0) >= VEHICLES_MAX:
            raise TooManyVehiclesError(f"One account has at most {VEHICLES_MAX} vehicles.")
        vehicle_id = self._ids.new()
        key = f"{data.country} {plate_key(data.plate)}"
        added = (
            insert(VehicleRow)
            .values(
                id=vehicle_id,
                user_id=user_id,
                plate_sealed=self._cipher.seal(_place(vehicle_id), data.plate.strip()),
                plate_index=self._cipher.blind_index("vehicles", "plate_index", key),
                country=data.country,
                make=data.make,
                model=data.model,
                size=data.size,
                created_at=self._clock.now(),
            )
            .on_conflict_do_nothing()
            .returning(VehicleRow)
        )
        row = await self._session.scalar(added)
        if row is None:
            raise VehicleTakenError("You have a vehicle with this plate already.")
        return self._to_schema(row)

    async def list_mine(self, user_id: UUID, page: PageRequest) -> Page[Vehicle]:
        """The user's vehicles, oldest first."""
        query = (
            select(VehicleRow)
            .where(col(VehicleRow.user_id) == user_id, col(VehicleRow.removed_at).is_(None))
            .order_by(col(VehicleRow.id))
            .limit(page.fetch)
        )
        if (after := page.after(tuple[UUID])) is not None:
            query = query.where(col(VehicleRow.id) > after[0])
        rows = (await self._session.scalars(query)).all()
        return page.page(rows, self._to_schema, lambda row: (row.id,))

    async def remove(self, user_id: UUID, vehicle_id: UUID) -> None:
        """The vehicle is the user's no more; what it was part of keeps it.

        Raises:
            VehicleMissingError: the user has no such vehicle.
        """
        row = await self.owned(user_id, vehicle_id)
        row.removed_at = self._clock.now()

    async def owned(self, user_id: UUID, vehicle_id: UUID) -> VehicleRow:
        """The row of one of the user's vehicles, for services of parking.

        Raises:
            VehicleMissingError: the user has no such vehicle.
        """
        row = await self._session.get(VehicleRow, vehicle_id)
        if row is None or row.user_id != user_id or row.removed_at is not None:
            raise VehicleMissingError("You have no such vehicle.")
        return row

    def _to_schema(self, row: VehicleRow) -> Vehicle:
        return Vehicle(
            id=row.id,
            plate=self._cipher.open(_place(row.id), row.plate_sealed),
            country=row.country,
            make=row.make,
            model=row.model,
            size=VehicleSize(row.size),
            created_at=row.created_at,
        )


def plate_key(plate: str) -> str:
    """One spelling of a plate: letters and digits only, upper case, whatever was typed around."""
    folded = unicodedata.normalize("NFKC", plate).upper()
    return "".join(c for c in folded if c.isalnum())


def _place(vehicle_id: UUID) -> Place:
    return Place("vehicles", "plate_sealed", vehicle_id)
