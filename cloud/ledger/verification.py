"""Does the ledger add up? Asked of the rows themselves, not of what keeps them right."""

import msgspec
from sqlalchemy import text

from cloud.kit.database import AsyncSession

_UNBALANCED = text(
    """
    SELECT transaction_id::text AS id FROM ledger_postings
    GROUP BY transaction_id, currency HAVING sum(amount_minor) <> 0
    UNION
    SELECT t.id::text FROM ledger_transactions t
    WHERE NOT EXISTS (SELECT FROM ledger_postings p WHERE p.transaction_id = t.id)
    LIMIT 10
    """
)
_DRIFTED = text(
    """
    SELECT DISTINCT b.account_id::text AS id FROM ledger_balances b
    LEFT JOIN (
        SELECT account_id, part, sum(amount_minor) AS total FROM ledger_postings
        GROUP BY account_id, part
    ) AS p ON p.account_id = b.account_id AND p.part = b.part
    WHERE b.balance_minor <> coalesce(p.total, 0) LIMIT 10
    """
)
_COUNT = text("SELECT count(*) FROM ledger_transactions")


class LedgerVerification(msgspec.Struct, frozen=True):
    """What was found; the first ten of each, by id.

    unbalanced: transactions that do not sum to zero or are empty.
    drifted: accounts whose balance is not the sum of their postings.
    """

    is_balanced: bool
    transactions: int
    unbalanced: list[str]
    drifted: list[str]


async def verify(session: AsyncSession) -> LedgerVerification:
    """Add everything up."""
    unbalanced = [row.id for row in await session.execute(_UNBALANCED)]
    drifted = [row.id for row in await session.execute(_DRIFTED)]
    count = await session.scalar(_COUNT)
    return LedgerVerification(not unbalanced and not drifted, int(count or 0), unbalanced, drifted)
