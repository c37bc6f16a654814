"""The venue itself: every committed batch of the sequencer, from the moment this process leads."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from cloud.events.cancelled import end_if_cancelled
from cloud.exchange.market_data.feed import Feed
from cloud.exchange.sequencer import CommittedBatch, Sequencer
from cloud.kit.outages import is_passing
from trading.market_data import MarketData, Trade
from trading.order_events import OrderFilled

log = structlog.get_logger()

LOOK_EVERY_S: Final = 0.05
SEED_AGAIN_S: Final = 1.0

Seeding = Callable[[Feed], Awaitable[None]]


class VenueProvider:
    """Follows the sequencer of this process while it leads.

    seed: tells the feed the bars and trades of before, once; see `Feed.seed`.
    """

    def __init__(self, sequencer: Sequencer, seed: Seeding) -> None:
        self._sequencer = sequencer
        self._seed = seed
        self._next = 0
        self._has_missed = False

    async def run(self, feed: Feed) -> None:
        """Begin when this process begins to lead, end when it does not lead any more."""
        while True:
            end_if_cancelled()
            if self._sequencer.is_leading:
                await self._follow(feed)
            await asyncio.sleep(LOOK_EVERY_S)

    async def _follow(self, feed: Feed) -> None:
        end_hearing = self._sequencer.subscribe(lambda batch: self._hear(feed, batch))
        try:
            self._begin(feed)
            await self._seed_somehow(feed)
            while self._sequencer.is_leading and not self._has_missed:
                end_if_cancelled()
                await asyncio.sleep(LOOK_EVERY_S)
        finally:
            end_hearing()
            feed.end()

    async def _seed_somehow(self, feed: Feed) -> None:
        """A database that is away is waited for: only bars wait with it."""
        while self._sequencer.is_leading:
            end_if_cancelled()
            try:
                await self._seed(feed)
            except Exception as error:
                if not is_passing(error):
                    raise
                log.warning("market_bars_not_seeded", error=repr(error))
                await asyncio.sleep(SEED_AGAIN_S)
            else:
                return

    def _begin(self, feed: Feed) -> None:
        engine = self._sequencer.engine
        data = MarketData.of_markets(engine.venue.markets.values())
        self._next, self._has_missed = engine.sequence + 1, False
        feed.begin(data, engine.venue.at_ns, has_bars=False)

    def _hear(self, feed: Feed, batch: CommittedBatch) -> None:
        """Never raises; what the engine had applied when we began is in its state already."""
        if batch.first_sequence > self._next:
            # It would be our bug; a state begun anew is right whatever was missed.
            log.error("market_data_missed_a_batch", expected=self._next, got=batch.first_sequence)
            self._has_missed = True
        if self._has_missed:
            return
        for command, events in zip(batch.commands, batch.events, strict=True):
            if command.sequence >= self._next:
                self._next = command.sequence + 1
                feed.take(events, command.at_ns)
                continue
            for event in events:
                if isinstance(event, OrderFilled):
                    feed.note_trade(event.instrument_id, _trade(event, command.at_ns))


def _trade(event: OrderFilled, at_ns: int) -> Trade:
    return Trade(
        event.trade_id,
        at_ns,
        event.price_ticks,
        event.quantity_units,
        event.taker_side,
        event.is_auction,
    )
