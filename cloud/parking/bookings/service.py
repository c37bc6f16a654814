"""What can be done about a booking; the database decides who holds a space."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, Select, and_, func, insert, select, text
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from cloud.kit.clock import Clock
from cloud.kit.database import AsyncSession
from cloud.kit.ids import Ids
from cloud.kit.money import Money
from cloud.kit.paging import Page, PageRequest
from cloud.parking import live
from cloud.parking.allocation.rules import Candidate
from cloud.parking.allocation.service import AllocationService
from cloud.parking.bookings import rules
from cloud.parking.bookings.errors import (
    BookingMissingError,
    BookingStateError,
    HoldExpiredError,
    LotFullError,
    LotNotBookableError,
    WhichTagError,
    WindowError,
)
from cloud.parking.bookings.rules import BookingState, BookingStep
from cloud.parking.bookings.schemas import (
    AllocationReason,
    Booking,
    BookingCreate,
    QuoteRequest,
    SpaceOffer,
)
from cloud.parking.bookings.tables import BookingRow
from cloud.parking.instants import place_after
from cloud.parking.lots.kinds import VehicleSize
from cloud.parking.lots.policy import LotMode
from cloud.parking.lots.service import LotService
from cloud.parking.lots.tables import LotRow
from cloud.parking.payments.service import PaymentService
from cloud.parking.rights.service import RightsComputer
from cloud.parking.spaces.service import SpaceService
from cloud.parking.tags.errors import TagMissingError
from cloud.parking.tags.service import Tags
from cloud.parking.tariffs.rules import Price, Window, price_booking
from cloud.parking.tariffs.service import TariffService, lines_from, stored_lines, to_lines
from cloud.parking.vehicles.service import VehicleService

DUE_AT_ONCE: Final = 500
_EXCLUSION_VIOLATION: Final = "23P01"
_HELD_TOO_LONG: Final = and_(
    col(BookingRow.state) == BookingState.HELD, col(BookingRow.held_until) <= func.now()
)


class BookingService:
    """Bookings, within one session."""

    def __init__(
        self,
        session: AsyncSession,
        *,
        lots: LotService,
        spaces: SpaceService,
        allocation: AllocationService,
        tariffs: TariffService,
        tags: Tags,
        vehicles: VehicleService,
        payments: PaymentService,
        rights: RightsComputer,
        clock: Clock,
        ids: Ids,
        notices: live.Live,
    ) -> None:
        self._session = session
        self._lots = lots
        self._spaces = spaces
        self._allocation = allocation
        self._tariffs = tariffs
        self._tags = tags
        self._vehicles = vehicles
        self._payments = payments
        self._rights = rights
        self._clock = clock
        self._ids = ids
        self._notices = notices

    async def offer(self, data: QuoteRequest) -> SpaceOffer:
        """What booking this would cost, and which space it would be; nothing is held.

        Raises:
            LotMissingError, LotNotBookableError, NoTariffError, WindowError, LotFullError.
        """
        lot, window = await self._bookable(data)
        candidates = await self._allocation.candidates(lot.id, data.wish(), window)
        if not candidates:
            raise _full(lot)
        best = candidates[0]
        _, tariff = await self._tariffs.at(lot.id, window.starts_at)
        price = price_booking(tariff, best.space.type, window)
        return SpaceOffer(
            lot=lot.id,
            space=best.space.name,
            floor=best.space.floor,
            type=best.space.type,
            free=len(candidates),
            price_cents=price.total_cents,
            currency=price.currency,
            lines=to_lines(price.lines),
            reasons=_reasons(best),
        )

    async def create(self, user_id: UUID, data: BookingCreate) -> Booking:
        """Hold a space for the window; with `confirm`, pay for it too.

        Raises:
            LotMissingError, LotNotBookableError, NoTariffError, WindowError, LotFullError,
            TagMissingError, WhichTagError, VehicleMissingError, InsufficientFundsError.
        """
        lot, window = await self._bookable(data)
        tag_id = await self._tag_for(user_id, data.tag_id)
        wish = data.wish()
        if data.vehicle_id is not None:
            vehicle = await self._vehicles.owned(user_id, data.vehicle_id)
            wish = msgspec.structs.replace(data, size=VehicleSize(vehicle.size)).wish()
        await self.expire_due(lot.id)
        tariff_id, tariff = await self._tariffs.at(lot.id, window.starts_at)
        candidates = await self._allocation.candidates(lot.id, wish, window)
        booking_id = self._ids.new()
        # First the ones nobody else is trying for, then whatever is left, waiting if need be.
        for is_patient in (False, True):
            for candidate in candidates:
                price = price_booking(tariff, candidate.space.type, window)
                row = _new_row(booking_id, user_id, lot, candidate, window, tariff_id, price)
                if await self._insert(row | {"tag_id": tag_id}, lot, is_patient=is_patient):
                    booking = await self.get(booking_id)
                    self._tell(booking)
                    return await self.confirm(user_id, booking_id) if data.confirm else booking
        raise _full(lot)

    async def _insert(self, values: dict[str, Any], lot: LotRow, *, is_patient: bool) -> bool:
        """Whether the space is ours; False if somebody else has it or, not patient, tries for it.

        Two inserts that exclude each other would wait for each other, so a lock comes first. A lost
        race gives it back with the savepoint: whoever waits for a space holds no other.
        """
        held_until = func.now() + timedelta(seconds=lot.hold_s)
        query = insert(BookingRow).values(
            **values, held_until=held_until, created_at=self._clock.now()
        )
        try:
            async with self._session.begin_nested():
                if not await self._allocation.claim(values["space_id"], is_patient=is_patient):
                    return False
                await self._session.execute(query)
        except IntegrityError as error:
            if getattr(error.orig, "sqlstate", None) != _EXCLUSION_VIOLATION:
                raise
            return False
        return True

    async def confirm(self, user_id: UUID, booking_id: UUID) -> Booking:
        """Set the price aside in the wallet; the booking is then sure.

        Raises:
            BookingMissingError, BookingStateError, HoldExpiredError, InsufficientFundsError.
        """
        row = await self._owned(user_id, booking_id)
        _advance(row, BookingStep.CONFIRM)
        still_held = select(col(BookingRow.held_until) > func.now()).where(
            col(BookingRow.id) == booking_id
        )
        if not await self._session.scalar(still_held):
            raise HoldExpiredError("The space was held too long and is free again; book anew.")
        row.held_until, row.confirmed_at = None, self._clock.now()
        await self._payments.hold_for_booking(
            payer=row.user_id, amount=_price(row), lot=row.lot, booking=row.id
        )
        return await self._changed(row)

    async def cancel(self, user_id: UUID, booking_id: UUID) -> Booking:
        """Give the space back; how much of the price comes back is the lot's rule.

        Raises:
            BookingMissingError, BookingStateError: said in the error.
        """
        row = await self._owned(user_id, booking_id)
        was, now = row.state, self._clock.now()
        _advance(row, BookingStep.CANCEL)
        row.held_until, row.ended_at, row.kept_cents = None, now, 0
        if was == BookingState.CONFIRMED:
            lot = await self._lots.row(row.lot)
            rule = rules.CancelRule(timedelta(seconds=lot.cancel_free_s), lot.cancel_late_percent)
            starts_at = window_of(row).starts_at
            row.kept_cents = rules.cancel_fee_cents(rule, row.price_cents, starts_at, now)
            await self._settle(row)
        return await self._changed(row)

    async def choose_tag(self, user_id: UUID, booking_id: UUID, tag_id: UUID) -> Booking:
        """Another card opens the gate for this booking from now on.

        Raises:
            BookingMissingError, BookingStateError, TagMissingError: said in the error.
        """
        row = await self._owned(user_id, booking_id)
        if BookingState(row.state) not in {BookingState.HELD, BookingState.CONFIRMED}:
            raise BookingStateError(f"The booking is {row.state}; its card cannot change now.")
        before, row.tag_id = row.tag_id, await self._tag_for(user_id, tag_id)
        await self._session.flush()
        await self._rights.refresh_tag_of(before)
        return await self._changed(row)

    async def entered(self, booking_id: UUID) -> None:
        """A car came in on this booking; nothing happens if it is past that."""
        row = await self._locked(booking_id)
        if row is not None and rules.next_state(BookingState(row.state), BookingStep.ENTER):
            _advance(row, BookingStep.ENTER)
            await self._changed(row)

    async def left(self, booking_id: UUID) -> None:
        """The car of this booking went out: the space is free, the price is due."""
        row = await self._locked(booking_id)
        if row is None or rules.next_state(BookingState(row.state), BookingStep.LEAVE) is None:
            return
        was_settled = row.kept_cents is not None
        _advance(row, BookingStep.LEAVE)
        row.ended_at = self._clock.now()
        if not was_settled:
            row.kept_cents = row.price_cents
            await self._settle(row)
        await self._changed(row)

    async def expire_due(self, lot: str) -> None:
        """Free a lot's spaces that were held too long, by the database's clock."""
        # Whoever else is freeing a row just now does the same: skip it.
        due = self._due(_HELD_TOO_LONG).where(col(BookingRow.lot) == lot)
        for booking_id in (
            await self._session.scalars(due.with_for_update(skip_locked=True))
        ).all():
            await self.expire(booking_id)

    async def expire(self, booking_id: UUID) -> None:
        """Free a space that was held too long; nothing happens to a booking that goes on."""
        row = await self._locked(booking_id)
        if row is not None and rules.next_state(BookingState(row.state), BookingStep.EXPIRE):
            _advance(row, BookingStep.EXPIRE)
            row.held_until, row.ended_at, row.kept_cents = None, self._clock.now(), 0
            await self._changed(row)

    async def miss(self, booking_id: UUID) -> None:
        """End a booking nobody came for; nothing happens if somebody did meanwhile."""
        row = await self._locked(booking_id)
        if row is not None and rules.next_state(BookingState(row.state), BookingStep.MISS):
            _advance(row, BookingStep.MISS)
            row.ended_at, row.kept_cents = self._clock.now(), row.price_cents
            await self._settle(row)
            await self._changed(row)

    async def held_too_long(self) -> Sequence[UUID]:
        """Bookings to expire, by the database's clock."""
        return (await self._session.scalars(self._due(_HELD_TOO_LONG))).all()

    async def missed(self) -> Sequence[UUID]:
        """Confirmed bookings whose window, with its grace, passed without a car."""
        late = text("late_grace_s * interval '1 second'")
        query = self._due(
            col(BookingRow.state) == BookingState.CONFIRMED,
            func.upper(col(BookingRow.during)) + late < self._clock.now(),
        ).join(LotRow, col(LotRow.id) == col(BookingRow.lot))
        return (await self._session.scalars(query)).all()

    def _due(self, *conditions: ColumnElement[bool]) -> Select[UUID]:
        return select(col(BookingRow.id)).where(*conditions).limit(DUE_AT_ONCE)

    async def get(self, booking_id: UUID, user_id: UUID | None = None) -> Booking:
        """One booking; with a user, only if it is theirs.

        Raises:
            BookingMissingError: there is none, or it is somebody else's.
        """
        row = await self._session.get(BookingRow, booking_id, populate_existing=True)
        if row is None or (user_id is not None and row.user_id != user_id):
            raise BookingMissingError("You have no such booking.")
        return await self._to_schema(row)

    async def row(self, booking_id: UUID) -> BookingRow | None:
        """The row, for services of parking."""
        return await self._session.get(BookingRow, booking_id)

    async def list_mine(
        self, user_id: UUID, page: PageRequest, state: BookingState | None = None
    ) -> Page[Booking]:
        """The user's bookings, newest first."""
        return await self._list(col(BookingRow.user_id) == user_id, page, state)

    async def list_of_lot(
        self, lot: str, page: PageRequest, state: BookingState | None = None
    ) -> Page[Booking]:
        """A lot's bookings, newest first."""
        return await self._list(col(BookingRow.lot) == lot, page, state)

    async def _list(
        self, condition: ColumnElement[bool], page: PageRequest, state: BookingState | None
    ) -> Page[Booking]:
        query = (
            select(BookingRow)
            .where(condition)
            .order_by(col(BookingRow.created_at).desc(), col(BookingRow.id).desc())
            .limit(page.fetch)
        )
        if state is not None:
            query = query.where(col(BookingRow.state) == state)
        if (after := place_after(page)) is not None:
            place = func.row(col(BookingRow.created_at), col(BookingRow.id))
            query = query.where(place < func.row(*after))
        rows = (await self._session.scalars(query)).all()
        shown = page.page(rows, lambda row: row, lambda row: (row.created_at, row.id))
        return Page([await self._to_schema(row) for row in shown.items], shown.next_cursor)

    async def _bookable(self, data: QuoteRequest) -> tuple[LotRow, Window]:
        lot = await self._lots.row(data.lot)
        window = Window(data.starts_at, data.ends_at)
        if problem := rules.window_problem(window, self._clock.now()):
            raise WindowError(problem)
        if lot.mode != LotMode.OPEN:
            raise LotNotBookableError(f"{lot.name} is closed and takes no bookings now.")
        return lot, window

    async def _tag_for(self, user_id: UUID, tag_id: UUID | None) -> UUID | None:
        owned = [tag.id for tag in await self._tags.of_user(user_id)]
        if tag_id is None:
            if len(owned) > 1:
                raise WhichTagError("You have several cards; say in tag_id which one you will use.")
            return owned[0] if owned else None
        if tag_id not in owned:
            raise TagMissingError("You have no such card, or it is blocked.")
        return tag_id

    async def _owned(self, user_id: UUID, booking_id: UUID) -> BookingRow:
        row = await self._locked(booking_id)
        if row is None or row.user_id != user_id:
            raise BookingMissingError("You have no such booking.")
        return row

    async def _locked(self, booking_id: UUID) -> BookingRow | None:
        """The row, for this transaction alone: first it, then its card's rights, then money.

        Everybody who needs several of them takes them in this order, so nobody waits in a circle.
        """
        row = await self._session.get(
            BookingRow, booking_id, with_for_update=True, populate_existing=True
        )
        if row is not None:
            await self._rights.lock_tag_of(row.tag_id)
        return row

    async def _settle(self, row: BookingRow) -> None:
        await self._payments.settle_booking(
            payer=row.user_id,
            held=_price(row),
            kept=Money(row.kept_cents or 0, row.currency),
            lot=row.lot,
            booking=row.id,
        )

    async def _changed(self, row: BookingRow) -> Booking:
        """Every change of state ends here: stored, told to the lanes and to the user."""
        await self._session.flush()
        await self._rights.refresh_tag_of(row.tag_id)
        booking = await self._to_schema(row)
        self._tell(booking)
        return booking

    def _tell(self, booking: Booking) -> None:
        notice = live.BookingNotice(booking_id=booking.id, lot=booking.lot, state=booking.state)
        self._notices.user(self._session, booking.user_id, live.BOOKING, notice)

    async def _to_schema(self, row: BookingRow) -> Booking:
        space = await self._spaces.get(row.space_id)
        window = window_of(row)
        return Booking(
            id=row.id,
            user_id=row.user_id,
            lot=row.lot,
            space_id=row.space_id,
            space=space.name,
            floor=space.floor,
            type=space.type,
            tag_id=row.tag_id,
            starts_at=window.starts_at,
            ends_at=window.ends_at,
            state=BookingState(row.state),
            held_until=row.held_until,
            price_cents=row.price_cents,
            currency=row.currency,
            lines=lines_from(row.lines),
            reasons=msgspec.convert(row.reasons, list[AllocationReason]),
            kept_cents=row.kept_cents,
            created_at=row.created_at,
            confirmed_at=row.confirmed_at,
            ended_at=row.ended_at,
        )


