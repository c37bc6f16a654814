"""The venue itself: every committed batch of the sequencer, from the moment this process leads."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from cloud.events.cancelled import end_if_cancelled
from cloud.exchange.market_data.feed import Feed
from cloud.exchange.restarting import Guard, follow_batches
from cloud.exchange.sequencer import CommittedBatch, Sequencer
from cloud.kit.outages import is_passing
from trading.engine import Engine
from trading.market_data import MarketData

log = structlog.get_logger()

SEED_AGAIN_S: Final = 1.0
_BARS: Final = Guard("market-data-bars")

Seeding = Callable[[Feed], Awaitable[None]]


class VenueProvider:
    """Follows the sequencer of this process whenever it leads.

    seed: tells the feed the bars and trades of before, after each beginning; see `Feed.seed`.
    """

    def __init__(self, sequencer: Sequencer, feed: Feed, seed: Seeding) -> None:
        self._feed = feed
        self._seed = seed
        self._sequencer = sequencer
        self._heard_ns = 0
        self._has_begun = asyncio.Event()
        feed.settled_ns = self._settled_ns
        feed.guard = follow_batches(
            sequencer, "market-data", self._hear, copy=_copy, begin=self._begin, close=feed.close
        )

    async def run(self) -> None:
        """Bring in the bars of before, after each beginning; what is live needs no task."""
        while True:
            end_if_cancelled()
            await self._has_begun.wait()
            self._has_begun.clear()
            await self._seed_somehow()

    def _begin(self, copied: tuple[MarketData, int]) -> None:
        data, at_ns = copied
        self._heard_ns = at_ns
        self._feed.begin(data, at_ns, has_bars=False)
        self._has_begun.set()

    def _hear(self, batch: CommittedBatch) -> None:
        for command, events in zip(batch.commands, batch.events, strict=True):
            self._feed.take(events, command.at_ns)
        self._heard_ns = batch.at_ns

    def _settled_ns(self, now_ns: int) -> int:
        """What is matched and not committed has times of before now, but none of before the last.

        A bar that ended without one of its trades would be told twice, and stored with the rest.
        """
        is_quiet = self._sequencer.engine.sequence == self._sequencer.committed_sequence
        return now_ns if is_quiet else min(now_ns, self._heard_ns)

    async def _seed_somehow(self) -> None:
        """A database that is away is waited for, and so is a mistake: only bars wait with it."""
        while not self._has_begun.is_set():
            end_if_cancelled()
            with _BARS.over():
                try:
                    await self._seed(self._feed)
                except Exception as error:
                    if not is_passing(error):
                        raise
                    log.warning("market_bars_not_seeded", error=repr(error))
                else:
                    return
            await asyncio.sleep(SEED_AGAIN_S)


def _copy(engine: Engine) -> tuple[MarketData, int]:
    """The public state of all books, and when that was."""
    return MarketData.of_markets(engine.venue.markets.values()), engine.venue.at_ns
