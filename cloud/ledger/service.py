"""Moving money: top up, charge, hold, settle, refund. Everything else is made of `post`.

Each call names a `client_id`; a repetition with the same one moves nothing and gives the same
answer. Everything happens in the caller's database transaction. Several calls about one owner in
one transaction cannot deadlock; a caller that moves money of several owners should do so in one
call, or in one order everywhere.
"""

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from cloud.kit.clock import Clock
from cloud.kit.database import AsyncSession
from cloud.kit.ids import Ids
from cloud.kit.money import Money
from cloud.ledger.errors import (
    AmountError,
    HoldMissingError,
    HoldSettledError,
    InsufficientFundsError,
)
from cloud.ledger.rules import (
    Account,
    AccountKind,
    Posting,
    Split,
    Transaction,
    split_charge,
    without_zeros,
)
from cloud.ledger.store import LedgerStore, Locked
from cloud.ledger.tables import AccountRow, BalanceRow, HoldRow


class LedgerService:
    """The ledger, within one session."""

    def __init__(self, session: AsyncSession, *, clock: Clock, ids: Ids) -> None:
        self._session = session
        self._clock = clock
        self._store = LedgerStore(session, clock=clock, ids=ids)

    async def post(self, transaction: Transaction) -> UUID:
        """Write a transaction; gives its id, the same for a repetition.

        Raises:
            ClientIdReusedError: its client id moved money before, in another way.
            InsufficientFundsError: an account would leave its limits (a wallet below zero).
            UnbalancedError: it is no transaction.
        """
        asked = sorted(
            (str(p.account.kind), p.account.owner, p.account.currency, p.amount_minor)
            for p in transaction.postings
        )
        return await self._store.move(
            transaction.client_id,
            asked,
            lambda _: transaction.postings,
            accounts=[posting.account for posting in transaction.postings],
            kind=transaction.kind,
            memo=transaction.memo,
            reference=transaction.reference,
        )

    async def balance(self, account: Account) -> Money:
        """What is in the account; zero if it was never used."""
        total = await self._session.scalar(
            select(func.coalesce(func.sum(col(BalanceRow.balance_minor)), 0))
            .join(AccountRow, col(AccountRow.id) == col(BalanceRow.account_id))
            .where(
                col(AccountRow.owner) == account.owner,
                col(AccountRow.kind) == str(account.kind),
                col(AccountRow.currency) == account.currency,
            )
        )
        return Money(int(total or 0), account.currency)

    async def top_up(
        self, user: UUID, amount: Money, *, client_id: str, source: str, memo: str = ""
    ) -> UUID:
        """Bring money in from outside; it pays the user's debts first, the rest is theirs.

        source: the payment provider, or `operator`.
        """
        wallet, debt = _of(AccountKind.WALLET, user, amount), _of(AccountKind.DEBT, user, amount)
        outside = Account(AccountKind.CASH_IN, source, amount.currency)

        def postings(locked: Locked) -> tuple[Posting, ...]:
            repaid = min(amount.amount_minor, -locked.balances[debt])
            return without_zeros(
                Posting(outside, -amount.amount_minor),
                Posting(debt, repaid),
                Posting(wallet, amount.amount_minor - repaid),
            )

        return await self._store.move(
            client_id,
            [str(user), source, _positive(amount), amount.currency],
            postings,
            accounts=[wallet, debt, outside],
            kind="top_up",
            memo=memo,
            reference=f"provider:{source}",
        )

    async def charge(
        self,
        payer: UUID | None,
        amount: Money,
        *,
        lot: str,
        client_id: str,
        kind: str = "charge",
        reference: str = "",
        may_owe: bool = False,
        use_wallet: bool = True,
    ) -> Split:
        """Take money for a lot from the payer's wallet.

        payer: None for somebody unknown: all of it is owed, in the lot's own debt account.
        may_owe: what the wallet has not got becomes a debt; without it, that is refused.
        use_wallet: False leaves the wallet alone; all of it is owed.

        Raises:
            InsufficientFundsError: too little in the wallet, and `may_owe` is off.
        """
        debtor = lot if payer is None else str(payer)
        debt = Account(AccountKind.DEBT, debtor, amount.currency)
        revenue = Account(AccountKind.REVENUE, lot, amount.currency)
        wallet = _of(AccountKind.WALLET, payer, amount) if payer and use_wallet else None

        def postings(locked: Locked) -> tuple[Posting, ...]:
            split = split_charge(amount, locked.balances[wallet] if wallet else 0)
            if split.owed_minor and not may_owe:
                raise InsufficientFundsError(
                    f"The wallet has {split.paid_minor} of the {amount.amount_minor} "
                    f"{amount.currency} (in minor units) that are needed."
                )
            taken = (Posting(wallet, -split.paid_minor),) if wallet else ()
            return without_zeros(
                *taken, Posting(debt, -split.owed_minor), Posting(revenue, _positive(amount))
            )

        transaction = await self._store.move(
            client_id,
            [debtor, lot, amount.amount_minor, amount.currency, may_owe, use_wallet],
            postings,
            accounts=[account for account in (wallet, debt, revenue) if account],
            kind=kind,
            reference=reference,
        )
        moved = await self._store.postings(transaction)
        return Split(-moved.get(AccountKind.WALLET, 0), -moved.get(AccountKind.DEBT, 0))

    async def refund(
        self,
        payee: UUID | None,
        *,
        lot: str,
        to_wallet: Money,
        from_debt: Money,
        client_id: str,
        kind: str = "refund",
        reference: str = "",
    ) -> UUID:
        """Give back part of a charge: less debt, and money into the wallet.

        Raises:
            AmountError: there is less debt than `from_debt`, or money for nobody's wallet.
        """
        total = to_wallet + from_debt
        debtor = lot if payee is None else str(payee)
        debt = Account(AccountKind.DEBT, debtor, total.currency)
        refunds = Account(AccountKind.REFUND, lot, total.currency)
        wallet = _of(AccountKind.WALLET, payee, total) if payee else None
        if wallet is None and to_wallet.amount_minor:
            raise AmountError("Nobody is known whose wallet the money could go into.")

        def postings(locked: Locked) -> tuple[Posting, ...]:
            if from_debt.amount_minor > -locked.balances[debt]:
                raise AmountError(f"{debtor} owes less than {from_debt.amount_minor} by now.")
            given = (Posting(wallet, to_wallet.amount_minor),) if wallet else ()
            return without_zeros(
                *given, Posting(debt, from_debt.amount_minor), Posting(refunds, -_positive(total))
            )

        return await self._store.move(
            client_id,
            [debtor, lot, to_wallet.amount_minor, from_debt.amount_minor, total.currency],
            postings,
            accounts=[account for account in (wallet, debt, refunds) if account],
            kind=kind,
            reference=reference,
        )

    async def hold(self, user: UUID, amount: Money, *, client_id: str, reference: str = "") -> None:
        """Set money of a wallet aside; `client_id` is from now on the hold's name.

        Raises:
            InsufficientFundsError: the wallet has not got that much.
            ClientIdReusedError: a hold of another amount or user has this name.
        """
        wallet, held = _of(AccountKind.WALLET, user, amount), _of(AccountKind.HOLD, user, amount)
        await self.post(
            Transaction(
                f"{client_id}:hold",
                "hold",
                (Posting(wallet, -_positive(amount)), Posting(held, amount.amount_minor)),
                reference=reference,
            )
        )
        await self._session.execute(
            insert(HoldRow)
            .values(
                client_id=client_id,
                owner=str(user),
                currency=amount.currency,
                amount_minor=amount.amount_minor,
                reference=reference,
                held_at=self._clock.now(),
            )
            .on_conflict_do_nothing()
        )

    async def capture(
        self, client_id: str, kept: Money, *, lot: str, kind: str = "capture"
    ) -> None:
        """End a hold: `kept` (zero or more) becomes the lot's revenue, the rest goes back.

        Raises:
            HoldMissingError: no hold has this name.
            HoldSettledError: it ended before, with another amount.
            AmountError: more than was held, or another currency.
        """
        hold = await self._hold(client_id)
        if not 0 <= kept.amount_minor <= hold.amount_minor or kept.currency != hold.currency:
            raise AmountError(
                f"The hold is of {hold.amount_minor} {hold.currency}; no more can be kept of it."
            )
        if hold.kept_minor is not None:
            if hold.kept_minor != kept.amount_minor:
                raise HoldSettledError(f"This hold ended before, with {hold.kept_minor} kept.")
            return
        hold.kept_minor, hold.settled_at = kept.amount_minor, self._clock.now()
        accounts = {
            k: Account(k, hold.owner, hold.currency) for k in (AccountKind.HOLD, AccountKind.WALLET)
        }
        revenue = Account(AccountKind.REVENUE, lot, hold.currency)
        await self.post(
            Transaction(
                f"{client_id}:settle",
                kind if kept.amount_minor else "release",
                without_zeros(
                    Posting(accounts[AccountKind.HOLD], -hold.amount_minor),
                    Posting(revenue, kept.amount_minor),
                    Posting(accounts[AccountKind.WALLET], hold.amount_minor - kept.amount_minor),
                ),
                reference=hold.reference,
            )
        )

    async def release(self, client_id: str) -> None:
        """End a hold; all of it goes back. Raises what `capture` raises."""
        hold = await self._hold(client_id)
        await self.capture(client_id, Money(0, hold.currency), lot="nobody")

    async def _hold(self, client_id: str) -> HoldRow:
        query = select(HoldRow).where(col(HoldRow.client_id) == client_id).with_for_update()
        hold = await self._session.scalar(query.execution_options(populate_existing=True))
        if hold is None:
            raise HoldMissingError(f"There is no hold {client_id}.")
        return hold


def _of(kind: AccountKind, user: UUID, amount: Money) -> Account:
    return Account(kind, str(user), amount.currency)


def _positive(amount: Money) -> int:
    if amount.amount_minor <= 0:
        raise AmountError(f"The amount must be above zero, not {amount.amount_minor}.")
    return amount.amount_minor
