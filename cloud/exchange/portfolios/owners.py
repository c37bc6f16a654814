"""Whose portfolio is whose: asked by API keys and by every route that names one."""

from uuid import UUID

import asyncpg
import msgspec
from sqlalchemy import select
from sqlmodel import col

from cloud.accounts.user import Role, User
from cloud.exchange.portfolios.errors import PortfolioMissingError
from cloud.exchange.public_ids import portfolio_id_of, portfolio_uuid
from cloud.exchange.tables import PortfolioRow, TradingAccountRow
from cloud.kit.database import AsyncSession

READERS = (Role.ADMIN, Role.AUDITOR)
"""They may look at every portfolio, and touch none."""

_OWNER = """
SELECT p.id, p.account_id, p.name, p.currency, p.created_at, p.closed_at, a.user_id
FROM portfolios p JOIN trading_accounts a ON a.id = p.account_id WHERE p.id = $1
"""


class Owned(msgspec.Struct, frozen=True):
    """A portfolio's row and its owner."""

    id: int
    account_id: int
    user_id: UUID
    name: str
    currency: str


class Owners:
    """See the module; also what `cloud.accounts.api_keys` asks."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self._pool = pool

    async def number_of(self, session: AsyncSession, user_id: UUID, public: UUID) -> int | None:
        """The number of this user's portfolio; None if it is not theirs, or closed."""
        number = portfolio_id_of(public)
        query = (
            select(col(PortfolioRow.id))
            .join(TradingAccountRow, col(TradingAccountRow.id) == col(PortfolioRow.account_id))
            .where(
                col(PortfolioRow.id) == number,
                col(TradingAccountRow.user_id) == user_id,
                col(PortfolioRow.closed_at).is_(None),
            )
        )
        found: int | None = None if number is None else await session.scalar(query)
        return found

    def public_of(self, portfolio_id: int) -> UUID:
        """The id that users see."""
        return portfolio_uuid(portfolio_id)

    async def find(self, user: User, public: UUID, *, is_reading: bool = True) -> Owned:
        """The portfolio, if this user may see it (or, unless only reading, owns it).

        Raises:
            PortfolioMissingError: there is none, or it is somebody else's.
        """
        number = portfolio_id_of(public)
        row = None if number is None else await self._pool.fetchrow(_OWNER, number)
        may_read = is_reading and user.has(*READERS)
        if row is None or not (may_read or row["user_id"] == user.id):
            raise PortfolioMissingError("You have no portfolio of this id.")
        return Owned(row["id"], row["account_id"], row["user_id"], row["name"], row["currency"])
