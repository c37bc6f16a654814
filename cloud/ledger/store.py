"""How transactions are written: accounts made, balances locked in one order, postings added."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import select, text, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from cloud.kit.clock import Clock
from cloud.kit.database import AsyncSession
from cloud.kit.ids import Ids
from cloud.ledger.errors import AmountError, ClientIdReusedError, InsufficientFundsError
from cloud.ledger.rules import LIMITS, Account, AccountKind, Posting, check
from cloud.ledger.tables import AccountRow, BalanceRow, PostingRow, TransactionRow

_MAKE_BALANCES: Final = text(
    """
    INSERT INTO ledger_balances (account_id, part, floor_minor, ceiling_minor)
    SELECT :account_id, part, :floor_minor, :ceiling_minor
    FROM generate_series(0, :parts - 1) AS part
    """
)
_LOCK_OWNERS: Final = text(
    """
    SELECT pg_advisory_xact_lock(hashtextextended('curb.ledger:' || owner, 0))
    FROM unnest(CAST(:owners AS text[])) AS owner
    """
)
_SPREAD: Final = "curb_ledger_spread"


@dataclass(frozen=True)
class Opened:
    """A transaction that may be written to, or the one its client id stands for already."""

    id: UUID
    is_new: bool


@dataclass(frozen=True)
class Locked:
    """Accounts nobody else changes until this transaction ends.

    balances: of accounts kept in one part; others have none to decide by.
    """

    parts: Mapping[Account, tuple[UUID, int]]
    balances: Mapping[Account, int]


class LedgerStore:
    """The rows of the ledger, within one session."""

    def __init__(self, session: AsyncSession, *, clock: Clock, ids: Ids) -> None:
        self._session = session
        self._clock = clock
        self._ids = ids

    async def open(
        self, client_id: str, asked: object, *, kind: str, memo: str, reference: str
    ) -> Opened:
        """Claim a client id; a second caller with it waits here until the first has ended.

        asked: everything that was asked for; a repetition must ask for the same.

        Raises:
            ClientIdReusedError: it did not.
        """
        fingerprint = hashlib.sha256(msgspec.json.encode([kind, reference, asked])).digest()
        claim = (
            insert(TransactionRow)
            .values(
                id=self._ids.new(),
                client_id=client_id,
                fingerprint=fingerprint,
                kind=kind,
                memo=memo,
                reference=reference,
                at=self._clock.now(),
            )
            .on_conflict_do_nothing(index_elements=["client_id"])
            .returning(col(TransactionRow.id))
        )
        made = await self._session.scalar(claim)
        if made is not None:
            return Opened(made, is_new=True)
        query = select(TransactionRow).where(col(TransactionRow.client_id) == client_id)
        found = (await self._session.scalars(query)).one()
        if found.fingerprint != fingerprint:
            raise ClientIdReusedError(
                f"The id {client_id} moved money before, for something else; use a new one."
            )
        return Opened(found.id, is_new=False)

    async def lock(self, accounts: Iterable[Account], spread: UUID) -> Locked:
        """Lock the accounts' balances, always in the same order, so that no two callers deadlock.

        Those that many share come last: whoever holds one waits for nobody's own account.
        spread: chooses the part of accounts that are kept in several.
        """
        ids = await self._account_ids(sorted(set(accounts)))
        parts = {
            account: (id_, spread.int % LIMITS[account.kind].parts) for account, id_ in ids.items()
        }
        shared = [id_ for account, id_ in ids.items() if LIMITS[account.kind].parts > 1]
        key = tuple_(col(BalanceRow.account_id), col(BalanceRow.part))
        locked = await self._session.execute(
            select(col(BalanceRow.account_id), col(BalanceRow.balance_minor))
            .where(key.in_(list(parts.values())))
            .order_by(col(BalanceRow.account_id).in_(shared), col(BalanceRow.account_id))
            .with_for_update()
        )
        by_id = {row.account_id: row.balance_minor for row in locked}
        balances = {
            account: by_id[id_] for account, id_ in ids.items() if LIMITS[account.kind].parts == 1
        }
        return Locked(parts, balances)

    async def write(self, opened: Opened, locked: Locked, postings: Sequence[Posting]) -> None:
        """Add the postings of a transaction; balances follow by the database's trigger."""
        check(postings)
        for posting in postings:
            account_id, part = locked.parts[posting.account]
            self._session.add(
                PostingRow(
                    transaction_id=opened.id,
                    account_id=account_id,
                    part=part,
                    currency=posting.account.currency,
                    amount_minor=posting.amount_minor,
                )
            )
        await self._session.flush()

    async def move(
        self,
        client_id: str,
        asked: Sequence[object],
        postings: Callable[[Locked], Sequence[Posting]],
        *,
        accounts: Iterable[Account],
        kind: str,
        memo: str = "",
        reference: str = "",
    ) -> UUID:
        """One transaction from end to end; a repetition gives the id of the first.

        postings: decides, once the accounts are locked; at most about these accounts.

        Raises:
            ClientIdReusedError: see `open`.
            InsufficientFundsError: a wallet or hold would go below zero.
        """
        opened = await self.open(client_id, asked, kind=kind, memo=memo, reference=reference)
        if opened.is_new:
            wanted = sorted(set(accounts))
            await self._lock_owners(wanted)
            # One part of a shared account for the whole of a database transaction.
            locked = await self.lock(wanted, self._session.info.setdefault(_SPREAD, opened.id))
            moving = postings(locked)
            refuse_overdraft(moving, locked)
            await self.write(opened, locked, moving)
        return opened.id

    async def postings(self, transaction_id: UUID) -> dict[AccountKind, int]:
        """What a written transaction moved, by kind of account."""
        rows = await self._session.execute(
            select(col(AccountRow.kind), col(PostingRow.amount_minor))
            .join(AccountRow, col(AccountRow.id) == col(PostingRow.account_id))
            .where(col(PostingRow.transaction_id) == transaction_id)
        )
        return {AccountKind(kind): amount_minor for kind, amount_minor in rows}

    async def _lock_owners(self, accounts: Iterable[Account]) -> None:
        """Wait for whoever moves money of these owners, until this transaction ends.

        A transaction that calls twice touches more of an owner's accounts each time, some of them
        new, in an order of its own. Behind the owner's one lock, that order does not matter.
        """
        owners = {account.owner for account in accounts if LIMITS[account.kind].parts == 1}
        if owners:
            await self._session.execute(_LOCK_OWNERS, {"owners": sorted(owners)})

    async def _account_ids(self, accounts: Sequence[Account]) -> dict[Account, UUID]:
        found = await self._find(accounts)
        for account in accounts:
            if account not in found:
                await self._make(account)
        return found if len(found) == len(accounts) else await self._find(accounts)

    async def _find(self, accounts: Sequence[Account]) -> dict[Account, UUID]:
        key = tuple_(col(AccountRow.kind), col(AccountRow.owner), col(AccountRow.currency))
        wanted = [(str(a.kind), a.owner, a.currency) for a in accounts]
        rows = await self._session.scalars(select(AccountRow).where(key.in_(wanted)))
        return {Account(AccountKind(row.kind), row.owner, row.currency): row.id for row in rows}

    async def _make(self, account: Account) -> None:
        """Make it with its balance, unless somebody else just did; then wait for them."""
        made = await self._session.scalar(
            insert(AccountRow)
            .values(
                id=self._ids.new(),
                kind=str(account.kind),
                owner=account.owner,
                currency=account.currency,
            )
            .on_conflict_do_nothing(index_elements=["owner", "kind", "currency"])
            .returning(col(AccountRow.id))
        )
        if made is not None:
            limits = LIMITS[account.kind]
            await self._session.execute(
                _MAKE_BALANCES,
                {
                    "account_id": made,
                    "floor_minor": limits.floor_minor,
                    "ceiling_minor": limits.ceiling_minor,
                    "parts": limits.parts,
                },
            )


def refuse_overdraft(postings: Sequence[Posting], locked: Locked) -> None:
    """Refuse in words what the database would refuse with a constraint.

    Raises:
        InsufficientFundsError: an account would go below its floor.
        AmountError: an account would go above its ceiling: more repaid than owed.
    """
    for posting in postings:
        limits = LIMITS[posting.account.kind]
        after_minor = locked.balances.get(posting.account, 0) + posting.amount_minor
        if limits.floor_minor is not None and after_minor < limits.floor_minor:
            raise InsufficientFundsError(
                f"The {posting.account.kind} has {after_minor - posting.amount_minor} "
                f"{posting.account.currency} in minor units; {-posting.amount_minor} are needed."
            )
        if limits.ceiling_minor is not None and after_minor > limits.ceiling_minor:
            raise AmountError(f"The {posting.account.kind} would exceed {limits.ceiling_minor}.")