def window_of(row: BookingRow) -> Window:
    """The booked window."""
    assert row.during.lower is not None
    assert row.during.upper is not None
    return Window(row.during.lower, row.during.upper)


def _new_row(
    booking_id: UUID,
    user_id: UUID,
    lot: LotRow,
    candidate: Candidate,
    window: Window,
    tariff_id: UUID,
    price: Price,
) -> dict[str, Any]:
    return {
        "id": booking_id,
        "user_id": user_id,
        "lot": lot.id,
        "space_id": candidate.space.id,
        "during": Range(window.starts_at, window.ends_at, bounds="[)"),
        "state": BookingState.HELD,
        "tariff_id": tariff_id,
        "lines": stored_lines(price.lines),
        "price_cents": price.total_cents,
        "currency": price.currency,
        "reasons": msgspec.to_builtins(_reasons(candidate)),
    }


def _reasons(candidate: Candidate) -> list[AllocationReason]:
    return [AllocationReason(reason.code, reason.points) for reason in candidate.reasons]


def _advance(row: BookingRow, step: BookingStep) -> None:
    after = rules.next_state(BookingState(row.state), step)
    if after is None:
        raise BookingStateError(f"The booking is {row.state}; it cannot {step} now.")
    row.state = after


def _price(row: BookingRow) -> Money:
    return Money(row.price_cents, row.currency)


def _full(lot: LotRow) -> LotFullError:
    return LotFullError(f"No space of {lot.name} that would do is free in that window.")
