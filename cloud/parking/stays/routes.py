"""Stays and exceptions over HTTP."""

from typing import Annotated

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, QueryParameter

from cloud.accounts.access import allow, signed_in
from cloud.accounts.user import Role, User
from cloud.kit.paging import CursorError, Page, PageRequest
from cloud.kit.problems import ACCESS_PROBLEMS, problems
from cloud.parking.lots.errors import LotMissingError
from cloud.parking.lots.service import LotService
from cloud.parking.parameters import ExceptionId, LotId, StayId
from cloud.parking.stays.errors import StayClosedError, StayMissingError
from cloud.parking.stays.exceptions import (
    ExceptionKind,
    ExceptionMissingError,
    Exceptions,
    ExceptionState,
)
from cloud.parking.stays.rules import StayState
from cloud.parking.stays.schemas import ParkingException, Resolution, Stay, StayClose
from cloud.parking.stays.service import StayService

_OPERATORS = allow(Role.OPERATOR, Role.ADMIN)
StayFilter = Annotated[StayState | None, QueryParameter(description="Only in this state.")]
ExceptionFilter = Annotated[
    ExceptionState | None, QueryParameter(description="Only in this state.")
]
KindFilter = Annotated[ExceptionKind | None, QueryParameter(description="Only of this kind.")]


class StaysController(Controller):
    """Stays, and what does not add up."""

    path = "/api/v1"
    tags = ("stays",)

    @get(
        "/stays",
        guards=[signed_in],
        summary="My stays",
        responses=problems(CursorError, *ACCESS_PROBLEMS),
    )
    async def list_mine(
        self,
        stays: NamedDependency[StayService],
        page: NamedDependency[PageRequest],
        user: NamedDependency[User],
    ) -> Page[Stay]:
        """Newest first."""
        return await stays.list_mine(user.id, page)

    @get(
        "/stays/{stay_id:uuid}",
        guards=[signed_in],
        summary="One stay of mine",
        responses=problems(StayMissingError, *ACCESS_PROBLEMS),
    )
    async def stay(
        self,
        stay_id: StayId,
        stays: NamedDependency[StayService],
        user: NamedDependency[User],
    ) -> Stay:
        """Operators see every stay."""
        sees_all = user.has(Role.OPERATOR, Role.ADMIN)
        return await stays.get(stay_id, None if sees_all else user.id)

    @post(
        "/stays/{stay_id:uuid}/close",
        guards=[_OPERATORS],
        status_code=200,
        summary="Close a stay whose car has gone",
        responses=problems(StayMissingError, StayClosedError, *ACCESS_PROBLEMS),
    )
    async def close(
        self,
        stay_id: StayId,
        data: JSONBody[StayClose],
        stays: NamedDependency[StayService],
        user: NamedDependency[User],
    ) -> Stay:
        """It is priced like any other; who closed it and why is in the audit trail."""
        return await stays.close(user, stay_id, data)

    @get(
        "/lots/{lot:str}/stays",
        guards=[_OPERATORS],
        summary="A lot's stays",
        responses=problems(LotMissingError, CursorError, *ACCESS_PROBLEMS),
    )
    async def list_of_lot(
        self,
        lot: LotId,
        lots: NamedDependency[LotService],
        stays: NamedDependency[StayService],
        page: NamedDependency[PageRequest],
        stay_state: StayFilter = None,
    ) -> Page[Stay]:
        """Newest first."""
        await lots.row(lot)
        return await stays.list_of_lot(lot, page, stay_state)

    @get(
        "/lots/{lot:str}/exceptions",
        guards=[_OPERATORS],
        summary="What does not add up at a lot",
        responses=problems(LotMissingError, CursorError, *ACCESS_PROBLEMS),
    )
    async def list_exceptions(
        self,
        lot: LotId,
        lots: NamedDependency[LotService],
        parking_exceptions: NamedDependency[Exceptions],
        page: NamedDependency[PageRequest],
        exception_state: ExceptionFilter = None,
        kind: KindFilter = None,
    ) -> Page[ParkingException]:
        """Exits without entries, tailgaters, disputed decisions, debts; newest first."""
        await lots.row(lot)
        return await parking_exceptions.list_all(lot, page, state=exception_state, kind=kind)

    @post(
        "/exceptions/{exception_id:uuid}/resolve",
        guards=[_OPERATORS],
        status_code=200,
        summary="Say what was done about an exception",
        responses=problems(ExceptionMissingError, *ACCESS_PROBLEMS),
    )
    async def resolve(
        self,
        exception_id: ExceptionId,
        data: JSONBody[Resolution],
        parking_exceptions: NamedDependency[Exceptions],
        user: NamedDependency[User],
    ) -> ParkingException:
        """It leaves the list of open ones."""
        return await parking_exceptions.resolve(user, exception_id, data.note)
