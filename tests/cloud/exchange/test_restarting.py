"""What shows the market may break: trade goes on, and soon the truth is shown again."""

import asyncio
import random

import pytest
from structlog.testing import capture_logs

from cloud.exchange import restarting
from cloud.exchange.portfolios.live import LivePortfolios
from cloud.exchange.restarting import RESTARTED, Guard, Restarting, keep_running
from cloud.exchange.wishes import ExchangeUnavailable
from tests.cloud.exchange.portfolios.test_live import check_same
from tests.cloud.exchange.test_tables_follow_the_journal import drive
from tests.support.exchange import keep_ahead, leading_sequencer, wish_of
from tests.trading.random_commands import Stream
from trading import Engine
from trading.market_data import MarketData


def count_of(name):
    return RESTARTED.labels(name)._value.get()


class Market:
    """Follows books with a `MarketData`, and breaks when it is told to."""

    def __init__(self):
        self.data = None
        self.begun = 0

    def begin(self, data):
        self.data = data
        self.begun += 1

    def close(self):
        self.data = None

    def hear(self, batch):
        for command, events in zip(batch.commands, batch.events, strict=True):
            self.data.apply(events, command.at_ns)


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_breaks_shows_what_is_committed_or_nothing(kit, clock, seed, monkeypatch):
    """The engine is a batch ahead of the database at times, and listeners break all the time."""
    monkeypatch.setattr(restarting, "APART_S", 0.0)
    draw, truth, live, market = random.Random(seed), Engine(), LivePortfolios(), Market()
    seen = {"ahead": 0, "open": 0, "closed": 0, "broken": 0}
    apply = live._apply

    def breaking(event, *others):
        if draw.random() < 0.1:
            seen["broken"] += 1
            raise ZeroDivisionError
        apply(event, *others)

    monkeypatch.setattr(live, "_apply", breaking)

    def compare(batch):
        truth.apply_batch(batch.commands)
        seen["ahead"] += sequencer.engine.sequence > batch.last_sequence
        if market.data is not None:
            check_books(market.data, truth)
        try:
            assert live.portfolios is not None
        except ExchangeUnavailable:
            seen["closed"] += 1
            return
        seen["open"] += 1
        check_same(live, truth)
        if draw.random() < 0.2:
            with follower.over():
                raise ZeroDivisionError

    before = count_of("portfolios")
    # To print a traceback for each would take longer than all the rest.
    with capture_logs():
        async with leading_sequencer(kit) as sequencer:
            live.join(sequencer)
            follower = restarting.follow_batches(
                sequencer,
                "books",
                market.hear,
                copy=lambda engine: MarketData.of_markets(engine.venue.markets.values()),
                begin=market.begin,
                close=market.close,
            )
            sequencer.subscribe(compare)
            await drive(sequencer, clock, seed * 10, 200, is_settled=True)
            stream = Stream(seed, settled=False)
            stream.at_ns, stream.day = sequencer.engine.venue.at_ns, sequencer.engine.venue.day
            await keep_ahead(
                sequencer,
                (wish_of(stream.next()) for _ in range(600)),
                lambda receipt: stream.observe(list(receipt.events)),
            )
    assert min(seen.values()) > 0, seen
    assert count_of("portfolios") - before == seen["broken"]
    assert market.begun > 3


def check_books(data, engine):
    """Every level of every book, and the phase."""
    for number, market in engine.venue.markets.items():
        one = data.of(number)
        assert one.phase == market.phase
        bids, asks = engine.depth(number)
        for side, levels in ((one.book.bids, bids), (one.book.asks, asks)):
            assert {level.price_ticks: level.units for level in side.levels.values()} == {
                level.price_ticks: level.visible_units for level in levels
            }


def rig(**more):
    """A listener on a clock that stands, with a timer that is let run by hand."""
    timers, now = [], [100.0]
    told = []
    made = Restarting(
        "rig",
        told.append,
        later=lambda s, call: timers.append((s, call)),
        now_s=lambda: now[0],
        **{"begin_anew": lambda: True, **more},
    )
    return made, told, timers, now


def test_what_breaks_again_at_once_rests_and_hears_nothing_meanwhile():
    closings = []
    made, told, timers, now = rig(close=lambda: closings.append(1))
    made.begin()
    made("one")
    with made.over():
        raise ValueError
    assert not made.is_open
    made("two")
    with made.over():
        raise ValueError
    assert len(timers) == 1
    now[0] += 1
    timers[0][1]()
    assert made.is_open
    made("three")
    assert told == ["one", "three"]
    now[0] += 1
    with made.over():
        raise ValueError
    assert made.is_open, "a second later it need not rest"
    assert len(closings) == 4


def test_what_cannot_even_be_closed_stops_nobody():
    def stuck():
        raise OSError

    made, told, _, _ = rig(close=stuck)
    made.begin()
    made("one")
    assert (made.is_open, told) == (True, ["one"])
    with made.over():
        raise ValueError
    assert not made.is_open


def test_a_beginning_that_breaks_is_tried_again():
    tries = []

    def begin():
        tries.append(1)
        if len(tries) < 3:
            raise KeyError
        return True

    made, told, timers, now = rig(begin_anew=begin)
    before = count_of("rig")
    made.begin()
    while timers:
        now[0] += 1
        timers.pop()[1]()
    assert made.is_open
    assert count_of("rig") - before == 2
    made("now")
    assert told == ["now"]


async def test_a_task_that_breaks_is_begun_again_until_it_is_cancelled():
    runs = []

    async def run():
        runs.append(1)
        if len(runs) == 3:
            raise asyncio.CancelledError
        raise KeyError

    async def sleep(_):
        """No time passes."""

    before = count_of("a-task")
    with pytest.raises(asyncio.CancelledError):
        await keep_running(run, Guard("a-task"), sleep)
    assert count_of("a-task") - before == 2
