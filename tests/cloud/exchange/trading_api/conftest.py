"""The venue, where portfolios may sell short."""

import pytest

from tests.support.trading_clients import Venue
from trading.commands import SetLimits
from trading.terms import Limits


@pytest.fixture
async def venue(venue: Venue) -> Venue:
    """The same, after a change of its limits."""
    await venue.app.submit(SetLimits(0, 0, 0, Limits(may_short=1)))
    return venue
