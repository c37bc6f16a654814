"""The venue's two streams as the ladder hears them: market data, and what became of own orders.

Both come back by themselves after a lost connection; the book says itself where it goes on.
"""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import websockets

from launcher.errors import LauncherError
from launcher.trade.access import Access
from protocols.market_book import LevelBook, SequenceGapError, StreamPlace, resume_request

FEED = "curb"
_AGAIN_AFTER_S = 1.0
_MESSAGE_BYTES_MAX = 16_000_000
_AUTH_FAILED = 402

Message = dict[str, Any]


class MarketFeed:
    """Depth, trades and statuses of one symbol.

    tell: hears every message that is news, after the book took it in.
    """

    def __init__(self, access: Access, symbol: str, tell: Callable[[Message], None]) -> None:
        self.book = LevelBook(symbol)
        self._access = access
        self._tell = tell
        self._places = (
            self.book,
            StreamPlace("trades", symbol),
            StreamPlace("statuses", symbol),
        )

    async def run(self) -> None:
        """Listen until cancelled.

        Raises:
            LauncherError: the venue does not let this key in.
        """
        await _again(_stream_url(self._access, f"/v2/{FEED}"), self._listen)

    async def _listen(self, link: websockets.ClientConnection) -> None:
        if not await self._log_in(link):
            return
        await link.send(json.dumps(resume_request(*self._places)))
        async for frame in link:
            for message in _decoded(frame):
                await self._hear(link, message)

    async def _log_in(self, link: websockets.ClientConnection) -> bool:
        await link.recv()
        pair = {"key": self._access.key_id, "secret": self._access.secret}
        await link.send(json.dumps({"action": "auth"} | pair))
        return all(map(_is_good, _decoded(await link.recv())))

    async def _hear(self, link: websockets.ClientConnection, message: Message) -> None:
        for place in self._places:
            if place.is_for(message):
                await self._take(link, place, message)
        _is_good(message)

    async def _take(
        self, link: websockets.ClientConnection, place: StreamPlace, message: Message
    ) -> None:
        try:
            is_news = self.book.apply(message) if place is self.book else place.is_new(message)
        except SequenceGapError:
            await link.send(json.dumps(resume_request(place)))
            return
        if is_news:
            self._tell(message)


async def hear_own_orders(access: Access, tell: Callable[[Message], None]) -> None:
    """Call `tell` with every update of the key's orders, until cancelled.

    Raises:
        LauncherError: the venue does not let this key in.
    """

    async def listen(link: websockets.ClientConnection) -> None:
        pair = {"key_id": access.key_id, "secret_key": access.secret}
        await link.send(json.dumps({"action": "authenticate", "data": pair}))
        answer = json.loads(await link.recv())
        if answer["stream"] != "authorization":
            # It cannot say now whether the key is good: it starts, or stands by.
            return
        if answer["data"]["status"] != "authorized":
            raise LauncherError("The venue's order updates refused the key.")
        wanted = {"action": "listen", "data": {"streams": ["trade_updates"]}}
        await link.send(json.dumps(wanted))
        # Whatever happened while nobody listened: look once.
        tell({"stream": "trade_updates", "data": {}})
        async for frame in link:
            message = json.loads(frame, parse_float=Decimal)
            if message.get("stream") == "trade_updates":
                tell(message)

    await _again(_stream_url(access, "/stream"), listen)


async def _again(
    url: str, listen: Callable[[websockets.ClientConnection], Awaitable[None]]
) -> None:
    """Listen on one connection after another; the next when the last was lost."""
    # No proxy: the demo is on this machine. Connecting is retried by websockets itself.
    async for link in websockets.connect(url, max_size=_MESSAGE_BYTES_MAX, proxy=None):
        with contextlib.suppress(websockets.ConnectionClosed):
            await listen(link)
        await asyncio.sleep(_AGAIN_AFTER_S)


def _stream_url(access: Access, path: str) -> str:
    return access.base_url.replace("http", "ws", 1) + path


def _is_good(message: Message) -> bool:
    """Whether it is no error; the venue closes behind most errors, and then we come again.

    Raises:
        LauncherError: the key is no good here.
    """
    if message.get("T") != "error":
        return True
    if message.get("code") == _AUTH_FAILED:
        raise LauncherError("The venue's market data refused the key.")
    return False


def _decoded(frame: str | bytes) -> list[Message]:
    messages: list[Message] = json.loads(frame, parse_float=Decimal)
    return messages
