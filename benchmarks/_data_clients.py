"""The thousand subscribers of `market-data`, in a process of their own: hear, note the time, print.

Standard input: one JSON object (see Order). Standard output: a line `ready` when all have
subscribed, then one JSON object (see Heard). Lean, because they share the cores with what is
measured (see `_frames.py`): a frame that many get is decoded once.
Each keeps to its place in every stream: a number that is missing or doubled is counted.
"""

import asyncio
import sys
import time
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import uvloop

from benchmarks._frames import BINARY, WebSocketClient, client_frame
from protocols.market_book import CHANNEL_TYPES

CHANNELS = ("trades", "quotes", "orderbooks")
JOINING_AT_ONCE = 50
_CHANNEL_OF = {kind: name for name, kind in CHANNEL_TYPES.items()}


class Order(msgspec.Struct):
    """What to do: so many clients of one symbol, until each has heard so many trades."""

    url: str
    key: str
    secret: str
    symbol: str
    clients: int
    trades: int
    within_s: float


class Heard(msgspec.Struct):
    """What came. times_ns: by number of the trade, when each client had it (Unix epoch).

    matched_ns: by number of the trade, when the venue matched it, as its message says.
    """

    times_ns: list[list[int]]
    matched_ns: list[int]
    frames: int
    gaps: int
    doubled: int


class _Message(msgspec.Struct):
    T: str
    S: str = ""
    seq: int = 0
    msg: str = ""
    t: datetime | None = None


_decoder = msgspec.msgpack.Decoder(list[_Message])
_decoded: dict[bytes, list[_Message]] = {}


def _messages(payload: bytes) -> list[_Message]:
    found = _decoded.get(payload)
    if found is None:
        if len(_decoded) > 10_000:
            _decoded.clear()
        found = _decoded[payload] = _decoder.decode(payload)
    return found


def _request(**fields: object) -> bytes:
    return client_frame(BINARY, msgspec.msgpack.encode(fields))


class _Client(WebSocketClient):
    def __init__(self, order: Order, report: Heard) -> None:
        super().__init__(f"{order.url}?codec=msgpack", BINARY)
        loop = asyncio.get_running_loop()
        self.order = order
        self.report = report
        self.is_in = loop.create_future()
        self.is_done = loop.create_future()
        self.trades = 0
        self.places: dict[str, int] = {}
        self._now_ns = 0

    def opened(self) -> None:
        self.transport.write(_request(action="auth", key=self.order.key, secret=self.order.secret))

    def connection_lost(self, error: Exception | None) -> None:
        for future in (self.is_in, self.is_done):
            if not future.done():
                future.set_exception(ConnectionError(f"The server went away: {error}"))

    def data_received(self, data: bytes) -> None:
        self._now_ns = time.time_ns()
        super().data_received(data)

    def heard(self, payload: bytes) -> None:
        self.report.frames += 1
        for one in _messages(payload):
            if one.T == "success" and one.msg == "authenticated":
                symbols = [self.order.symbol]
                self.transport.write(
                    _request(action="subscribe", **dict.fromkeys(CHANNELS, symbols))
                )
            elif one.T == "subscription":
                self.is_in.set_result(None)
            elif one.T in _CHANNEL_OF:
                self._note(one, self._now_ns)

    def _note(self, one: _Message, now_ns: int) -> None:
        heard = self.report
        before = self.places.get(one.T)
        if before is not None and one.seq != before + 1:
            heard.gaps += one.seq > before + 1
            heard.doubled += one.seq <= before
        self.places[one.T] = one.seq
        if one.T != "t":
            return
        number = self.trades
        self.trades += 1
        if number < len(heard.times_ns):
            heard.times_ns[number].append(now_ns)
            assert one.t is not None
            heard.matched_ns[number] = round(one.t.timestamp() * 1e6) * 1_000
        if self.trades == self.order.trades and not self.is_done.done():
            self.is_done.set_result(None)


async def _main(order: Order) -> Heard:
    heard = Heard([[] for _ in range(order.trades)], [0] * order.trades, 0, 0, 0)
    parts = urlsplit(order.url)
    assert parts.hostname is not None
    loop = asyncio.get_running_loop()
    clients: list[_Client] = []
    while len(clients) < order.clients:
        some = [
            await loop.create_connection(
                lambda: _Client(order, heard), parts.hostname, parts.port or 80
            )
            for _ in range(min(JOINING_AT_ONCE, order.clients - len(clients)))
        ]
        joining = [client for _, client in some]
        async with asyncio.timeout(order.within_s):
            await asyncio.gather(*[client.is_in for client in joining])
        clients += joining
    print("ready", flush=True)  # noqa: T201 - the protocol with the parent
    await asyncio.wait([client.is_done for client in clients], timeout=order.within_s)
    for client in clients:
        if client.is_done.done():
            client.is_done.result()
        client.is_done.cancel()
        client.transport.close()
    return heard


if __name__ == "__main__":
    asked = msgspec.json.decode(sys.stdin.buffer.readline(), type=Order)
    told = uvloop.run(_main(asked))
    # Megabytes, by way of a file: behind a thousand sockets the pipe gave the first 64 KiB only.
    Path(sys.argv[1]).write_bytes(msgspec.json.encode(told))
