"""The final price of one stay, from what really happened."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from cloud.parking.bookings.rules import BookingState
from cloud.parking.bookings.service import BookingService, window_of
from cloud.parking.bookings.tables import BookingRow
from cloud.parking.lots.kinds import SpaceType
from cloud.parking.lots.service import LotService
from cloud.parking.spaces.service import SpaceService
from cloud.parking.stays.tables import StayRow
from cloud.parking.tariffs.rules import Price, Window, price_booked_stay, price_walk_up
from cloud.parking.tariffs.service import TariffService, lines_from, price_lines

LONGEST: Final = timedelta(days=1_000)


class TooLongError(Exception):
    """A stay cannot be priced because it cannot have been so; an operator has to look."""


class Basis(StrEnum):
    """Why a car may be inside; it decides how its stay is priced."""

    WALK_UP = "walk_up"
    BOOKING = "booking"
    PERMIT = "permit"


@dataclass(frozen=True, slots=True)
class FinalPrice:
    """A price, the tariff it was computed by, and how much of it a booking has paid."""

    tariff_id: UUID | None
    price: Price
    prepaid_cents: int


class StayPricing:
    """Prices stays, within one session."""

    def __init__(
        self,
        *,
        lots: LotService,
        spaces: SpaceService,
        tariffs: TariffService,
        bookings: BookingService,
    ) -> None:
        self._lots = lots
        self._spaces = spaces
        self._tariffs = tariffs
        self._bookings = bookings

    async def final(self, stay: StayRow) -> FinalPrice:
        """The price of a stay that has ended.

        Raises:
            NoTariffError: the lot has no tariff.
            TooLongError: it took longer than any car stands.
        """
        assert stay.exit_at is not None
        if stay.exit_at - stay.entry_at > LONGEST:
            raise TooLongError(f"A stay of more than {LONGEST.days} days is a clock gone wrong.")
        actual = Window(stay.entry_at, stay.exit_at)
        if stay.basis == Basis.PERMIT:
            return FinalPrice(None, Price(stay.currency, ()), 0)
        booking = await self._paid_booking(stay)
        if booking is not None:
            return await self._booked(booking, actual)
        tariff_id, tariff = await self._tariffs.at(stay.lot, stay.entry_at)
        # Nobody knows on which space a walk-up stands, so it costs what a standard space costs.
        return FinalPrice(tariff_id, price_walk_up(tariff, SpaceType.STANDARD, actual), 0)

    async def _paid_booking(self, stay: StayRow) -> BookingRow | None:
        """The booking, unless it was never paid or given back: then the stay is a walk-up's."""
        if stay.booking_id is None:
            return None
        booking = await self._bookings.row(stay.booking_id)
        if booking is None or booking.confirmed_at is None:
            return None
        return None if booking.state == BookingState.CANCELLED else booking

    async def _booked(self, booking: BookingRow, actual: Window) -> FinalPrice:
        lot = await self._lots.row(booking.lot)
        space = await self._spaces.get(booking.space_id)
        price = price_booked_stay(
            await self._tariffs.get(booking.tariff_id),
            space.type,
            booked=window_of(booking),
            quoted=price_lines(lines_from(booking.lines)),
            actual=actual,
            early_grace=timedelta(seconds=lot.early_grace_s),
            late_grace=timedelta(seconds=lot.late_grace_s),
        )
        return FinalPrice(booking.tariff_id, price, booking.price_cents)
