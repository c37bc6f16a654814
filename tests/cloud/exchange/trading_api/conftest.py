"""A venue behind a real web server, and two traders with Alpaca's client."""

from collections.abc import AsyncIterator

import pytest

from tests.support.trading_clients import ACME, BOLT, Trader, Venue, serving
from tests.support.venue_app import venue_app
from trading.commands import ListInstrument, SetLimits, SetPhase
from trading.instruments import CONTINUOUS
from trading.terms import Limits


@pytest.fixture
async def venue(kit) -> AsyncIterator[Venue]:
    """ACME at 100 dollars and BOLT at 50, both trading."""
    async with venue_app(kit) as app, serving(app) as url:
        for one in (ACME, BOLT):
            await app.submit(ListInstrument(0, 0, one))
        await app.submit(SetLimits(0, 0, 0, Limits(may_short=1)))
        await app.submit(SetPhase(0, 0, 0, CONTINUOUS))
        yield Venue(app, url)


@pytest.fixture
async def ada(venue: Venue) -> Trader:
    """Has 100,000 dollars."""
    return await venue.trader("ada@example.org")


@pytest.fixture
async def maker(venue: Venue) -> Trader:
    """Has money, and 10,000 units of each."""
    return await venue.trader("maker@example.org", cash=10**9, units={1: 10_000, 2: 10_000})
