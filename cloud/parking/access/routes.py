"""The access log over HTTP."""

from typing import Annotated

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from cloud.accounts.access import allow, signed_in
from cloud.accounts.user import Role, User
from cloud.kit.paging import CursorError, Page, PageRequest
from cloud.kit.patterns import END
from cloud.kit.problems import ACCESS_PROBLEMS, problems
from cloud.parking.access.errors import AccessFilterError
from cloud.parking.access.rules import Recheck
from cloud.parking.access.schemas import AccessEntry, MyAccess
from cloud.parking.access.service import AccessFilter, AccessService
from cloud.parking.instants import Instant, is_plausible
from cloud.parking.lots.errors import LotMissingError
from cloud.parking.lots.service import LotService
from cloud.parking.parameters import LotId

AdmittedFilter = Annotated[bool | None, QueryParameter(description="Only admitted, or refused.")]
ReasonFilter = Annotated[
    str | None,
    QueryParameter(max_length=32, pattern=r"^[a-z_]+" + END, description="Only this reason code."),
]
RecheckFilter = Annotated[
    Recheck | None, QueryParameter(description="Only those the cloud thinks so of.")
]
FromFilter = Annotated[Instant | None, QueryParameter(description="At this instant or later.")]
UntilFilter = Annotated[Instant | None, QueryParameter(description="Before this instant.")]


class AccessController(Controller):
    """Decisions at lanes."""

    path = "/api/v1"
    tags = ("access",)

    @get(
        "/access-log",
        guards=[signed_in],
        summary="Decisions about my cards",
        responses=problems(CursorError, *ACCESS_PROBLEMS),
    )
    async def list_mine(
        self,
        access_log: NamedDependency[AccessService],
        page: NamedDependency[PageRequest],
        user: NamedDependency[User],
    ) -> Page[MyAccess]:
        """Newest first, with the sentence the display showed."""
        return await access_log.list_mine(user.id, page)

    @get(
        "/lots/{lot:str}/access-log",
        guards=[allow(Role.OPERATOR, Role.ADMIN, Role.AUDITOR)],
        summary="Decisions at a lot",
        responses=problems(LotMissingError, CursorError, AccessFilterError, *ACCESS_PROBLEMS),
    )
    async def list_of_lot(
        self,
        lot: LotId,
        lots: NamedDependency[LotService],
        access_log: NamedDependency[AccessService],
        page: NamedDependency[PageRequest],
        admitted: AdmittedFilter = None,
        reason: ReasonFilter = None,
        recheck: RecheckFilter = None,
        from_at: FromFilter = None,
        until_at: UntilFilter = None,
    ) -> Page[AccessEntry]:
        """Admitted or not, with what the cloud makes of it; newest first."""
        await lots.row(lot)
        for instant in (from_at, until_at):
            if instant is not None and not is_plausible(instant):
                raise AccessFilterError("Instants have a time zone and a year from 1971 to 2400.")
        wanted = AccessFilter(admitted, reason, recheck, from_at, until_at)
        return await access_log.list_of_lot(lot, page, wanted)
