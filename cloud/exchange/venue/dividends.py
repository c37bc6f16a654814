"""The dividends that were paid, for whoever shows prices with them taken out."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

import asyncpg

_PAID: Final = """
SELECT effective_on, sequence, details ->> 'amount' AS amount FROM venue_acts
WHERE kind = 'dividend' AND instrument_id = $1 AND effective_on IS NOT NULL AND state = 'done'
ORDER BY effective_on
"""


@dataclass(frozen=True, slots=True)
class PaidDividend:
    """Cash for one unit, in whole currency.

    effective_on: the first day on which whoever bought did not get it. sequence: the command's.
    """

    effective_on: date
    sequence: int
    amount: Decimal


async def paid_dividends(
    pool: "asyncpg.Pool[asyncpg.Record]", instrument_id: int
) -> list[PaidDividend]:
    """All that were ever paid on the instrument, oldest first."""
    rows = await pool.fetch(_PAID, instrument_id)
    return [
        PaidDividend(row["effective_on"], row["sequence"], Decimal(row["amount"])) for row in rows
    ]
