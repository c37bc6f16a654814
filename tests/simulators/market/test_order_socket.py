"""Order entry: every message gets its own answer, and a lost connection leaves nobody waiting."""

import asyncio
import contextlib
import json

import pytest
import websockets

from simulators.market.order_socket import LOST, NOT_CONNECTED, OrderSocket, frame_of
from simulators.market.streams import Key, StreamRefusedError
from simulators.market.trader import Message
from simulators.market.view import Place, Way

BUY = Message("AAPL", "run-1", Place(Way.BUY, 3, 1_312_000))
CANCEL = Message("AAPL", "run-1", None)


@contextlib.asynccontextmanager
async def connected(handle, secret="good"):
    """A socket connected to a server that answers as `handle` says, after authentication."""

    async def serve(link):
        hello = json.loads(await link.recv())
        if hello["secret"] != "good":
            await link.send(json.dumps([{"t": "ended", "code": "auth_failed", "message": "no"}]))
            return
        await link.send(json.dumps([{"t": "welcome", "portfolio": "p", "sequence": 0}]))
        async for frame in link:
            await handle(link, json.loads(frame))

    async with websockets.serve(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        socket = OrderSocket(Key(f"http://127.0.0.1:{port}", "CK", secret))
        running = asyncio.create_task(socket.run())
        try:
            yield socket, running
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError, StreamRefusedError):
                await running


async def sent(socket, message):
    """Send as soon as it is connected."""
    async with asyncio.timeout(10):
        while (answer := await socket.send(message)) == NOT_CONNECTED:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return answer


async def test_answers_find_their_messages_in_whatever_order_they_come():
    waiting = []

    async def handle(link, message):
        waiting.append(message["ref"])
        if len(waiting) == 2:
            first, second = waiting
            refusal = {"t": "refused", "ref": first, "code": "insufficient_funds", "message": "."}
            await link.send(json.dumps([{"t": "ack", "ref": second, "seq": 9}, refusal]))

    async with connected(handle) as (socket, _):
        answers = await asyncio.gather(sent(socket, BUY), sent(socket, CANCEL))
    assert sorted(answers, key=str) == [None, "insufficient_funds"]


async def test_a_lost_connection_answers_everybody_who_waits():
    async def handle(link, _message):
        await link.close()

    async with connected(handle) as (socket, _):
        assert await sent(socket, BUY) == LOST


async def test_a_key_that_is_no_good_ends_it():
    async with connected(None, secret="bad") as (_, running):
        with pytest.raises(StreamRefusedError, match="auth_failed"):
            async with asyncio.timeout(10):
                await running


async def test_nothing_is_sent_before_it_is_connected():
    assert await OrderSocket(Key("http://127.0.0.1:1", "CK", "s")).send(BUY) == NOT_CONNECTED


def test_messages_are_what_order_entry_reads():
    assert frame_of(CANCEL, 7) == {"t": "cancel", "ref": 7, "client_order_id": "run-1"}
    assert frame_of(BUY, 8) == {
        "t": "place",
        "ref": 8,
        "order": {
            "symbol": "AAPL",
            "qty": "3",
            "side": "buy",
            "type": "limit",
            "time_in_force": "day",
            "client_order_id": "run-1",
            "limit_price": "131.2000",
        },
    }
    at_market = Message("AAPL", "run-2", Place(Way.SELL, 3))
    assert "limit_price" not in frame_of(at_market, 9)["order"]
