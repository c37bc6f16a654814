"""The streams as simulated traders hear them: what was missed is asked for, what is new is kept."""

import asyncio
import contextlib
import json

import pytest
import websockets

from simulators.market.streams import Key, MarketWatch, StreamRefusedError, hear_updates

BOOK = {"T": "o", "S": "AAPL", "t": "2026-03-03T14:30:00Z"}
SNAPSHOT = BOOK | {
    "r": True,
    "epoch": "e",
    "seq": 5,
    "b": [{"p": 131.18, "s": 300}],
    "a": [{"p": 131.22, "s": 40}],
}


def delta(seq, bids=(), asks=()):
    return BOOK | {
        "seq": seq,
        "b": [{"p": price, "s": size} for price, size in bids],
        "a": [{"p": price, "s": size} for price, size in asks],
    }


def trade(seq, price):
    return {"T": "t", "S": "AAPL", "seq": seq, "p": price, "s": 1, "t": "2026-03-03T14:30:00Z"}


@contextlib.asynccontextmanager
async def served(serve):
    """A key for a server that treats each connection so."""
    async with websockets.serve(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        yield Key(f"http://127.0.0.1:{port}", "CK", "good")


@contextlib.asynccontextmanager
async def running(work):
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, StreamRefusedError):
            await task


async def until(is_so):
    async with asyncio.timeout(10):
        while not is_so():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)


async def welcome(link):
    await link.send(json.dumps([{"T": "success", "msg": "connected"}]))
    assert json.loads(await link.recv())["action"] == "auth"
    await link.send(json.dumps([{"T": "success", "msg": "authenticated"}]))
    return json.loads(await link.recv())


async def test_a_gap_in_the_book_is_asked_for_and_closed():
    asked = []

    async def serve(link):
        asked.append(await welcome(link))
        news = [SNAPSHOT, delta(6, bids=[(131.19, 10)]), delta(8, asks=[(131.22, 0)])]
        await link.send(json.dumps([*news, trade(1, 131.2)]))
        asked.append(json.loads(await link.recv()))
        missed = [delta(7, asks=[(131.21, 5)]), delta(8, asks=[(131.22, 0)])]
        await link.send(json.dumps(missed))
        await link.wait_closed()

    async with served(serve) as key:
        market = MarketWatch(key, ["AAPL"])
        assert not market.is_ready("AAPL")
        async with running(market.run()):
            await until(lambda: market.ask_ticks("AAPL") == 1_312_100)
        assert market.bid_ticks("AAPL") == 1_311_900
        assert market.last_ticks("AAPL") == 1_312_000
    assert asked[0]["orderbooks"] == ["AAPL"]
    assert asked[1]["resume"] == {"orderbooks": {"AAPL": ["e", 6]}}


async def test_a_key_that_is_refused_ends_it_and_a_venue_that_starts_does_not():
    answers = [{"code": 500, "msg": "starting"}, {"code": 402, "msg": "auth failed"}]

    async def serve(link):
        await link.send(json.dumps([{"T": "success", "msg": "connected"}]))
        await link.recv()
        await link.send(json.dumps([{"T": "error"} | answers.pop(0)]))

    async with served(serve) as key, running(MarketWatch(key, ["AAPL"]).run()) as task:
        with pytest.raises(StreamRefusedError, match="auth failed"):
            async with asyncio.timeout(10):
                await task
    assert answers == []


async def test_updates_are_told_after_the_books_were_read_at_every_connection():
    heard, connections = [], []

    async def serve(link):
        await link.recv()
        told = {"stream": "authorization", "data": {"status": "authorized"}}
        await link.send(json.dumps(told))
        await link.recv()
        connections.append(link)
        await link.send(json.dumps({"stream": "listening", "data": {}}))
        await link.send(json.dumps({"stream": "heartbeat", "data": {}}))
        news = {"stream": "trade_updates", "data": {"n": len(connections)}}
        await link.send(json.dumps(news))
        if len(connections) > 1:
            await link.wait_closed()

    async def begin():
        heard.append("begin")

    async with served(serve) as key, running(hear_updates(key, begin=begin, tell=heard.append)):
        await until(lambda: len(heard) == 4)
    assert heard == ["begin", {"n": 1}, "begin", {"n": 2}]
