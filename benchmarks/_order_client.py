"""The client of `orders`, in a process of its own: sends orders, times their answers, tells both.

Standard input: one JSON object (see Plan). The file that it is given gets one JSON object (see
Answered): of a long one through a pipe, now and then only the first 64 KiB came. It is lean,
because it shares the cores with what is measured: frames are made beforehand, see also
`_frames.py`.

Some acknowledged orders are looked up in the database the moment their answer is here: one that
is not there was acknowledged before its commit.
"""

import asyncio
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import asyncpg
import msgspec
import uvloop

from benchmarks._frames import TEXT, WebSocketClient, client_frame

LOOKED_UP = 300
_TICK_S = 0.001
_WITHIN_S = 120


class Plan(msgspec.Struct):
    """What to do. One of window (that many unanswered at once), rate (orders a second) and
    connections is set.

    first, count: the numbers of the orders; each has its own in its client_order_id.
    connections: over HTTP instead, each with one order unanswered; `url` is then http.
    """

    url: str
    database_url: str
    key: str
    secret: str
    symbols: int
    first: int
    count: int
    window: int = 0
    rate: int = 0
    connections: int = 0


class Answered(msgspec.Struct):
    """What came. waits_ns: from when each order was due to its answer, in order of numbers."""

    took_s: float
    acked: int
    refused: int
    filled: int
    frames: int
    early: int
    looked_up: int
    last_refusal: str
    waits_ns: list[int]


class _Answer(msgspec.Struct):
    t: str
    ref: int = 0
    id: str = ""
    filled_qty: int = 0
    code: str = ""
    message: str = ""


_decoder = msgspec.json.Decoder(list[_Answer])


def order_json(number: int, symbols: int) -> bytes:
    """Half of the orders trade at once with what rests there, half rest deeper in the book."""
    symbol = number % symbols + 1
    is_buy = number // symbols % 2 == 0
    is_crossing = number // (2 * symbols) % 2 == 0
    cents = number * 7 % 97
    price = (10_050 + cents) if is_buy == is_crossing else (9_950 - cents)
    side = "buy" if is_buy else "sell"
    return (
        f'{{"symbol":"BEN{symbol:02}","qty":"{number % 9 + 1}","side":"{side}","type":"limit",'
        f'"time_in_force":"gtc","limit_price":"{price // 100}.{price % 100:02}",'
        f'"client_order_id":"bench-{number}"}}'
    ).encode()


