"""Floors and spaces over HTTP."""

from litestar import Controller, get, patch, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from cloud.accounts.access import allow, signed_in
from cloud.accounts.user import Role, User
from cloud.kit.paging import CursorError, Page, PageRequest
from cloud.kit.problems import ACCESS_PROBLEMS, problems
from cloud.parking.lots.errors import LotMissingError
from cloud.parking.lots.occupancy import OccupancyService
from cloud.parking.lots.service import LotService
from cloud.parking.parameters import FloorId, LotId, SpaceId
from cloud.parking.spaces.errors import (
    FloorMissingError,
    FloorTakenError,
    SpaceMissingError,
    SpaceTakenError,
    TooManySpacesError,
)
from cloud.parking.spaces.schemas import (
    Floor,
    FloorCreate,
    Space,
    SpacesCreate,
    SpacesCreated,
    SpaceUpdate,
)
from cloud.parking.spaces.service import SpaceService

_OPERATORS = allow(Role.OPERATOR, Role.ADMIN)


class SpacesController(Controller):
    """Floors and spaces of a lot."""

    path = "/api/v1/lots/{lot:str}"
    tags = ("lots",)

    @post(
        "/floors",
        guards=[_OPERATORS],
        summary="Add a floor",
        responses=problems(LotMissingError, FloorTakenError, *ACCESS_PROBLEMS),
    )
    async def create_floor(
        self,
        lot: LotId,
        data: JSONBody[FloorCreate],
        lots: NamedDependency[LotService],
        floor_plan: NamedDependency[SpaceService],
        user: NamedDependency[User],
    ) -> Floor:
        """A floor without spaces."""
        await lots.row(lot)
        return await floor_plan.create_floor(user, lot, data)

    @get(
        "/floors",
        guards=[signed_in],
        summary="A lot's floors",
        responses=problems(LotMissingError, *ACCESS_PROBLEMS),
    )
    async def floors(
        self,
        lot: LotId,
        lots: NamedDependency[LotService],
        floor_plan: NamedDependency[SpaceService],
    ) -> list[Floor]:
        """From the lowest to the highest; there are at most 221."""
        await lots.row(lot)
        return await floor_plan.floors(lot)

    @post(
        "/floors/{floor_id:uuid}/spaces",
        guards=[_OPERATORS],
        summary="Add spaces to a floor",
        responses=problems(
            LotMissingError,
            FloorMissingError,
            SpaceTakenError,
            TooManySpacesError,
            *ACCESS_PROBLEMS,
        ),
    )
    async def create_spaces(
        self,
        lot: LotId,
        floor_id: FloorId,
        data: JSONBody[SpacesCreate],
        floor_plan: NamedDependency[SpaceService],
        occupancy: NamedDependency[OccupancyService],
        user: NamedDependency[User],
    ) -> SpacesCreated:
        """Single spaces and numbered runs; all of them or none."""
        created = await floor_plan.create_spaces(user, lot, floor_id, data)
        return SpacesCreated(created, (await occupancy.review(lot)).capacity)

    @get(
        "/spaces",
        guards=[signed_in],
        summary="A lot's spaces",
        responses=problems(LotMissingError, CursorError, *ACCESS_PROBLEMS),
    )
    async def list_spaces(
        self,
        lot: LotId,
        lots: NamedDependency[LotService],
        floor_plan: NamedDependency[SpaceService],
        page: NamedDependency[PageRequest],
    ) -> Page[Space]:
        """By name."""
        await lots.row(lot)
        return await floor_plan.list_all(lot, page)

    @patch(
        "/spaces/{space_id:uuid}",
        guards=[_OPERATORS],
        summary="Change a space",
        responses=problems(LotMissingError, SpaceMissingError, *ACCESS_PROBLEMS),
    )
    async def update(
        self,
        lot: LotId,
        space_id: SpaceId,
        data: JSONBody[SpaceUpdate],
        floor_plan: NamedDependency[SpaceService],
        occupancy: NamedDependency[OccupancyService],
        user: NamedDependency[User],
    ) -> Space:
        """Type, features, in or out of service; bookings that hold the space keep it."""
        space = await floor_plan.update(user, lot, space_id, data)
        await occupancy.review(lot)
        return space
