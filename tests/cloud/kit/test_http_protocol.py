"""An answer leaves in one piece, a stream leaves as it comes, and nothing is lost at the end."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn
from litestar.types import Receive, Scope, Send

from cloud.kit.http_protocol import HELD_BYTES_MAX, HttpProtocol, JoinedWrites
from tests.support.serving import serving

GET = b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET %b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


class Written(asyncio.Transport):
    """Keeps what would be sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []
        self.is_closed = False

    def write(self, data: Any) -> None:
        """Keep it."""
        assert not self.is_closed
        self.sent.append(bytes(data))

    def is_closing(self) -> bool:
        """Whether it was closed."""
        return self.is_closed

    def close(self) -> None:
        """Take nothing from now on."""
        self.is_closed = True


@pytest.fixture
def wire() -> Written:
    return Written()


@pytest.fixture
async def joined(wire: Written) -> JoinedWrites:
    return JoinedWrites(wire, asyncio.get_running_loop())


async def test_writes_of_one_turn_are_sent_together_in_their_order(
    joined: JoinedWrites, wire: Written
):
    joined.write(b"head ")
    joined.write(b"body")
    assert wire.sent == []
    await asyncio.sleep(0)
    assert wire.sent == [b"head body"]


async def test_what_is_flushed_is_sent_once(joined: JoinedWrites, wire: Written):
    joined.write(b"a")
    joined.flush()
    joined.write(b"b")
    await asyncio.sleep(0)
    assert wire.sent == [b"a", b"b"]


async def test_closing_sends_what_is_held_first(joined: JoinedWrites, wire: Written):
    joined.write(b"last words")
    joined.close()
    assert wire.sent == [b"last words"]
    assert wire.is_closed
    await asyncio.sleep(0)


async def test_what_comes_after_the_end_goes_nowhere(joined: JoinedWrites, wire: Written):
    joined.close()
    joined.write(b"too late")
    await asyncio.sleep(0)
    assert wire.sent == []


async def test_little_is_held_however_much_is_written(joined: JoinedWrites, wire: Written):
    for _ in range(10):
        joined.write(bytes(HELD_BYTES_MAX // 2))
    assert sum(map(len, wire.sent)) >= 4 * HELD_BYTES_MAX
    await asyncio.sleep(0)
    assert sum(map(len, wire.sent)) == 10 * (HELD_BYTES_MAX // 2)


async def whole(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello", "more_body": False})


def connected(app: Any, wire: Written) -> HttpProtocol:
    config = uvicorn.Config(app, http=HttpProtocol, lifespan="off", log_config=None)
    config.load()
    protocol = HttpProtocol(config, uvicorn.server.ServerState(), {})
    protocol.connection_made(wire)
    return protocol


async def test_an_answer_is_one_write(wire: Written):
    protocol = connected(whole, wire)
    for asked in (1, 2):
        protocol.data_received(GET % b"/")
        await asyncio.gather(*protocol.tasks)
        assert len(wire.sent) == asked
        assert wire.sent[-1].startswith(b"HTTP/1.1 200")
        assert b"hello" in wire.sent[-1]
    protocol.connection_lost(None)


@contextlib.asynccontextmanager
async def listening(app: Any) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to a real server of this app."""
    async with serving(app, has_lifespan=False) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            yield reader, writer
        finally:
            writer.close()


async def test_a_stream_s_first_part_does_not_wait_for_its_last():
    may_end = asyncio.Event()

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first ", "more_body": True})
        await may_end.wait()
        await send({"type": "http.response.body", "body": b"second", "more_body": False})

    async with listening(app) as (reader, writer):
        writer.write(LAST % b"/")
        await asyncio.wait_for(reader.readuntil(b"first "), 10)
        may_end.set()
        assert b"second" in await asyncio.wait_for(reader.read(), 10)


async def test_requests_sent_together_are_all_answered_and_then_the_connection_ends():
    async with listening(whole) as (reader, writer):
        writer.write(GET % b"/1" + GET % b"/2" + LAST % b"/3")
        said = await asyncio.wait_for(reader.read(), 10)
        assert said.count(b"HTTP/1.1 200") == said.count(b"hello") == 3
        assert said.endswith(b"0\r\n\r\n")


async def test_who_asks_whether_to_go_on_is_told():
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        message = await receive()
        assert message["type"] == "http.request"
        await whole(scope, receive, send)

    async with listening(app) as (reader, writer):
        writer.write(
            b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        )
        await asyncio.wait_for(reader.readuntil(b"100 Continue\r\n\r\n"), 10)
        writer.write(b"ok")
        assert b"hello" in await asyncio.wait_for(reader.read(), 10)