class _Client(WebSocketClient):
    def __init__(self, plan: Plan) -> None:
        super().__init__(plan.url, TEXT)
        loop = asyncio.get_running_loop()
        self.plan = plan
        self.is_open = loop.create_future()
        self.is_welcome = loop.create_future()
        self.is_done = loop.create_future()
        self.frames = [
            client_frame(
                TEXT, b'{"t":"place","ref":%d,"order":%b}' % (n, order_json(n, plan.symbols))
            )
            for n in range(plan.first, plan.first + plan.count)
        ]
        self.due_ns = [0] * plan.count
        self.waits_ns = [0] * plan.count
        self.sent = self.acked = self.refused = self.filled = self.frames_heard = 0
        self.last_refusal = ""
        self.to_look_up: asyncio.Queue[str] = asyncio.Queue()
        self._every = max(1, plan.count // LOOKED_UP)

    def opened(self) -> None:
        self.is_open.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        for future in (self.is_open, self.is_welcome, self.is_done):
            if not future.done():
                future.set_exception(ConnectionError(f"The server went away: {error}"))

    def heard(self, payload: bytes) -> None:
        now_ns = time.perf_counter_ns()
        self.frames_heard += 1
        for answer in _decoder.decode(payload):
            if answer.t == "ack":
                number = answer.ref - self.plan.first
                self.waits_ns[number] = now_ns - self.due_ns[number]
                self.acked += 1
                self.filled += answer.filled_qty > 0
                if number % self._every == 0:
                    self.to_look_up.put_nowait(answer.id)
            elif answer.t == "refused":
                self.refused += 1
                self.last_refusal = f"{answer.code}: {answer.message}"
            elif answer.t == "welcome":
                self.is_welcome.set_result(None)
        if self.plan.window:
            self.send_up_to(self.acked + self.refused + self.plan.window)
        if self.acked + self.refused == self.plan.count and not self.is_done.done():
            self.is_done.set_result(None)

    def send_up_to(self, count: int) -> None:
        """Send what is due until so many have been sent."""
        first, last = self.sent, min(count, self.plan.count)
        if last <= first:
            return
        if self.plan.window:
            now_ns = time.perf_counter_ns()
            for number in range(first, last):
                self.due_ns[number] = now_ns
        self.transport.write(b"".join(self.frames[first:last]))
        self.sent = last

    async def pace(self) -> None:
        """Send at the plan's rate; an order that is late waits from when it was due."""
        begun_ns = time.perf_counter_ns()
        between_ns = 1_000_000_000 // self.plan.rate
        for number in range(self.plan.count):
            self.due_ns[number] = begun_ns + number * between_ns
        while self.sent < self.plan.count:
            self.send_up_to((time.perf_counter_ns() - begun_ns) // between_ns + 1)
            await asyncio.sleep(_TICK_S)

    def authenticate(self) -> None:
        """Say who this is."""
        told = {"t": "auth", "key": self.plan.key, "secret": self.plan.secret}
        self.transport.write(client_frame(TEXT, msgspec.json.encode(told)))


class _HttpConnection(asyncio.Protocol):
    """One keep-alive connection; its next order goes out with the answer to the last."""

    def __init__(self, plan: Plan, numbers: Iterator[int], answered: Answered) -> None:
        self.is_done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._plan = plan
        self._numbers = numbers
        self._answered = answered
        self._buffer = bytearray()
        self._sent_ns = 0
        self._head = (
            f"POST /v2/orders HTTP/1.1\r\nHost: {urlsplit(plan.url).netloc}\r\n"
            f"APCA-API-KEY-ID: {plan.key}\r\nAPCA-API-SECRET-KEY: {plan.secret}\r\n"
            "Content-Type: application/json\r\nContent-Length: "
        ).encode()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.is_done.done():
            self.is_done.set_exception(ConnectionError(f"The server went away: {error}"))

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        end = buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(buffer[:end]).lower()
        size = int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        if len(buffer) < end + 4 + size:
            return
        self._answered.waits_ns.append(time.perf_counter_ns() - self._sent_ns)
        if head.startswith(b"http/1.1 200"):
            self._answered.acked += 1
        else:
            self._answered.refused += 1
            self._answered.last_refusal = bytes(buffer[end + 4 :]).decode(errors="replace")
        buffer.clear()
        self._send()

    def _send(self) -> None:
        number = next(self._numbers, None)
        if number is None:
            self.is_done.set_result(None)
            return
        body = order_json(number, self._plan.symbols)
        self._sent_ns = time.perf_counter_ns()
        self.transport.write(self._head + b"%d\r\n\r\n%b" % (len(body), body))


async def _over_http(plan: Plan) -> Answered:
    answered = Answered(0, 0, 0, 0, 0, 0, 0, "", [])
    numbers = iter(range(plan.first, plan.first + plan.count))
    parts = urlsplit(plan.url)
    assert parts.hostname is not None
    host, port = parts.hostname, parts.port or 80
    begun_ns = time.perf_counter_ns()
    opened = [
        await asyncio.get_running_loop().create_connection(
            lambda: _HttpConnection(plan, numbers, answered), host, port
        )
        for _ in range(plan.connections)
    ]
    async with asyncio.timeout(_WITHIN_S):
        await asyncio.gather(*(connection.is_done for _, connection in opened))
    answered.took_s = (time.perf_counter_ns() - begun_ns) / 1e9
    for transport, _ in opened:
        transport.close()
    return answered


async def _look_up(client: _Client, found: list[bool]) -> None:
    """Whether each order is in the database as soon as its answer is here."""
    connection = await asyncpg.connect(client.plan.database_url)
    try:
        while True:
            public = await client.to_look_up.get()
            row_id = int(public.replace("-", "")[16:], 16) & ((1 << 62) - 1)
            query = "SELECT count(*) FROM orders WHERE id = $1"
            found.append(await connection.fetchval(query, row_id) == 1)
    finally:
        await connection.close()


async def _main(plan: Plan) -> Answered:
    loop = asyncio.get_running_loop()
    parts = urlsplit(plan.url)
    assert parts.hostname is not None
    _, client = await loop.create_connection(
        lambda: _Client(plan), parts.hostname, parts.port or 80
    )
    await asyncio.wait_for(client.is_open, 30)
    client.authenticate()
    await asyncio.wait_for(client.is_welcome, 30)
    found: list[bool] = []
    looking = asyncio.create_task(_look_up(client, found))
    begun_ns = time.perf_counter_ns()
    if plan.window:
        client.send_up_to(plan.window)
    else:
        await client.pace()
    await asyncio.wait_for(client.is_done, _WITHIN_S)
    took_s = (time.perf_counter_ns() - begun_ns) / 1e9
    while not client.to_look_up.empty():
        await asyncio.sleep(0.01)
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)
    client.transport.close()
    return Answered(
        took_s,
        client.acked,
        client.refused,
        client.filled,
        client.frames_heard,
        found.count(False),
        len(found),
        client.last_refusal,
        client.waits_ns,
    )


if __name__ == "__main__":
    asked = msgspec.json.decode(sys.stdin.buffer.readline(), type=Plan)
    told = uvloop.run(_over_http(asked) if asked.connections else _main(asked))
    Path(sys.argv[1]).write_bytes(msgspec.json.encode(told))
