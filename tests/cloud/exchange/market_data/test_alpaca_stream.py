"""alpaca-py's StockDataStream, unmodified, against the running venue; and clients of our own."""

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgpack
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from protocols.market_book import LevelBook, subscribe_request
from tests.cloud.exchange.market_data.conftest import DAY, Market, eventually
from tests.support.alpaca_clients import Heard, market_stream
from tests.support.listeners import broken, listener
from trading.commands import SetPhase
from trading.instruments import HALTED

pytestmark = [
    pytest.mark.timeout(120),
    # alpaca-py uses the older interface of websockets; its business, not ours.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


async def test_trades_quotes_bars_and_statuses_arrive(market: Market) -> None:
    stream = market_stream(market.key)
    trades, quotes, bars, days, statuses = (Heard() for _ in range(5))
    stream.subscribe_trades(trades.hear, "AAPL")
    stream.subscribe_quotes(quotes.hear, "AAPL")
    stream.subscribe_bars(bars.hear, "*")
    stream.subscribe_updated_bars(bars.hear, "*")
    stream.subscribe_daily_bars(days.hear, "AAPL")
    stream.subscribe_trading_statuses(statuses.hear, "AAPL")
    running = asyncio.create_task(stream._run_forever())
    await eventually(lambda: market.feed.streams.stream("trades", "AAPL").listeners)
    await market.trade(1_500_000, 10)
    market.wait(milliseconds=1, seconds=1)
    await market.trade(1_500_100, 20)
    await market.trade(900_000, 5, 2)
    await eventually(lambda: len(trades) == 2)
    assert [(one.symbol, one.price, one.size) for one in trades] == [
        ("AAPL", 150.0, 10),
        ("AAPL", 150.01, 20),
    ]
    assert trades[1].timestamp - trades[0].timestamp == timedelta(seconds=1, milliseconds=1)
    await eventually(lambda: quotes)
    assert {one.symbol for one in quotes} == {"AAPL"}
    market.wait(minutes=1)
    await eventually(lambda: len(bars) == 2)
    assert {(one.symbol, one.volume, one.timestamp) for one in bars} == {
        ("AAPL", 30, DAY),
        ("IBM", 5, DAY),
    }
    await eventually(lambda: days)
    assert days[0].volume == 30
    await market.submit(SetPhase(0, 0, 1, HALTED))
    await eventually(lambda: statuses)
    assert (statuses[0].status_code, statuses[0].status_message) == ("H", "Trading Halt")
    await stream.stop_ws()
    await running


async def test_wrong_secret_is_refused(market: Market) -> None:
    stream = market_stream(market.key)
    stream._secret_key = "wrong"
    await stream._connect()
    with pytest.raises(ValueError, match="auth failed"):
        await stream._auth()
    await stream.close()


async def test_depth_from_a_real_connection_is_the_engines(market: Market) -> None:
    buyer, seller = market.portfolios
    await market.limit(buyer, 1, 10, 1_400_000)
    book = LevelBook("AAPL")
    url = market.url.replace("http", "ws", 1) + "/v2/curb?codec=msgpack"
    headers = market.headers
    async with connect(url, compression=None, additional_headers=headers) as socket:

        async def hear() -> list[dict[str, Any]]:
            async with asyncio.timeout(20):
                return list(msgpack.unpackb(await socket.recv()))

        assert (await hear())[0]["msg"] == "connected"
        await socket.send(msgpack.packb(subscribe_request(book)))
        for number in range(30):
            await market.limit(seller, 2, 5, 1_500_000 + 100 * (number % 4))
        while len(book.asks()) < 4 or sum(size for _, size in book.asks()) < 150:
            for message in await hear():
                if book.is_for(message):
                    book.apply(message)
    bids, asks = market.sequencer.engine.depth(1)
    assert [(price * 10_000, size) for price, size in book.asks()] == [
        (one.price_ticks, one.visible_units) for one in asks
    ]
    assert [(price * 10_000, size) for price, size in book.bids()] == [
        (one.price_ticks, one.visible_units) for one in bids
    ]


@pytest.mark.parametrize("place", ["taking in", "telling"])
async def test_a_mistake_sends_listeners_back_to_a_right_book(
    market: Market, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    buyer, _ = market.portfolios
    await market.limit(buyer, 1, 10, 1_400_000)
    url = market.url.replace("http", "ws", 1) + "/v2/curb?codec=msgpack"
    book = LevelBook("AAPL")

    async def hear_until(socket: ClientConnection, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not is_so():
                for message in msgpack.unpackb(await socket.recv()):
                    if book.is_for(message):
                        book.apply(message)

    async with connect(url, compression=None, additional_headers=market.headers) as socket:
        await socket.send(msgpack.packb(subscribe_request(book)))
        await hear_until(socket, lambda: len(book.bids()) == 1)
        if place == "taking in":
            with broken(market.sequencer, "market-data", "_hear"):
                await market.limit(buyer, 1, 10, 1_390_000)
        else:
            listener(market.sequencer, "market-data")._began_s = float("-inf")
            with monkeypatch.context() as patch:
                patch.setattr(market.feed, "_tell", None)
                await market.limit(buyer, 1, 10, 1_390_000)
                market.feed.write()
        with pytest.raises(ConnectionClosed) as ended:
            await hear_until(socket, lambda: False)
    assert ended.value.rcvd is not None
    assert ended.value.rcvd.code == 4503
    await market.limit(buyer, 1, 10, 1_380_000)
    async with connect(url, compression=None, additional_headers=market.headers) as socket:
        await socket.send(msgpack.packb(subscribe_request(book)))
        await hear_until(socket, lambda: len(book.bids()) == 3)
    latest = (await market.get("/AAPL/orderbook/latest")).json()
    assert [(one["p"], one["s"]) for one in latest["orderbook"]["b"]] == book.bids()
    # Bars are told anew as well: the trades of before are in them, once.
    await market.trade(1_500_000, 30)
    quote = market.feed.quotes["AAPL"]
    await eventually(lambda: quote.days()[0] is not None)
    day = quote.days()[0]
    assert day is not None
    assert (day.units, day.count) == (30, 1)


async def test_room_of_the_instrument_shows_what_is(market: Market) -> None:
    buyer, _ = market.portfolios
    headers = await market.sign_in("driver@example.org")
    token = headers["Authorization"].removeprefix("Bearer ")
    url = market.url.replace("http", "ws", 1) + "/ws"
    await market.trade(1_500_000, 10)
    async with connect(url, compression=None) as socket:
        await socket.send(json.dumps({"t": "auth", "token": token}))
        await socket.send('{"t":"subscribe","room":"instrument:AAPL"}')
        await market.limit(buyer, 1, 7, 1_400_000)
        async with asyncio.timeout(20):
            while '"bids":[[140.0,7]]' not in str(await socket.recv()):
                pass
