"""Where market data comes from: the venue itself, a recording, a simulator.

A provider belongs to one feed: it calls `feed.begin` first, then `feed.take` with the trading
events of each step and the time of it. That is all a feed knows of it.
"""

from typing import Protocol


class Provider(Protocol):
    """One source of market data."""

    async def run(self) -> None:
        """Feed it until cancelled."""
        ...
