"""Where market data comes from: the venue itself, a recording, a simulator.

A provider is an endless task that first calls `feed.begin`, then `feed.take` with the trading
events of each step and the time of it. That is all a feed knows of it.
"""

from typing import Protocol

from cloud.exchange.market_data.feed import Feed


class Provider(Protocol):
    """One source of market data."""

    async def run(self, feed: Feed) -> None:
        """Feed it until cancelled."""
        ...
