"""The venue's streams as simulated traders hear them; each comes back after a lost connection."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import websockets

from protocols.market_book import LevelBook, SequenceGapError, StreamPlace, resume_request
from simulators.market.books import ticks_of

FEED = "curb"
AGAIN_AFTER_S = 1.0
_MESSAGE_BYTES_MAX = 16_000_000
_AUTH_FAILED = 402

Message = dict[str, Any]
Link = websockets.ClientConnection


class StreamRefusedError(Exception):
    """The venue does not let this key in."""


@dataclass(frozen=True, slots=True)
class Key:
    """An API key of one portfolio, and the venue it opens (http://host:port)."""

    base_url: str
    key_id: str
    secret: str

    def __repr__(self) -> str:
        return f"Key({self.base_url!r}, {self.key_id!r}, ...)"

    def stream_url(self, path: str) -> str:
        """Where a stream of the venue is."""
        return self.base_url.replace("http", "ws", 1) + path


async def listen_again_and_again(url: str, listen: Callable[[Link], Awaitable[None]]) -> None:
    """Listen on one connection after another, until cancelled; connecting is retried as well."""
    # No proxy: the venue of a simulation is on this machine.
    async for link in websockets.connect(url, max_size=_MESSAGE_BYTES_MAX, proxy=None):
        with contextlib.suppress(websockets.ConnectionClosed):
            await listen(link)
        await asyncio.sleep(AGAIN_AFTER_S)


class MarketWatch:
    """Depth, last trades and phases of some symbols."""

    def __init__(self, key: Key, symbols: Sequence[str]) -> None:
        self._key = key
        self._books = {symbol: LevelBook(symbol) for symbol in symbols}
        self._trades = {symbol: StreamPlace("trades", symbol) for symbol in symbols}
        self._statuses = {symbol: StreamPlace("statuses", symbol) for symbol in symbols}
        self._last_ticks = dict.fromkeys(symbols, 0)

    def is_ready(self, symbol: str) -> bool:
        """Whether the book of this symbol is known."""
        return self._books[symbol].is_ready

    def bid_ticks(self, symbol: str) -> int:
        """The best bid; 0 where there is none."""
        best = self._books[symbol].bids(1)
        return ticks_of(best[0][0]) if best else 0

    def ask_ticks(self, symbol: str) -> int:
        """The best ask; 0 where there is none."""
        best = self._books[symbol].asks(1)
        return ticks_of(best[0][0]) if best else 0

    def last_ticks(self, symbol: str) -> int:
        """The newest trade's price; 0 before the first one was seen."""
        return self._last_ticks[symbol]

    async def run(self) -> None:
        """Listen until cancelled.

        Raises:
            StreamRefusedError: the key is no good here.
        """
        await listen_again_and_again(self._key.stream_url(f"/v2/{FEED}"), self._listen)

    async def _listen(self, link: Link) -> None:
        await link.recv()
        pair = {"key": self._key.key_id, "secret": self._key.secret}
        await link.send(json.dumps({"action": "auth"} | pair))
        if not all(map(_is_good, _decoded(await link.recv()))):
            return
        places = (*self._books.values(), *self._trades.values(), *self._statuses.values())
        await link.send(json.dumps(resume_request(*places)))
        async for frame in link:
            for message in _decoded(frame):
                await self._take(link, message)

    async def _take(self, link: Link, message: Message) -> None:
        _is_good(message)
        symbol = str(message.get("S", ""))
        for places in (self._books, self._trades, self._statuses):
            place = places.get(symbol)
            if place is None or not place.is_for(message):
                continue
            try:
                is_news = _apply(place, message)
            except SequenceGapError:
                await link.send(json.dumps(resume_request(place)))
                continue
            if is_news and message["T"] == "t":
                self._last_ticks[symbol] = ticks_of(message["p"])


def _apply(place: StreamPlace, message: Message) -> bool:
    return place.apply(message) if isinstance(place, LevelBook) else place.is_new(message)


async def hear_updates(
    key: Key, *, begin: Callable[[], Awaitable[None]], tell: Callable[[Mapping[str, Any]], None]
) -> None:
    """Call `tell` with each trade update of the key's portfolio, until cancelled.

    begin: called at each new connection, once it listens and before the first update is told;
        reads what may have been missed.

    Raises:
        StreamRefusedError: the key is no good here.
    """

    async def listen(link: Link) -> None:
        pair = {"key_id": key.key_id, "secret_key": key.secret}
        await link.send(json.dumps({"action": "authenticate", "data": pair}))
        answer = json.loads(await link.recv())
        if answer["stream"] != "authorization":
            # It cannot say now whether the key is good: it starts, or stands by.
            return
        if answer["data"]["status"] != "authorized":
            raise StreamRefusedError(f"The order updates refused {key.key_id}.")
        wanted = {"action": "listen", "data": {"streams": ["trade_updates"]}}
        await link.send(json.dumps(wanted))
        await link.recv()
        await begin()
        async for frame in link:
            message = json.loads(frame, parse_float=Decimal)
            if message.get("stream") == "trade_updates":
                tell(message["data"])

    await listen_again_and_again(key.stream_url("/stream"), listen)


def _is_good(message: Message) -> bool:
    """Whether it is no error; the venue closes behind most errors, and then we come again.

    Raises:
        StreamRefusedError: the key is no good here.
    """
    if message.get("T") != "error":
        return True
    if message.get("code") == _AUTH_FAILED:
        raise StreamRefusedError(f"The market data said: {message}")
    return False


def _decoded(frame: str | bytes) -> list[Message]:
    messages: list[Message] = json.loads(frame, parse_float=Decimal)
    return messages
