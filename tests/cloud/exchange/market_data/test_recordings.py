"""Recorded sessions played as market data end in the recorded book, level by level."""

import gzip
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cloud.exchange.market_data.feed import Feed
from cloud.exchange.market_data.providers.recordings import SCALE, read_recording
from cloud.exchange.market_data.providers.replay import ReplayProvider
from cloud.kit.clock import ManualClock
from protocols.market_book import LevelBook, subscribe_request
from tests.cloud.exchange.market_data.feed_rig import Client
from trading.market_data import MarketData

DATA = Path(os.environ.get("CURB_RECORDINGS_DIR", "../shared/data")) / "market"
L3 = DATA / "coinbase_l3"
L2 = DATA / "coinbase_l2" / "ws_capture.gz"
NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)

SESSION = """\
noise
2016-03-12 00:08:37,352 {"type":"open","product_id":"X-Y","time":"","order_id":"a","price":"10.5",\
"remaining_size":"2","sequence":5,"side":"buy"}
2016-03-12 00:08:37,353 {"type":"open","product_id":"X-Y","time":"","order_id":"b","price":"11",\
"remaining_size":"3","sequence":5,"side":"sell"}
x {"type":"done","product_id":"X-Y","time":"2016-03-12T05:08:36Z","order_id":"b","sequence":4}
x {"type":"match","product_id":"X-Y","time":"2016-03-12T05:08:37Z","maker_order_id":"b",\
"taker_order_id":"c","price":"11","size":"1.25","sequence":6,"side":"sell"}
x {"type":"open","product_id":"X-Y","time":"2016-03-12T05:08:38.5Z","order_id":"d","price":"10.5",\
"remaining_size":"1","sequence":7,"side":"buy"}
x {"type":"change","product_id":"X-Y","time":"2016-03-12T05:08:39Z","order_id":"a",\
"new_size":"0.5","sequence":8,"side":"buy"}
x {"type":"done","product_id":"X-Y","time":"2016-03-12T05:08:40Z","order_id":"nobody","sequence":9}
x {"type":"heartbeat"}
{"type":"op
"""


def replay_feed() -> Feed:
    feed = Feed(
        "replay",
        new_epoch=lambda: "once",
        day_offset_ns=lambda _: 0,
        units_per_size=SCALE,
    )
    feed.begin(MarketData(), 0)
    return feed


def played(path: Path) -> Feed:
    feed = replay_feed()
    for step in read_recording(path):
        feed.take(step.events, step.at_ns)
    feed.write()
    return feed


def levels(feed: Feed, symbol: str, side: str) -> list[tuple[Decimal, Decimal]]:
    book = feed.quotes[symbol].data.book
    half = book.bids if side == "bids" else book.asks
    return [
        (Decimal(one.price_ticks) / SCALE, Decimal(one.units) / SCALE) for one in half.best_first()
    ]


async def waits(recorded: list[float], seconds: float) -> None:
    recorded.append(seconds)


async def test_small_session_shows_each_kind_of_message(tmp_path: Path) -> None:
    path = tmp_path / "session"
    path.write_text(SESSION)
    feed = replay_feed()
    recorded: list[float] = []
    provider = ReplayProvider(
        feed, ManualClock(NOW), path, speed=2, sleep=lambda seconds: waits(recorded, seconds)
    )
    await provider.play()
    feed.write()
    assert levels(feed, "X-Y", "bids") == [(Decimal("10.5"), Decimal("1.5"))]
    assert levels(feed, "X-Y", "asks") == [(Decimal(11), Decimal("1.75"))]
    assert recorded == [0.75, 0.25]
    quote = feed.quotes["X-Y"]
    assert quote.last is not None
    assert (quote.last.price_ticks, quote.last.units) == (11 * SCALE, 125 * SCALE // 100)
    assert quote.last.at_ns == int(NOW.timestamp()) * 10**9
    client = await Client(feed).log_in()
    await client.send(subscribe_request(LevelBook("X-Y")))
    snapshot = (await client.take())[-1]
    assert snapshot["b"] == [{"p": 10.5, "s": 1.5, "n": 2}]


async def test_recording_that_is_none_is_told_and_tried_again(tmp_path: Path) -> None:
    path = tmp_path / "bad.gz"
    path.write_bytes(gzip.compress(b'{"type":"open","product_id":"X"}\n'))
    provider = ReplayProvider(replay_feed(), ManualClock(NOW), path)
    with pytest.raises(KeyError):
        await provider.play()


@pytest.mark.skipif(not L3.is_dir(), reason="no recorded L3 sessions here")
@pytest.mark.parametrize("session", sorted(L3.glob("*.in*")) if L3.is_dir() else [])
def test_recorded_l3_session_ends_in_the_recorded_book(session: Path) -> None:
    feed = played(session)
    found = json.loads(
        (session.parent / (session.name.partition(".")[0] + ".out")).read_text(),
        parse_float=Decimal,
        parse_int=Decimal,
    )
    (symbol,) = feed.quotes
    for side in ("bids", "asks"):
        expected = [tuple(level) for level in found[side]]
        assert levels(feed, symbol, side)[: len(expected)] == expected


def l2_books(path: Path) -> dict[str, dict[str, dict[Decimal, Decimal]]]:
    """The books as looking at each message gives them."""
    books: dict[str, dict[str, dict[Decimal, Decimal]]] = {}
    for message in messages(path):
        if message["type"] == "snapshot":
            books[message["product_id"]] = {
                side: {Decimal(price): Decimal(size) for price, size in message[side]}
                for side in ("bids", "asks")
            }
        elif message["type"] == "l2update":
            for side, price, size in message["changes"]:
                half = books[message["product_id"]]["bids" if side == "buy" else "asks"]
                half[Decimal(price)] = Decimal(size)
                if not Decimal(size):
                    del half[Decimal(price)]
    return books


def messages(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt") as lines:
        for line in lines:
            if "{" in line and " <- " not in line:
                try:
                    yield json.loads(line[line.index("{") :])
                except json.JSONDecodeError:
                    return


@pytest.mark.skipif(not L2.is_file(), reason="no recorded L2 capture here")
def test_recorded_l2_capture_gives_the_book_of_every_product() -> None:
    feed, expected = played(L2), l2_books(L2)
    assert expected
    for symbol, book in expected.items():
        assert levels(feed, symbol, "bids") == sorted(book["bids"].items(), reverse=True)
        assert levels(feed, symbol, "asks") == sorted(book["asks"].items())


@pytest.mark.skipif(not L2.is_file(), reason="no recorded L2 capture here")
async def test_client_of_a_replayed_capture_keeps_its_books() -> None:
    feed, expected = replay_feed(), l2_books(L2)
    books = {symbol: LevelBook(symbol) for symbol in expected}
    client = await Client(feed).log_in()
    await client.send(subscribe_request(*books.values()))
    for number, step in enumerate(read_recording(L2)):
        feed.take(step.events, step.at_ns)
        if number % 50 == 0:
            feed.deliver()
            for message in await client.take():
                if message["T"] == "o":
                    books[message["S"]].apply(message)
    feed.deliver()
    for message in await client.take():
        if message["T"] == "o":
            books[message["S"]].apply(message)
    for symbol, book in books.items():
        assert book.bids() == sorted(expected[symbol]["bids"].items(), reverse=True)
        assert book.asks() == sorted(expected[symbol]["asks"].items())
