"""Moves money through the ledger and keeps a row of each movement of parking."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlmodel import col

from cloud.kit.clock import Clock
from cloud.kit.database import AsyncSession
from cloud.kit.ids import Ids
from cloud.kit.money import Money
from cloud.kit.paging import Page, PageRequest
from cloud.ledger.rules import Account, AccountKind, Split
from cloud.ledger.service import LedgerService
from cloud.parking import live
from cloud.parking.payments.rules import PaymentKind, PaymentMethod
from cloud.parking.payments.schemas import Payment
from cloud.parking.payments.tables import PaymentRow


class PaymentService:
    """Payments, within one session."""

    def __init__(
        self,
        session: AsyncSession,
        ledger: LedgerService,
        *,
        clock: Clock,
        ids: Ids,
        notices: live.Live,
    ) -> None:
        self._session = session
        self._ledger = ledger
        self._clock = clock
        self._ids = ids
        self._notices = notices

    async def hold_for_booking(
        self, *, payer: UUID, amount: Money, lot: str, booking: UUID
    ) -> None:
        """Set the price of a booking aside.

        Raises:
            InsufficientFundsError: the wallet has not got it.
        """
        if amount.amount_minor == 0:
            return
        await self._ledger.hold(
            payer, amount, client_id=_hold(booking), reference=f"booking:{booking}"
        )
        self._record(
            PaymentKind.BOOKING_HELD, PaymentMethod.WALLET, amount, payer, lot, booking=booking
        )

    async def settle_booking(
        self, *, payer: UUID, held: Money, kept: Money, lot: str, booking: UUID
    ) -> None:
        """End a booking's hold; what is not kept goes back."""
        if held.amount_minor == 0:
            return
        await self._ledger.capture(_hold(booking), kept, lot=lot, kind="booking")
        back = held - kept
        if kept.amount_minor:
            self._record(
                PaymentKind.BOOKING_CHARGED, PaymentMethod.WALLET, kept, payer, lot, booking=booking
            )
        if back.amount_minor:
            self._record(
                PaymentKind.BOOKING_RELEASED,
                PaymentMethod.WALLET,
                -back,
                payer,
                lot,
                booking=booking,
            )

    async def charge_stay(
        self, *, payer: UUID | None, amount: Money, lot: str, stay: UUID, number: int, as_debt: bool
    ) -> Split:
        """Take money for a stay; `number` counts the settlements of that stay."""
        settled = await self._ledger.charge(
            payer,
            amount,
            lot=lot,
            client_id=f"stay:{stay}:{number}",
            kind="stay",
            reference=f"stay:{stay}",
            may_owe=True,
            use_wallet=not as_debt,
        )
        kind = PaymentKind.STAY_CHARGED
        for method, cents in (
            (PaymentMethod.WALLET, settled.paid_minor),
            (PaymentMethod.DEBT, settled.owed_minor),
        ):
            if cents:
                part = Money(cents, amount.currency)
                self._record(kind, method, part, payer, lot, stay=stay)
        return settled

    async def refund_stay(
        self,
        *,
        payer: UUID | None,
        amount: Money,
        owed_cents: int,
        lot: str,
        stay: UUID,
        number: int,
    ) -> Split:
        """Undo part of what a stay cost, because a late event told otherwise.

        owed_cents: how much of the stay became a debt; that is undone first, as far as the debt
            has not been repaid since. Returns how much went into the wallet and off the debt.
        """
        from_debt = min(amount.amount_minor, owed_cents, await self._debt_cents(payer, lot, amount))
        to_wallet = amount.amount_minor - from_debt
        await self._ledger.refund(
            payer,
            lot=lot,
            to_wallet=Money(to_wallet, amount.currency),
            from_debt=Money(from_debt, amount.currency),
            client_id=f"stay:{stay}:{number}",
            kind="stay_refund",
            reference=f"stay:{stay}",
        )
        kind = PaymentKind.STAY_REFUNDED
        for method, cents in ((PaymentMethod.WALLET, to_wallet), (PaymentMethod.DEBT, from_debt)):
            if cents:
                part = Money(-cents, amount.currency)
                self._record(kind, method, part, payer, lot, stay=stay)
        return Split(to_wallet, from_debt)

    async def _debt_cents(self, payer: UUID | None, lot: str, amount: Money) -> int:
        debtor = lot if payer is None else str(payer)
        balance = await self._ledger.balance(Account(AccountKind.DEBT, debtor, amount.currency))
        return -balance.amount_minor

    async def list_mine(self, user_id: UUID, page: PageRequest) -> Page[Payment]:
        """The user's payments, newest first."""
        query = (
            select(PaymentRow)
            .where(col(PaymentRow.user_id) == user_id)
            .order_by(col(PaymentRow.id).desc())
            .limit(page.fetch)
        )
        if (after := page.after(tuple[UUID])) is not None:
            query = query.where(col(PaymentRow.id) < after[0])
        rows = (await self._session.scalars(query)).all()
        return page.page(rows, to_payment, lambda row: (row.id,))

    async def of_booking(self, booking: UUID) -> Sequence[Payment]:
        """Every movement of a booking, in order."""
        return await self._of(col(PaymentRow.booking_id) == booking)

    async def of_stay(self, stay: UUID) -> Sequence[Payment]:
        """Every movement of a stay, in order."""
        return await self._of(col(PaymentRow.stay_id) == stay)

    async def _of(self, condition: ColumnElement[bool]) -> Sequence[Payment]:
        query = select(PaymentRow).where(condition).order_by(col(PaymentRow.id)).limit(200)
        return [to_payment(row) for row in await self._session.scalars(query)]

    def _record(
        self,
        kind: PaymentKind,
        method: PaymentMethod,
        amount: Money,
        payer: UUID | None,
        lot: str,
        *,
        booking: UUID | None = None,
        stay: UUID | None = None,
    ) -> None:
        row = PaymentRow(
            id=self._ids.new(),
            user_id=payer,
            lot=lot,
            booking_id=booking,
            stay_id=stay,
            kind=kind,
            method=method,
            amount_cents=amount.amount_minor,
            currency=amount.currency,
            at=self._clock.now(),
        )
        self._session.add(row)
        if payer is not None:
            notice = live.PaymentNotice(
                payment_id=row.id,
                kind=kind,
                method=method,
                amount_cents=row.amount_cents,
                currency=row.currency,
            )
            self._notices.user(self._session, payer, live.PAYMENT, notice)


def _hold(booking: UUID) -> str:
    """The name of a booking's hold in the ledger."""
    return f"booking:{booking}"


def to_payment(row: PaymentRow) -> Payment:
    """A payment as the API shows it."""
    return Payment(
        id=row.id,
        lot=row.lot,
        booking_id=row.booking_id,
        stay_id=row.stay_id,
        kind=PaymentKind(row.kind),
        method=PaymentMethod(row.method),
        amount_cents=row.amount_cents,
        currency=row.currency,
        at=row.at,
    )
