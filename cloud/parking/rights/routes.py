"""Permits over HTTP, and the command that computes every right anew."""

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from cloud.accounts.access import allow
from cloud.accounts.user import Role, User
from cloud.kit.idempotency import IdempotencyConflictError, Once
from cloud.kit.paging import CursorError, Page, PageRequest
from cloud.kit.problems import ACCESS_PROBLEMS, problems
from cloud.parking.lots.errors import LotMissingError
from cloud.parking.lots.service import LotService
from cloud.parking.parameters import LotId, PermitId
from cloud.parking.rights.errors import PermitMissingError, PermitWindowError
from cloud.parking.rights.permits import PermitService
from cloud.parking.rights.schemas import Permit, PermitCreate, Recomputed, Withdrawal
from cloud.parking.rights.service import RightsComputer
from cloud.parking.tags.errors import TagMissingError

_OPERATORS = allow(Role.OPERATOR, Role.ADMIN)


class PermitsController(Controller):
    """Permits and rights."""

    path = "/api/v1"
    tags = ("permits",)

    @post(
        "/permits",
        guards=[_OPERATORS],
        summary="Let a card park without booking",
        responses=problems(
            LotMissingError,
            TagMissingError,
            PermitWindowError,
            IdempotencyConflictError,
            *ACCESS_PROBLEMS,
        ),
    )
    async def grant(
        self,
        data: JSONBody[PermitCreate],
        permits: NamedDependency[PermitService],
        user: NamedDependency[User],
        once: NamedDependency[Once],
    ) -> Permit:
        """For residents and staff; their stays cost nothing."""
        return await once.answer(Permit, lambda: permits.grant(user, data))

    @post(
        "/permits/{permit_id:uuid}/withdraw",
        guards=[_OPERATORS],
        status_code=200,
        summary="End a permit",
        responses=problems(PermitMissingError, *ACCESS_PROBLEMS),
    )
    async def withdraw(
        self,
        permit_id: PermitId,
        data: JSONBody[Withdrawal],
        permits: NamedDependency[PermitService],
        user: NamedDependency[User],
    ) -> Permit:
        """Every lane knows within a second, or as soon as its site is online."""
        return await permits.withdraw(user, permit_id, data.reason)

    @get(
        "/lots/{lot:str}/permits",
        guards=[_OPERATORS],
        summary="A lot's permits",
        responses=problems(LotMissingError, CursorError, *ACCESS_PROBLEMS),
    )
    async def list_permits(
        self,
        lot: LotId,
        lots: NamedDependency[LotService],
        permits: NamedDependency[PermitService],
        page: NamedDependency[PageRequest],
    ) -> Page[Permit]:
        """Newest first."""
        await lots.row(lot)
        return await permits.list_of_lot(lot, page)

    @post(
        "/parking/rights/recompute",
        guards=[allow(Role.ADMIN)],
        status_code=200,
        summary="Compute every right of every site anew",
        responses=problems(*ACCESS_PROBLEMS),
    )
    async def recompute(
        self, parking_rights: NamedDependency[RightsComputer], user: NamedDependency[User]
    ) -> Recomputed:
        """Normally nothing changes, since every fact changes its rights at once."""
        return Recomputed(await parking_rights.recompute_for(user))
