"""Lots over HTTP."""

from typing import Annotated

from litestar import Controller, get, patch, post, put
from litestar.di import NamedDependency
from litestar.params import JSONBody, QueryParameter

from cloud.accounts.access import allow, signed_in
from cloud.accounts.user import Role, User
from cloud.kit.idempotency import IdempotencyConflictError, Once
from cloud.kit.paging import CursorError, Page, PageRequest
from cloud.kit.patterns import END
from cloud.kit.problems import ACCESS_PROBLEMS, problems
from cloud.parking.lots.errors import (
    LotMissingError,
    LotTakenError,
    SiteUnknownError,
    TimezoneError,
)
from cloud.parking.lots.occupancy import OccupancyService
from cloud.parking.lots.schemas import (
    Lot,
    LotCreate,
    LotOccupancy,
    LotPolicyChange,
    OccupancyCount,
)
from cloud.parking.lots.service import LotService
from cloud.parking.parameters import LotId

SiteFilter = Annotated[
    str | None,
    QueryParameter(max_length=32, pattern=r"^[a-z0-9-]+" + END, description="Of this site."),
]
_OPERATORS = allow(Role.OPERATOR, Role.ADMIN)


class LotsController(Controller):
    """Car parks."""

    path = "/api/v1/lots"
    tags = ("lots",)

    @post(
        "/",
        guards=[_OPERATORS],
        summary="Make a lot",
        responses=problems(
            LotTakenError,
            SiteUnknownError,
            TimezoneError,
            IdempotencyConflictError,
            *ACCESS_PROBLEMS,
        ),
    )
    async def create(
        self,
        data: JSONBody[LotCreate],
        lots: NamedDependency[LotService],
        user: NamedDependency[User],
        once: NamedDependency[Once],
    ) -> Lot:
        """A car park at a site, without spaces yet."""
        return await once.answer(Lot, lambda: lots.create(user, data))

    @get(
        "/",
        guards=[signed_in],
        summary="List lots",
        responses=problems(CursorError, *ACCESS_PROBLEMS),
    )
    async def list_lots(
        self,
        lots: NamedDependency[LotService],
        page: NamedDependency[PageRequest],
        site: SiteFilter = None,
    ) -> Page[Lot]:
        """Every lot, by id."""
        return await lots.list_all(page, site)

    @get(
        "/{lot:str}",
        guards=[signed_in],
        summary="One lot",
        responses=problems(LotMissingError, *ACCESS_PROBLEMS),
    )
    async def lot(self, lot: LotId, lots: NamedDependency[LotService]) -> Lot:
        """A lot and its policy."""
        return await lots.get(lot)

    @patch(
        "/{lot:str}/policy",
        guards=[_OPERATORS],
        summary="Change a lot's policy",
        responses=problems(LotMissingError, *ACCESS_PROBLEMS),
    )
    async def change_policy(
        self,
        lot: LotId,
        data: JSONBody[LotPolicyChange],
        lots: NamedDependency[LotService],
        user: NamedDependency[User],
    ) -> Lot:
        """Open, close, decide about walk-ups, passback and stale lists; lanes hear it at once."""
        return await lots.change_policy(user, lot, data)

    @get(
        "/{lot:str}/occupancy",
        guards=[signed_in],
        summary="How full a lot is",
        responses=problems(LotMissingError, *ACCESS_PROBLEMS),
    )
    async def occupancy(
        self, lot: LotId, occupancy: NamedDependency[OccupancyService]
    ) -> LotOccupancy:
        """Cars inside, spaces reserved, spaces free; the room `lot:{id}` tells it live."""
        return await occupancy.read(lot)

    @put(
        "/{lot:str}/occupancy",
        guards=[_OPERATORS],
        summary="Correct the number of cars inside",
        responses=problems(LotMissingError, *ACCESS_PROBLEMS),
    )
    async def correct_occupancy(
        self,
        lot: LotId,
        data: JSONBody[OccupancyCount],
        occupancy: NamedDependency[OccupancyService],
        user: NamedDependency[User],
    ) -> LotOccupancy:
        """After somebody counted the cars: loops cannot see all that happens."""
        return await occupancy.correct(user, lot, data)
