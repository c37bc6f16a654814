"""A book kept from snapshot and deltas is the engine's, step by step, also after a lost frame."""

import random
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.exchange.market_data.messages import Codec
from protocols.market_book import (
    LevelBook,
    OrderBook,
    SequenceGapError,
    resume_request,
    subscribe_request,
)
from tests.cloud.exchange.market_data.feed_rig import Client, depth_of, make_feed, run
from tests.trading.random_commands import MARKETS, Stream
from trading.engine import Engine

COMMANDS = 120
SETTLED = 30
SYMBOL = MARKETS[0].symbol


def price_of(ticks: int) -> Decimal:
    """Of the first market: a tick is a cent."""
    return Decimal(ticks) / 100


def queue_of(engine: Engine, side: str) -> list[Any]:
    market = engine.venue.markets[1]
    half = market.bids if side == "B" else market.asks
    return [(one.order_id, price_of(one.price), one.visible) for one in half.orders()]


class Trader:
    """A client that keeps both books of one symbol."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.levels, self.orders = LevelBook(SYMBOL), OrderBook(SYMBOL)
        self.gaps = 0

    async def hear(self, frames: list[list[dict[str, Any]]]) -> None:
        for message in (one for frame in frames for one in frame):
            for book in (self.levels, self.orders):
                if not book.is_for(message):
                    continue
                try:
                    book.apply(message)
                except SequenceGapError:
                    self.gaps += 1
                    await self.client.send(resume_request(book))

    def check(self, engine: Engine) -> None:
        assert self.levels.is_ready
        assert (self.levels.bids(), self.levels.asks()) == depth_of(engine, 1, price_of)
        for side in ("B", "S"):
            assert self.orders.queue(side) == queue_of(engine, side)


class Market:
    """An engine, its feed, and a random stream of commands."""

    def __init__(self, seed: int) -> None:
        self.stream, self.engine, self.feed = Stream(seed), Engine(), make_feed()
        for _ in range(SETTLED):
            self.step()

    def step(self) -> None:
        command = self.stream.next()
        found = self.engine.apply(command)
        self.stream.observe(found)
        self.feed.take(found, command.at_ns)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(Codec))
def test_book_from_snapshot_and_deltas_is_the_engines_at_every_step(
    seed: int, codec: Codec
) -> None:
    async def follow() -> None:
        market = Market(seed)
        trader = Trader(await Client(market.feed, codec).log_in())
        await trader.client.send(subscribe_request(trader.levels, trader.orders))
        for _ in range(COMMANDS):
            market.feed.deliver()
            await trader.hear(await trader.client.frames())
            trader.check(market.engine)
            market.step()
        assert trader.gaps == 0

    run(follow())


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(Codec))
def test_lost_frame_is_noticed_and_made_good(seed: int, codec: Codec) -> None:
    draw = random.Random(seed)

    async def follow() -> None:
        market = Market(seed)
        trader = Trader(await Client(market.feed, codec).log_in())
        await trader.client.send(subscribe_request(trader.levels, trader.orders))
        lost = 0
        await trader.hear(await trader.client.frames())
        for _ in range(COMMANDS):
            market.step()
            market.feed.deliver()
            frames = await trader.client.frames()
            if frames and draw.random() < 0.2:
                lost += 1
                continue
            await trader.hear(frames)
            await trader.hear(await trader.client.frames())
            if trader.gaps and draw.random() < 0.05:
                # A server that has lost its history too: another numbering, a new snapshot.
                market.feed.streams.epoch += "x"
        # A change at last, so that what was lost just now shows.
        while not await changed(market, trader):
            market.step()
        trader.check(market.engine)
        assert trader.gaps <= 2 * lost

    run(follow())


async def changed(market: Market, trader: Trader) -> bool:
    """Whether both books heard something since the last time."""
    before = (trader.levels.seq, trader.orders.seq)
    market.feed.deliver()
    for _ in range(3):
        await trader.hear(await trader.client.frames())
    return trader.levels.seq > before[0] and trader.orders.seq > before[1]


def test_who_comes_back_gets_exactly_what_was_missed() -> None:
    async def follow() -> None:
        market = Market(7)
        trader = Trader(await Client(market.feed).log_in())
        await trader.client.send(subscribe_request(trader.levels, trader.orders))
        while trader.levels.seq == 0 or trader.orders.seq == 0:
            market.step()
            market.feed.deliver()
            await trader.hear(await trader.client.frames())
        trader.client.connection.leave_all()
        for _ in range(40):
            market.step()
            market.feed.deliver()
        trader.client = await Client(market.feed).log_in()
        await trader.client.send(resume_request(trader.levels, trader.orders))
        _, *missed = await trader.client.take()
        assert missed
        assert not any(one["r"] for one in missed)
        await trader.hear([missed])
        trader.check(market.engine)

    run(follow())
