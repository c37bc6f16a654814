"""Payments and receipts over HTTP."""

from uuid import UUID

from litestar import Controller, get
from litestar.di import NamedDependency

from cloud.accounts.access import signed_in
from cloud.accounts.user import Role, User
from cloud.kit.paging import CursorError, Page, PageRequest
from cloud.kit.problems import ACCESS_PROBLEMS, problems
from cloud.parking.bookings.errors import BookingMissingError
from cloud.parking.parameters import BookingId, StayId
from cloud.parking.payments.receipts import ReceiptService
from cloud.parking.payments.schemas import Payment, Receipt
from cloud.parking.payments.service import PaymentService
from cloud.parking.stays.errors import StayMissingError


class PaymentsController(Controller):
    """What parking has cost the caller."""

    path = "/api/v1"
    tags = ("payments",)
    guards = (signed_in,)

    @get("/payments", summary="My payments", responses=problems(CursorError, *ACCESS_PROBLEMS))
    async def list_mine(
        self,
        payments: NamedDependency[PaymentService],
        page: NamedDependency[PageRequest],
        user: NamedDependency[User],
    ) -> Page[Payment]:
        """Every movement of money, newest first."""
        return await payments.list_mine(user.id, page)

    @get(
        "/stays/{stay_id:uuid}/receipt",
        summary="The receipt of a stay",
        responses=problems(StayMissingError, *ACCESS_PROBLEMS),
    )
    async def receipt_of_stay(
        self,
        stay_id: StayId,
        receipts: NamedDependency[ReceiptService],
        user: NamedDependency[User],
    ) -> Receipt:
        """Lines, total, and how it was paid."""
        return await receipts.of_stay(stay_id, _owner(user))

    @get(
        "/bookings/{booking_id:uuid}/receipt",
        summary="The receipt of a booking",
        responses=problems(BookingMissingError, *ACCESS_PROBLEMS),
    )
    async def receipt_of_booking(
        self,
        booking_id: BookingId,
        receipts: NamedDependency[ReceiptService],
        user: NamedDependency[User],
    ) -> Receipt:
        """Lines, total, and how it was paid."""
        return await receipts.of_booking(booking_id, _owner(user))


def _owner(user: User) -> UUID | None:
    return None if user.has(Role.OPERATOR, Role.ADMIN) else user.id
