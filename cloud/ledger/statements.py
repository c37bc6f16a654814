"""What users see of their money: balances and a statement."""

from uuid import UUID

from sqlalchemy import select, text
from sqlmodel import col

from cloud.kit.database import AsyncSession
from cloud.kit.paging import Page, PageRequest
from cloud.ledger.schemas import StatementLine, Wallet
from cloud.ledger.tables import AccountRow, BalanceRow

_STATEMENT = text(
    """
    SELECT t.id, t.at, t.kind, t.memo, t.reference, a.currency, min(p.id) AS position,
           coalesce(sum(p.amount_minor) FILTER (WHERE a.kind = 'wallet'), 0)::bigint AS available,
           coalesce(sum(p.amount_minor) FILTER (WHERE a.kind = 'hold'), 0)::bigint AS held,
           coalesce(-sum(p.amount_minor) FILTER (WHERE a.kind = 'debt'), 0)::bigint AS owed,
           max(p.balance_after_minor) FILTER (WHERE a.kind = 'wallet') AS available_after
    FROM ledger_accounts a
    JOIN ledger_postings p ON p.account_id = a.id
    JOIN ledger_transactions t ON t.id = p.transaction_id
    WHERE a.owner = :owner AND a.kind IN ('wallet', 'hold', 'debt')
    GROUP BY t.id, a.currency
    HAVING CAST(:before AS bigint) IS NULL OR min(p.id) < :before
    ORDER BY position DESC LIMIT :limit
    """
)


class Statements:
    """Reading the ledger, within one session."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def wallets(self, user: UUID) -> list[Wallet]:
        """The user's money, one entry for each currency they ever had."""
        rows = await self._session.execute(
            select(col(AccountRow.currency), col(AccountRow.kind), col(BalanceRow.balance_minor))
            .join(BalanceRow, col(AccountRow.id) == col(BalanceRow.account_id))
            .where(col(AccountRow.owner) == str(user))
            .order_by(col(AccountRow.currency))
        )
        found: dict[str, dict[str, int]] = {}
        for currency, kind, balance_minor in rows:
            found.setdefault(currency, {})[kind] = balance_minor
        return [
            Wallet(
                currency=currency,
                available_minor=kinds.get("wallet", 0),
                held_minor=kinds.get("hold", 0),
                owed_minor=-kinds.get("debt", 0),
            )
            for currency, kinds in found.items()
        ]

    async def statement(self, user: UUID, page: PageRequest) -> Page[StatementLine]:
        """Every transaction that touched the user's money, newest first."""
        before = page.after(tuple[int])
        parameters = {
            "owner": str(user),
            "before": None if before is None else before[0],
            "limit": page.fetch,
        }
        rows = (await self._session.execute(_STATEMENT, parameters)).all()
        return page.page(
            rows,
            lambda row: StatementLine(
                id=row.id,
                at=row.at,
                kind=row.kind,
                memo=row.memo,
                reference=row.reference,
                currency=row.currency,
                available_minor=row.available,
                held_minor=row.held,
                owed_minor=row.owed,
                available_after_minor=row.available_after,
            ),
            lambda row: (row.position,),
        )

    async def wallet(self, user: UUID, currency: str) -> Wallet:
        """The user's money in that currency; empty if they never had any."""
        for wallet in await self.wallets(user):
            if wallet.currency == currency:
                return wallet
        return Wallet(currency=currency, available_minor=0, held_minor=0, owed_minor=0)
