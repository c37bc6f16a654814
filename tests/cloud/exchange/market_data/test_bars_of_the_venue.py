"""A bar is told once, with all its trades: also of those that were on their way when it ended."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from cloud.exchange.market_data.feed import Feed
from cloud.exchange.market_data.providers.venue import VenueProvider
from cloud.exchange.market_data.recorder import to_ns
from cloud.kit.clock import ManualClock
from tests.cloud.exchange.market_data.feed_rig import make_feed
from tests.support.exchange import keep_ahead, leading_sequencer, wish_of
from trading import Engine, commands
from trading.bars import DAY, MINUTE, SECOND, Bar, start_of
from trading.events import OrderFilled
from trading.instruments import CONTINUOUS, Instrument
from trading.market_data import MarketData
from trading.orders import ALLOW, BUY, GTC, LIMIT, SELL
from trading.terms import NewOrder

MS_NS = 1_000_000


@pytest.fixture
def clock():
    return ManualClock(datetime(2026, 3, 2, 15, 0, tzinfo=UTC))


class Bars:
    """A watcher that keeps every bar that ended."""

    def __init__(self):
        self.ended_ones = []

    def updated(self, quote, update):
        """Only bars are kept."""

    def ended(self, listed, bar):
        self.ended_ones.append((listed.id, bar))


OPENING = (
    (commands.ListInstrument, Instrument(1, "ACME", 100)),
    (commands.OpenPortfolio, 1, 1),
    (commands.Deposit, 1, 10**6),
    (commands.DepositUnits, 1, 1, 10, 0),
    (commands.SetPhase, 1, CONTINUOUS),
)


def order(side):
    """One unit, for somebody who trades with themselves."""
    return NewOrder(1, 1, side, LIMIT, GTC, 1, 100, self_trade=ALLOW)


def trade_at(engine, at_ns):
    """The events of one trade."""
    return [
        event
        for side in (SELL, BUY)
        for event in engine.apply(commands.PlaceOrder(engine.sequence + 1, at_ns, order(side)))
    ]


def test_what_was_taken_in_and_not_told_yet_is_in_the_bar_that_ends():
    engine, bars = Engine(), Bars()
    feed = make_feed(watchers=[bars])
    for kind, *fields in OPENING:
        feed.take(engine.apply(kind(engine.sequence + 1, 1, *fields)), 1)
    feed.take(trade_at(engine, 100 * MS_NS), 100 * MS_NS)
    feed.write()
    feed.take(trade_at(engine, 999 * MS_NS), 999 * MS_NS)
    feed.advance(1_000 * MS_NS)
    assert [(one.span_s, one.count) for _, one in bars.ended_ones] == [(SECOND, 2)]


def test_a_trade_that_the_database_had_before_it_was_told_is_counted_once():
    engine, bars = Engine(), Bars()
    feed = make_feed(watchers=[bars])
    for kind, *fields in OPENING:
        engine.apply(kind(engine.sequence + 1, 1, *fields))
    feed.begin(MarketData.of_markets(engine.venue.markets.values()), 1, has_bars=False)
    taken_in = trade_at(engine, 100 * MS_NS)
    feed.take(taken_in, 100 * MS_NS)
    heard_later = trade_at(engine, 200 * MS_NS)
    trades = [one for one in (*taken_in, *heard_later) if isinstance(one, OrderFilled)]
    units, price = trades[0].quantity_units, trades[0].price_ticks
    value = 2 * units * price
    so_far = Bar(0, SECOND, price, price, price, price, 2 * units, value, 2)
    feed.seed([(trades[0].instrument_id, so_far)], trades[-1].trade_id)
    feed.take(heard_later, 200 * MS_NS)
    feed.write()
    feed.take(trade_at(engine, 300 * MS_NS), 300 * MS_NS)
    feed.advance(1_000 * MS_NS)
    assert [(one.span_s, one.count) for _, one in bars.ended_ones] == [(SECOND, 3)]


def trades(count):
    """Wishes for so many trades."""
    for _ in range(count):
        for side in (SELL, BUY):
            yield wish_of(commands.PlaceOrder(0, 0, order(side)))


async def test_every_trade_is_in_one_bar_of_each_span(kit, clock):
    """The clock runs while batches commit, and bars end whenever it says so."""
    bars = Bars()
    async with leading_sequencer(kit) as sequencer:
        feed = Feed("curb", new_epoch=lambda: "e", day_offset_ns=lambda _: 0, watchers=[bars])

        async def nothing_before(feed):
            feed.seed([], 0)

        provider = VenueProvider(sequencer, feed, nothing_before)
        seeding = asyncio.create_task(provider.run())
        for kind, *fields in OPENING:
            await sequencer.submit(wish_of(kind(0, 0, *fields)))
        trading = asyncio.create_task(keep_ahead(sequencer, trades(200)))
        while not trading.done():
            clock.advance(timedelta(milliseconds=170))
            feed.advance(clock.now_ms() * MS_NS)
            await asyncio.sleep(0)
        await trading
        seeding.cancel()
        clock.advance(timedelta(days=2))
        feed.advance(clock.now_ms() * MS_NS)
    rows = await kit.database.pool.fetch("SELECT instrument_id, at FROM trades")
    assert len(rows) > 50
    for span_s in (SECOND, MINUTE, DAY):
        told = [(number, one) for number, one in bars.ended_ones if one.span_s == span_s]
        assert len({(number, one.starts_ns) for number, one in told}) == len(told)
        counts = Counter()
        for row in rows:
            counts[row["instrument_id"], start_of(to_ns(row["at"]), span_s)] += 1
        assert {(number, one.starts_ns): one.count for number, one in told} == counts
