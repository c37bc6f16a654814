"""Joins the readers of `/stream` to the committed batches.

A portfolio is followed from its first reader until some time after its last one. Following begins
with the live orders as the database has them after a certain command; what was committed since then
is applied from memory, so nothing is missed and nothing comes twice.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import asyncpg

from cloud.exchange.orders.views import SELECT, view_of
from cloud.exchange.orders.words import LIVE_STATES
from cloud.exchange.portfolios.live import LivePortfolios
from cloud.exchange.portfolios.valuation import valuation
from cloud.exchange.sequencer import ExchangeUnavailable, Sequencer
from cloud.exchange.updates.bodies import TradeSnapshot, open_orders, trade_update
from cloud.exchange.updates.connection import Joined
from cloud.exchange.updates.feed import Feed, Reader
from cloud.exchange.updates.fold import Fold
from cloud.exchange.updates.messages import Ended, Place, Start, Started, Stream, encode, frame
from cloud.exchange.updates.worth import WorthTeller
from cloud.exchange.wishes import CommittedBatch
from cloud.kit.outages import ASYNCPG_ERRORS

KEPT_AFTER_LAST_S: Final = 600.0
"""A portfolio nobody listens to is followed on for so long: who comes back in time may resume."""
FOLLOWED_MAX: Final = 5_000

_LIVE: Final = f"{SELECT} WHERE portfolio_id = $1 AND state = ANY($2) AND ended_at IS NULL"
_UNITS: Final = "SELECT instrument_id, units FROM positions WHERE portfolio_id = $1"
_STORED: Final = "SELECT coalesce(max(last_sequence), 0) FROM exchange_journal"


class TradeUpdates:
    """One object a process. epochs: makes names nobody has used. now_s: the loop's time."""

    def __init__(
        self,
        sequencer: Sequencer,
        live: LivePortfolios,
        pool: "asyncpg.Pool[asyncpg.Record]",
        *,
        epochs: Callable[[], str],
        now_s: Callable[[], float],
    ) -> None:
        self._sequencer = sequencer
        self._live = live
        self._pool = pool
        self._epochs = epochs
        self._now_s = now_s
        self._fold = Fold(self._extreme_of)
        self._feeds: dict[int, dict[Stream, Feed]] = {}
        self._left_s: dict[int, float] = {}
        self._coming: dict[int, asyncio.Task[None]] = {}
        self._held: dict[int, list[CommittedBatch]] = {}
        self._heard = 0
        self._next: asyncio.Event = asyncio.Event()
        self._worth = WorthTeller(live, self._tell_worth, lambda: self._listener)
        self.on_close: Callable[[], None] = lambda: None
        """Whoever keeps readers ends them: what comes does not follow what was told."""
        self._listener = live.follow(
            "trade-updates", self._hear, begin=self._begin, close=self._close
        )

    @property
    def is_open(self) -> bool:
        """Whether this process runs the exchange now."""
        return self._sequencer.is_leading

    def _begin(self) -> None:
        """The picture begins: what was followed before is not continued."""
        self._heard = self._live.sequence

    def _close(self) -> None:
        for portfolio_id in tuple(self._feeds):
            self._forget(portfolio_id)
        # Batches may be missing from what is held for those who were on their way.
        for task in self._coming.values():
            task.cancel()
        self.on_close()

    def _hear(self, batch: CommittedBatch, touched: set[int], marked: set[int]) -> None:
        self._worth.hear(batch, touched, marked)
        self._heard = batch.last_sequence
        for held in self._held.values():
            held.append(batch)
        self._next.set()
        if not self._fold.is_idle:
            self._tell(batch)

    def _tell(self, batch: CommittedBatch) -> None:
        markets = self._live.markets
        for update in self._fold.apply(batch):
            order = update.order
            body = trade_update(update, markets[order.instrument_id].instrument)
            self._feeds[order.portfolio_id][Stream.TRADE_UPDATES].tell(encode(body))

    async def follow(self, portfolio_id: int) -> None:
        """Have this portfolio followed; several readers that come at once wait for one reading.

        Raises:
            ExchangeUnavailable: this process does not lead, the venue does not know the
                portfolio, too many are followed, or the database does not answer.
        """
        if not self._sequencer.is_leading or not self._listener.is_open:
            raise ExchangeUnavailable
        if portfolio_id not in self._live.portfolios:
            raise ExchangeUnavailable
        if portfolio_id in self._feeds:
            return
        if len(self._feeds) >= FOLLOWED_MAX:
            raise ExchangeUnavailable("This server follows too many portfolios; try again later.")
        task = self._coming.get(portfolio_id)
        if task is None:
            task = asyncio.ensure_future(self._take_up(portfolio_id))
            self._coming[portfolio_id] = task
            task.add_done_callback(lambda _: self._coming.pop(portfolio_id, None))
        try:
            # One who gives up must not take the reading away from those who wait with them.
            await asyncio.wait([task])
            if task.cancelled():
                raise ExchangeUnavailable("What is told begins anew; try again.")
            task.result()
        except (OSError, TimeoutError, *ASYNCPG_ERRORS) as error:
            raise ExchangeUnavailable("The database does not answer; try again.") from error
        if portfolio_id not in self._feeds:
            raise ExchangeUnavailable("What is told begins anew; try again.")

    async def _take_up(self, portfolio_id: int) -> None:
        held: list[CommittedBatch] = []
        self._held[portfolio_id] = held
        try:
            async with (
                self._pool.acquire() as connection,
                connection.transaction(isolation="repeatable_read", readonly=True),
            ):
                stored = await connection.fetchval(_STORED)
                rows = await connection.fetch(_LIVE, portfolio_id, list(LIVE_STATES))
                units = await connection.fetch(_UNITS, portfolio_id)
            # A batch is in the database a moment before it is heard of.
            while self._heard < stored:
                self._next.clear()
                await self._next.wait()
        finally:
            del self._held[portfolio_id]
        fold = Fold(self._extreme_of)
        fold.watch(
            portfolio_id,
            [view_of(row) for row in rows],
            {row["instrument_id"]: row["units"] for row in units},
        )
        for batch in held:
            if batch.first_sequence > stored:
                for _ in fold.apply(batch):
                    pass
        self._fold.take_over(portfolio_id, fold)
        epoch = self._epochs()
        self._feeds[portfolio_id] = {stream: Feed(stream.value, epoch) for stream in Stream}
        self._left_s[portfolio_id] = self._now_s()

    def join(
        self,
        reader: Reader,
        portfolio_id: int,
        stream: Stream,
        place: Place | None,
        *,
        wants_snapshot: bool,
    ) -> Joined:
        """Begin with a stream of a portfolio that is followed."""
        feed = self._feeds[portfolio_id][stream]
        feed.readers.add(reader)
        if stream is Stream.PORTFOLIO:
            self._worth.watch(portfolio_id)
            return self._from_snapshot(feed, portfolio_id, stream)  # it says what is
        missed = None if place is None else feed.missed(place.epoch, place.seq)
        if missed is not None:
            return Joined(Started(feed.epoch, feed.seq, Start.RESUMED), missed)
        if place is not None or wants_snapshot:
            return self._from_snapshot(feed, portfolio_id, stream)
        return Joined(Started(feed.epoch, feed.seq, Start.LIVE))

    def leave(self, reader: Reader) -> None:
        """Give the reader nothing any more."""
        portfolio_id = reader.portfolio_id
        feeds = None if portfolio_id is None else self._feeds.get(portfolio_id)
        if feeds is None or portfolio_id is None:
            return
        for feed in feeds.values():
            feed.readers.discard(reader)
        if not feeds[Stream.PORTFOLIO].readers:
            self._worth.forget(portfolio_id)
        if not any(feed.readers for feed in feeds.values()):
            self._left_s[portfolio_id] = self._now_s()

    def places(self, portfolio_id: int) -> dict[str, int]:
        """The last number of each stream of the portfolio, as far as it is followed."""
        feeds = self._feeds.get(portfolio_id, {})
        return {stream.value: feed.seq for stream, feed in feeds.items()}

    def forget_idle(self) -> None:
        """Follow those no more that nobody has listened to for long; now and then."""
        now_s = self._now_s()
        for portfolio_id, feeds in tuple(self._feeds.items()):
            has_readers = any(feed.readers for feed in feeds.values())
            if not has_readers and now_s - self._left_s[portfolio_id] >= KEPT_AFTER_LAST_S:
                self._forget(portfolio_id)

    def _forget(self, portfolio_id: int) -> None:
        self._worth.forget(portfolio_id)
        self._fold.forget(portfolio_id)
        del self._left_s[portfolio_id]
        for feed in self._feeds.pop(portfolio_id).values():
            for reader in tuple(feed.readers):
                reader.end(Ended.UNAVAILABLE, "This stream starts anew; reconnect.")

    def _from_snapshot(self, feed: Feed, portfolio_id: int, stream: Stream) -> Joined:
        worth = valuation(self._live, self._live.portfolios[portfolio_id])
        data: object = worth
        if stream is Stream.TRADE_UPDATES:
            instruments = {n: market.instrument for n, market in self._live.markets.items()}
            orders = open_orders(self._fold.orders_of(portfolio_id), instruments)
            data = TradeSnapshot(orders=orders, portfolio=worth)
        taken = frame("snapshot", data, of=stream, seq=feed.seq)
        return Joined(Started(feed.epoch, feed.seq, Start.SNAPSHOT), [taken])

    def _tell_worth(self, portfolio_id: int) -> None:
        worth = valuation(self._live, self._live.portfolios[portfolio_id])
        self._feeds[portfolio_id][Stream.PORTFOLIO].tell(encode(worth))

    def _extreme_of(self, engine_order_id: int) -> int:
        order = self._sequencer.engine.venue.orders.get(engine_order_id)
        return 0 if order is None else order.extreme_ticks
