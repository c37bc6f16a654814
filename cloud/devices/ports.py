"""What this feature asks of those above it, who hand it in at the composition root."""

from collections.abc import Sequence
from typing import Protocol

from cloud.kit.database import AsyncSession
from protocols.site import LotPolicy


class LotPolicies(Protocol):
    """Who knows the car parks: cloud/parking."""

    async def policies(self, session: AsyncSession, lots: Sequence[str]) -> list[LotPolicy]:
        """The policy of each lot of these that exists, as its lanes need it; in any order."""
        ...


class NoLots:
    """For a process without car parks: no lane is told anything about its lot."""

    async def policies(self, session: AsyncSession, lots: Sequence[str]) -> list[LotPolicy]:
        """Nothing."""
        return []
