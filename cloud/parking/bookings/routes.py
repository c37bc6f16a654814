"""Bookings over HTTP."""

from typing import Annotated

from litestar import Controller, get, post, put
from litestar.di import NamedDependency
from litestar.params import JSONBody, QueryParameter

from cloud.accounts.access import allow, signed_in
from cloud.accounts.user import Role, User
from cloud.kit.idempotency import IdempotencyConflictError, Once
from cloud.kit.paging import CursorError, Page, PageRequest
from cloud.kit.problems import ACCESS_PROBLEMS, problems
from cloud.ledger.errors import InsufficientFundsError
from cloud.parking.bookings.errors import (
    BookingMissingError,
    BookingStateError,
    HoldExpiredError,
    LotFullError,
    LotNotBookableError,
    WhichTagError,
    WindowError,
)
from cloud.parking.bookings.rules import BookingState
from cloud.parking.bookings.schemas import (
    Booking,
    BookingCreate,
    QuoteRequest,
    SpaceOffer,
    TagChoice,
)
from cloud.parking.bookings.service import BookingService
from cloud.parking.lots.errors import LotMissingError
from cloud.parking.lots.service import LotService
from cloud.parking.parameters import BookingId, LotId
from cloud.parking.tags.errors import TagMissingError
from cloud.parking.tariffs.errors import NoTariffError
from cloud.parking.vehicles.errors import VehicleMissingError

StateFilter = Annotated[BookingState | None, QueryParameter(description="Only in this state.")]
_MISSING = (LotMissingError, LotNotBookableError, NoTariffError, WindowError, LotFullError)


class BookingsController(Controller):
    """Bookings."""

    path = "/api/v1"
    tags = ("bookings",)

    @post(
        "/bookings/quote",
        guards=[signed_in],
        status_code=200,
        summary="What a booking would cost",
        responses=problems(*_MISSING, *ACCESS_PROBLEMS),
    )
    async def quote(
        self, data: JSONBody[QuoteRequest], bookings: NamedDependency[BookingService]
    ) -> SpaceOffer:
        """The price with its lines, and the space it would be now; nothing is held."""
        return await bookings.offer(data)

    @post(
        "/bookings",
        guards=[signed_in],
        summary="Book a space",
        responses=problems(
            *_MISSING,
            TagMissingError,
            WhichTagError,
            VehicleMissingError,
            InsufficientFundsError,
            IdempotencyConflictError,
            *ACCESS_PROBLEMS,
        ),
    )
    async def create(
        self,
        data: JSONBody[BookingCreate],
        bookings: NamedDependency[BookingService],
        user: NamedDependency[User],
        once: NamedDependency[Once],
    ) -> Booking:
        """Hold a space for some minutes, or pay for it at once with `confirm`."""
        return await once.answer(Booking, lambda: bookings.create(user.id, data))

    @post(
        "/bookings/{booking_id:uuid}/confirm",
        guards=[signed_in],
        status_code=200,
        summary="Pay for a held booking",
        responses=problems(
            BookingMissingError,
            BookingStateError,
            HoldExpiredError,
            InsufficientFundsError,
            IdempotencyConflictError,
            *ACCESS_PROBLEMS,
        ),
    )
    async def confirm(
        self,
        booking_id: BookingId,
        bookings: NamedDependency[BookingService],
        user: NamedDependency[User],
        once: NamedDependency[Once],
    ) -> Booking:
        """The price is set aside in the wallet; the lanes know the card at once."""
        return await once.answer(Booking, lambda: bookings.confirm(user.id, booking_id))

    @post(
        "/bookings/{booking_id:uuid}/cancel",
        guards=[signed_in],
        status_code=200,
        summary="Cancel a booking",
        responses=problems(
            BookingMissingError, BookingStateError, IdempotencyConflictError, *ACCESS_PROBLEMS
        ),
    )
    async def cancel(
        self,
        booking_id: BookingId,
        bookings: NamedDependency[BookingService],
        user: NamedDependency[User],
        once: NamedDependency[Once],
    ) -> Booking:
        """How much of the price is kept stands in `kept_cents`; the rest is back in the wallet."""
        return await once.answer(Booking, lambda: bookings.cancel(user.id, booking_id))

    @put(
        "/bookings/{booking_id:uuid}/tag",
        guards=[signed_in],
        summary="Use another card",
        responses=problems(
            BookingMissingError, BookingStateError, TagMissingError, *ACCESS_PROBLEMS
        ),
    )
    async def choose_tag(
        self,
        booking_id: BookingId,
        data: JSONBody[TagChoice],
        bookings: NamedDependency[BookingService],
        user: NamedDependency[User],
    ) -> Booking:
        """The card that opens the gate for this booking."""
        return await bookings.choose_tag(user.id, booking_id, data.tag_id)

    @get(
        "/bookings",
        guards=[signed_in],
        summary="My bookings",
        responses=problems(CursorError, *ACCESS_PROBLEMS),
    )
    async def list_mine(
        self,
        bookings: NamedDependency[BookingService],
        page: NamedDependency[PageRequest],
        user: NamedDependency[User],
        booking_state: StateFilter = None,
    ) -> Page[Booking]:
        """Newest first."""
        return await bookings.list_mine(user.id, page, booking_state)

    @get(
        "/bookings/{booking_id:uuid}",
        guards=[signed_in],
        summary="One booking of mine",
        responses=problems(BookingMissingError, *ACCESS_PROBLEMS),
    )
    async def booking(
        self,
        booking_id: BookingId,
        bookings: NamedDependency[BookingService],
        user: NamedDependency[User],
    ) -> Booking:
        """Operators see every booking."""
        sees_all = user.has(Role.OPERATOR, Role.ADMIN)
        return await bookings.get(booking_id, None if sees_all else user.id)

    @get(
        "/lots/{lot:str}/bookings",
        guards=[allow(Role.OPERATOR, Role.ADMIN)],
        summary="A lot's bookings",
        responses=problems(LotMissingError, CursorError, *ACCESS_PROBLEMS),
    )
    async def list_of_lot(
        self,
        lot: LotId,
        lots: NamedDependency[LotService],
        bookings: NamedDependency[BookingService],
        page: NamedDependency[PageRequest],
        booking_state: StateFilter = None,
    ) -> Page[Booking]:
        """Newest first."""
        await lots.row(lot)
        return await bookings.list_of_lot(lot, page, booking_state)
