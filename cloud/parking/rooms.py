"""The live rooms of parking: `lot:{id}` for whoever is signed in, `user:me` for the driver."""

from collections.abc import Callable
from typing import Final
from uuid import UUID

import msgspec

from cloud.accounts.user import User
from cloud.kit.database import AsyncSession, Database
from cloud.ledger.schemas import Wallet
from cloud.ledger.statements import Statements
from cloud.parking.lots.occupancy import OccupancyService
from cloud.parking.lots.schemas import LotOccupancy

LOT: Final = "lot"
USER: Final = "user"


class LotRoom:
    """How full a lot is, and what happens at its lanes; nothing in it says whose car it is."""

    name = LOT
    is_personal = False

    def __init__(
        self, database: Database, occupancy: Callable[[AsyncSession], OccupancyService]
    ) -> None:
        self._database = database
        self._occupancy = occupancy

    async def may_join(self, user: User, key: str) -> bool:
        """Anybody signed in may hear of a lot that exists."""
        found = await self._database.pool.fetchval("SELECT 1 FROM parking_lots WHERE id = $1", key)
        return found is not None

    async def snapshot(self, key: str) -> LotOccupancy:
        """How full the lot is now."""
        async with self._database.session() as session:
            return await self._occupancy(session).read(key)


class OwnSnapshot(msgspec.Struct, frozen=True):
    """What a user's own room begins with."""

    wallets: list[Wallet]


class UserRoom:
    """A driver's own bookings, stays and payments as they change."""

    name = USER
    is_personal = True

    def __init__(self, database: Database) -> None:
        self._database = database

    async def may_join(self, user: User, key: str) -> bool:
        """Only the user themselves."""
        return str(user.id) == key

    async def snapshot(self, key: str) -> OwnSnapshot:
        """The user's money; bookings and stays are lists of their own."""
        async with self._database.session() as session:
            return OwnSnapshot(await Statements(session).wallets(UUID(key)))
