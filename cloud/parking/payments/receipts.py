"""Receipts, made from what is stored: asked for twice, they say the same."""

from uuid import UUID

from cloud.parking.bookings.service import BookingService
from cloud.parking.lots.service import LotService
from cloud.parking.payments.schemas import Receipt
from cloud.parking.payments.service import PaymentService
from cloud.parking.stays.service import StayService


class ReceiptService:
    """Receipts, within one session."""

    def __init__(
        self,
        *,
        lots: LotService,
        bookings: BookingService,
        stays: StayService,
        payments: PaymentService,
    ) -> None:
        self._lots = lots
        self._bookings = bookings
        self._stays = stays
        self._payments = payments

    async def of_stay(self, stay_id: UUID, user_id: UUID | None) -> Receipt:
        """The receipt of a stay; with a user, only if it is theirs.

        Raises:
            StayMissingError: there is none.
        """
        stay = await self._stays.get(stay_id, user_id)
        lot = await self._lots.get(stay.lot)
        return Receipt(
            number=f"S-{stay.id}",
            lot=lot.id,
            lot_name=lot.name,
            address=lot.address,
            starts_at=stay.entry_at,
            ends_at=stay.exit_at,
            lines=stay.lines,
            total_cents=stay.fee_cents,
            paid_cents=stay.prepaid_cents + stay.paid_cents,
            owed_cents=stay.owed_cents,
            currency=stay.currency,
            payments=list(await self._payments.of_stay(stay.id)),
        )

    async def of_booking(self, booking_id: UUID, user_id: UUID | None) -> Receipt:
        """The receipt of a booking; with a user, only if it is theirs.

        Raises:
            BookingMissingError: there is none.
        """
        booking = await self._bookings.get(booking_id, user_id)
        lot = await self._lots.get(booking.lot)
        return Receipt(
            number=f"B-{booking.id}",
            lot=lot.id,
            lot_name=lot.name,
            address=lot.address,
            starts_at=booking.starts_at,
            ends_at=booking.ends_at,
            lines=booking.lines,
            total_cents=booking.price_cents,
            paid_cents=booking.kept_cents or 0,
            owed_cents=0,
            currency=booking.currency,
            payments=list(await self._payments.of_booking(booking.id)),
        )
