"""What a stay costs and what was paid for it, brought in line whenever the stay changes."""

from cloud.kit.database import AsyncSession
from cloud.kit.money import Money
from cloud.parking.payments.service import PaymentService
from cloud.parking.stays.exceptions import ExceptionKind, Oddity
from cloud.parking.stays.pricing import FinalPrice, StayPricing, TooLongError
from cloud.parking.stays.rules import StayState
from cloud.parking.stays.tables import StayRow
from cloud.parking.tariffs.errors import NoTariffError
from cloud.parking.tariffs.rules import Price
from cloud.parking.tariffs.service import stored_lines
from protocols.portable import codes


class Settlement:
    """Settles stays, within one session."""

    def __init__(
        self, session: AsyncSession, *, payments: PaymentService, pricing: StayPricing
    ) -> None:
        self._session = session
        self._payments = payments
        self._pricing = pricing

    async def settle(self, row: StayRow) -> list[Oddity]:
        """Bring what was paid in line with what the stay costs; returns what is odd about that."""
        oddities: list[Oddity] = []
        try:
            # The stay is written once, with its price.
            with self._session.no_autoflush:
                final = await self._final(row)
        except (NoTariffError, TooLongError) as error:
            oddities.append(stay_oddity(ExceptionKind.NOT_PRICED, row, str(error)))
            final = _nothing(row)
        row.tariff_id, row.lines = final.tariff_id, stored_lines(final.price.lines)
        row.fee_cents, row.prepaid_cents = final.price.total_cents, final.prepaid_cents
        due = row.fee_cents - row.prepaid_cents - row.paid_cents - row.owed_cents
        if due > 0:
            await self._charge(row, due)
        elif due < 0:
            await self._give_back(row, -due)
        await self._session.flush()
        if row.owed_cents:
            detail = f"{row.owed_cents} cents of {row.currency} of this stay are not paid."
            oddities.append(stay_oddity(ExceptionKind.STAY_OWES, row, detail))
        return oddities

    async def _final(self, row: StayRow) -> FinalPrice:
        return await self._pricing.final(row) if row.state == StayState.CLOSED else _nothing(row)

    async def _charge(self, row: StayRow, cents: int) -> None:
        row.settlements += 1
        settled = await self._payments.charge_stay(
            payer=row.user_id,
            amount=Money(cents, row.currency),
            lot=row.lot,
            stay=row.id,
            number=row.settlements,
            # Whatever was wrong with the card, its owner did not agree to pay with it.
            as_debt=row.exit_reason == codes.EXIT_DEBT,
        )
        row.paid_cents += settled.paid_minor
        row.owed_cents += settled.owed_minor

    async def _give_back(self, row: StayRow, cents: int) -> None:
        row.settlements += 1
        given = await self._payments.refund_stay(
            payer=row.user_id,
            amount=Money(cents, row.currency),
            owed_cents=row.owed_cents,
            lot=row.lot,
            stay=row.id,
            number=row.settlements,
        )
        row.owed_cents -= given.owed_minor
        row.paid_cents -= given.paid_minor


def stay_oddity(kind: ExceptionKind, row: StayRow, detail: str) -> Oddity:
    """Something to look at about a stay."""
    at = row.exit_at or row.entry_at
    return Oddity(kind=kind, subject=row.id, site=row.site, lot=row.lot, at=at, detail=detail)


def _nothing(row: StayRow) -> FinalPrice:
    return FinalPrice(None, Price(row.currency, ()), 0)
