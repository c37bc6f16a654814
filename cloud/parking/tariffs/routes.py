"""Tariffs over HTTP, under the user's name for them: pricing models."""

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from cloud.accounts.access import allow, signed_in
from cloud.accounts.user import Role, User
from cloud.kit.idempotency import IdempotencyConflictError, Once
from cloud.kit.paging import CursorError, Page, PageRequest
from cloud.kit.problems import ACCESS_PROBLEMS, problems
from cloud.parking.lots.errors import LotMissingError
from cloud.parking.lots.service import LotService
from cloud.parking.parameters import LotId
from cloud.parking.tariffs.errors import TariffError
from cloud.parking.tariffs.schemas import PricingModel, PricingModelCreate
from cloud.parking.tariffs.service import TariffService


class TariffsController(Controller):
    """Versions of a lot's prices."""

    path = "/api/v1/lots/{lot:str}/pricing-models"
    tags = ("pricing",)

    @post(
        "/",
        guards=[allow(Role.OPERATOR, Role.ADMIN)],
        summary="Add a version of the prices",
        responses=problems(
            LotMissingError, TariffError, IdempotencyConflictError, *ACCESS_PROBLEMS
        ),
    )
    async def add(
        self,
        lot: LotId,
        data: JSONBody[PricingModelCreate],
        tariffs: NamedDependency[TariffService],
        user: NamedDependency[User],
        once: NamedDependency[Once],
    ) -> PricingModel:
        """Counts for what begins at valid_from or later; what was priced stays as it was."""
        return await once.answer(PricingModel, lambda: tariffs.add(user, lot, data))

    @get(
        "/",
        guards=[signed_in],
        summary="The versions of a lot's prices",
        responses=problems(LotMissingError, CursorError, *ACCESS_PROBLEMS),
    )
    async def list_models(
        self,
        lot: LotId,
        lots: NamedDependency[LotService],
        tariffs: NamedDependency[TariffService],
        page: NamedDependency[PageRequest],
    ) -> Page[PricingModel]:
        """Newest first."""
        await lots.row(lot)
        return await tariffs.list_all(lot, page)
