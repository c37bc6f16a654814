"""The crowd keeps its pace, remembers refusals, and repeats itself for the same seed and market."""

import asyncio
import contextlib
import json

from simulators.market.anchors import anchors_of
from simulators.market.crowd import Crowd, Member, Stock
from simulators.market.pace import Pace
from simulators.market.path import ReferencePath
from simulators.market.strategies import Kind
from simulators.market.trader import Trader
from simulators.market.view import Way

SYMBOLS = ("AAPL", "IBM")
START = 1_000_000


class StillMarket:
    """A market whose quotes stand around its start, always ready."""

    def is_ready(self, _symbol):
        return True

    def bid_ticks(self, _symbol):
        return START - 500

    def ask_ticks(self, _symbol):
        return START + 500

    def last_ticks(self, _symbol):
        return START


class FakeDesk:
    """Remembers what was sent; answers all alike."""

    def __init__(self, answer=None):
        self.answer = answer
        self.sent = []

    async def send(self, message):
        self.sent.append(message)
        return self.answer


class FakeTime:
    """Time that passes only by sleeping; ends the run after so long."""

    def __init__(self, until_s):
        self.now_s = 100.0
        self._until_s = 100.0 + until_s

    async def sleep(self, seconds):
        self.now_s += seconds
        await asyncio.sleep(0)
        if self.now_s > self._until_s:
            raise asyncio.CancelledError


async def a_run(kinds, *, seconds=20.0, per_s=30, seed=1, answer=None):
    time, told = FakeTime(seconds), []
    members = []
    for number, kind in enumerate(kinds):
        trader = Trader(kind, SYMBOLS, seed=seed + number, run_name=f"run-{number}")
        positions = [{"symbol": symbol, "qty": "5000"} for symbol in SYMBOLS]
        trader.books.loaded([], positions, at_ms=0)
        members.append(Member(trader, FakeDesk(answer)))
    stocks = [
        Stock(
            symbol,
            ReferencePath(
                anchors_of(symbol), seed=f"{seed}/{symbol}", start_ticks=START, steps_per_day=600
            ),
        )
        for symbol in SYMBOLS
    ]
    crowd = Crowd(
        members,
        stocks,
        StillMarket(),
        pace=Pace(per_s, burst=10),
        now_s=lambda: time.now_s,
        sleep=time.sleep,
        tell=told.append,
    )
    with contextlib.suppress(asyncio.CancelledError):
        await crowd.run()
    return members, told


async def test_the_same_seed_and_market_send_the_same_messages():
    kinds = [*Kind]
    first, _ = await a_run(kinds)
    second, _ = await a_run(kinds)
    assert [member.desk.sent for member in first] == [member.desk.sent for member in second]
    assert all(member.desk.sent for member in first[:2])
    other, _ = await a_run(kinds, seed=50)
    assert [member.desk.sent for member in first] != [member.desk.sent for member in other]


async def test_no_more_is_sent_than_the_pace_allows_and_nothing_is_counted_that_was_not():
    members, _ = await a_run([Kind.MAKER, Kind.NOISE], seconds=2.0, per_s=5)
    sent = [message for member in members for message in member.desk.sent]
    assert len(sent) <= 10 + 2 * 5 + 1
    for member in members:
        for symbol in SYMBOLS:
            tags = {each.tag for each in member.trader.books.orders(symbol)}
            assert tags <= {message.tag for message in member.desk.sent}


async def test_a_refused_order_is_forgotten_and_told_of():
    (maker,), told = await a_run([Kind.MAKER], answer="insufficient buying power")
    assert maker.trader.books.orders("AAPL") == ()
    assert json.loads(told[0])["refusals"]["insufficient buying power"] > 0


async def test_a_maker_keeps_its_quotes_on_both_sides_and_names_no_order_twice():
    (maker,), _ = await a_run([Kind.MAKER])
    ways = {each.way for each in maker.trader.books.orders("AAPL")}
    assert ways == {Way.BUY, Way.SELL}
    placed = [message.tag for message in maker.desk.sent if message.place is not None]
    assert len(placed) == len(set(placed))
