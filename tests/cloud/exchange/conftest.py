"""A venue behind a real web server and two traders, for whatever speaks to it over the network."""

from collections.abc import AsyncIterator

import pytest

from cloud.kit.feature import Kit
from tests.support.trading_clients import Trader, Venue, trading_venue_of


@pytest.fixture
def venue_tasks() -> tuple[str, ...]:
    """What runs beside the venue's leader; a folder that tests a task names it."""
    return ()


@pytest.fixture
async def venue(kit: Kit, venue_tasks: tuple[str, ...]) -> AsyncIterator[Venue]:
    """ACME at 100 dollars and BOLT at 50, both trading."""
    async with trading_venue_of(kit, *venue_tasks) as made:
        yield made


@pytest.fixture
async def ada(venue: Venue) -> Trader:
    """Has 100,000 dollars."""
    return await venue.trader("ada@example.org")


@pytest.fixture
async def maker(venue: Venue) -> Trader:
    """Has money, and 10,000 units of each."""
    return await venue.trader("maker@example.org", cash=10**9, units={1: 10_000, 2: 10_000})
