"""Clients of `/stream` in front of a venue behind a real web server."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.support.trading_clients import Trader

WITHIN_S = 20.0


@pytest.fixture
def venue_tasks() -> tuple[str, ...]:
    """It keeps its time."""
    return ("trade-updates",)


class StreamClient:
    """A plain client: JSON in and out; what is asked for waits for its answer."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def send(self, **message: Any) -> None:
        await self.socket.send(msgspec.json.encode(message).decode())

    async def next(self, stream: str | None = None) -> dict[str, Any]:
        """The next frame, of this stream if one is named: others are read over."""
        async with asyncio.timeout(WITHIN_S):
            while True:
                frame = await self.socket.recv()
                assert isinstance(frame, bytes), "Alpaca sends binary frames"
                message: dict[str, Any] = msgspec.json.decode(frame)
                if stream is None or message["stream"] == stream:
                    return message

    async def many(self, count: int, stream: str = "trade_updates") -> list[dict[str, Any]]:
        return [await self.next(stream) for _ in range(count)]

    async def authenticate(self, trader: Trader) -> None:
        data = {"key_id": trader.key, "secret_key": trader.secret}
        await self.send(action="authenticate", data=data)
        answer = await self.next()
        assert answer["data"] == {"status": "authorized", "action": "authenticate"}

    async def listen(self, *streams: str, **data: Any) -> dict[str, Any]:
        await self.send(action="listen", data={"streams": streams, **data})
        return await self.next("listening")

    async def drained(self) -> tuple[int, str]:
        """Read what is still there, then the close code and reason."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                await self.socket.recv()
        return await self.ending()

    async def ending(self) -> tuple[int, str]:
        """The close code and reason, once the server has closed."""
        async with asyncio.timeout(WITHIN_S):
            await self.socket.wait_closed()
        assert self.socket.close_code is not None
        return self.socket.close_code, self.socket.close_reason or ""


@contextlib.asynccontextmanager
async def stream_of(url: str, **options: Any) -> AsyncIterator[StreamClient]:
    """A connection to `/stream` of the venue at this address."""
    async with connect(url.replace("http", "ws", 1) + "/stream", **options) as socket:
        yield StreamClient(socket)
