"""Vehicles over HTTP."""

from litestar import Controller, delete, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from cloud.accounts.access import signed_in
from cloud.accounts.user import User
from cloud.kit.idempotency import IdempotencyConflictError, Once
from cloud.kit.paging import CursorError, Page, PageRequest
from cloud.kit.problems import ACCESS_PROBLEMS, problems
from cloud.parking.parameters import VehicleId
from cloud.parking.vehicles.errors import (
    TooManyVehiclesError,
    VehicleMissingError,
    VehicleTakenError,
)
from cloud.parking.vehicles.schemas import Vehicle, VehicleCreate
from cloud.parking.vehicles.service import VehicleService


class VehiclesController(Controller):
    """The caller's vehicles."""

    path = "/api/v1/vehicles"
    tags = ("vehicles",)
    guards = (signed_in,)

    @post(
        "/",
        summary="Add a vehicle",
        responses=problems(
            VehicleTakenError, TooManyVehiclesError, IdempotencyConflictError, *ACCESS_PROBLEMS
        ),
    )
    async def add(
        self,
        data: JSONBody[VehicleCreate],
        vehicles: NamedDependency[VehicleService],
        user: NamedDependency[User],
        once: NamedDependency[Once],
    ) -> Vehicle:
        """The plate is stored encrypted."""
        return await once.answer(Vehicle, lambda: vehicles.add(user.id, data))

    @get("/", summary="My vehicles", responses=problems(CursorError, *ACCESS_PROBLEMS))
    async def list_mine(
        self,
        vehicles: NamedDependency[VehicleService],
        page: NamedDependency[PageRequest],
        user: NamedDependency[User],
    ) -> Page[Vehicle]:
        """Oldest first."""
        return await vehicles.list_mine(user.id, page)

    @delete(
        "/{vehicle_id:uuid}",
        summary="Remove a vehicle",
        responses=problems(VehicleMissingError, *ACCESS_PROBLEMS),
    )
    async def remove(
        self,
        vehicle_id: VehicleId,
        vehicles: NamedDependency[VehicleService],
        user: NamedDependency[User],
    ) -> None:
        """Bookings that name it keep it."""
        await vehicles.remove(user.id, vehicle_id)
