"""Clients of `/v2/orders/ws` in front of a venue behind a real web server."""

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
    return ("order-entry",)


class EntryClient:
    """A plain client: messages out, messages in one by one, whatever frame they came in."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.frames: list[list[dict[str, Any]]] = []
        self._messages: list[dict[str, Any]] = []

    async def send(self, t: str, **fields: Any) -> None:
        await self.socket.send(msgspec.json.encode({"t": t, **fields}).decode())

    async def next(self) -> dict[str, Any]:
        """The next message; an update counts as one of type `update`."""
        while not self._messages:
            async with asyncio.timeout(WITHIN_S):
                frame = msgspec.json.decode(await self.socket.recv())
            if isinstance(frame, dict):
                return {"t": "update", **frame}
            self.frames.append(frame)
            self._messages = frame
        return self._messages.pop(0)

    async def ask(self, t: str, **fields: Any) -> dict[str, Any]:
        """Send, and the next message of the same ref."""
        await self.send(t, **fields)
        while True:
            answer = await self.next()
            if answer.get("ref") == fields["ref"]:
                return answer

    async def place(self, ref: int, **order: Any) -> dict[str, Any]:
        """Place a limit order of ACME for a day unless it says otherwise."""
        terms = {"symbol": "ACME", "type": "limit", "time_in_force": "day", **order}
        return await self.ask("place", ref=ref, order=terms)

    async def ending(self) -> tuple[int, str]:
        """Read on until the server closes; the close code and the last message's code."""
        last = ""
        with contextlib.suppress(ConnectionClosed):
            while True:
                last = (await self.next()).get("code", "")
        assert self.socket.close_code is not None
        return self.socket.close_code, last


@contextlib.asynccontextmanager
async def entry_of(url: str, **options: Any) -> AsyncIterator[EntryClient]:
    """A connection that has said nothing yet."""
    async with connect(url.replace("http", "ws", 1) + "/v2/orders/ws", **options) as socket:
        yield EntryClient(socket)


@contextlib.asynccontextmanager
async def signed_in(trader: Trader) -> AsyncIterator[EntryClient]:
    """A connection that has shown its key."""
    async with entry_of(trader.url) as client:
        await client.send("auth", key=trader.key, secret=trader.secret)
        assert (await client.next())["t"] == "welcome"
        yield client
