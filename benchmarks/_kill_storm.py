"""Kills the process that leads the exchange, again and again, under load, and keeps the books.

Two processes of the cloud (role exchange) on one database: one leads, one stands by. A client
sends orders over order entry, each with a name of its own, a thousand a second in bursts. At a
random moment the leader gets SIGKILL; the standby takes over, a new one is started, and the client
sends again, under the same names, whatever it got no answer for, and now and then something that
it did get one for. Every answer, and in the end every row, is held against what was told before.
"""

import asyncio
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, WebSocketException

from benchmarks._order_client import order_json
from benchmarks._venue import Trader
from launcher.compiled import variables as compiled_variables

ROOT = Path(__file__).parents[1]
WINDOW = 200
# A thousand orders a second: many a batch, and few enough for a standby that starts to catch up.
BURST = 50
BURST_EVERY_S = 0.05
_READY_WITHIN_S = 120.0
_REPEAT_EVERY = 25
_POLL_S = 0.02


class Member:
    """One process that may lead. Its log is read all the time, or it would block on it."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "cloud", "--roles", "exchange", "--port", "0"],
            cwd=ROOT,
            env=dict(os.environ)
            | compiled_variables()
            | dict(environment)
            | {"CURB_LOG_FORMAT": "json"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stderr is not None
        self._events: dict[str, dict[str, Any]] = {}
        self._tail: list[str] = []
        self._reader = threading.Thread(
            target=self._read, args=(self._process.stderr,), daemon=True
        )
        self._reader.start()

    def _read(self, log: IO[str]) -> None:
        for line in log:
            self._tail = [*self._tail[-50:], line]
            with contextlib.suppress(json.JSONDecodeError):
                event = json.loads(line)
                self._events[event.get("event", "")] = event
        log.close()

    async def told(self, name: str, within_s: float = _READY_WITHIN_S) -> dict[str, Any]:
        """Wait until it has logged an event of this name; gives the event."""
        deadline_s = time.monotonic() + within_s
        while name not in self._events:
            if self._process.poll() is not None or time.monotonic() > deadline_s:
                raise RuntimeError(f"There was no {name!r} in time:\n{''.join(self._tail)}")
            await asyncio.sleep(_POLL_S)
        return self._events[name]

    async def url(self) -> str:
        """Where it takes orders."""
        port = (await self.told("serving"))["port"]
        return f"ws://127.0.0.1:{port}/v2/orders/ws"

    def send_signal(self, number: signal.Signals) -> None:
        """Only to this process."""
        self._process.send_signal(number)

    def exit_status(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def end(self) -> None:
        """Kill it, if it still runs, and wait until it is gone."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._reader.join(10)


@dataclass
class Book:
    """What the client has been told. ids: of acknowledged orders, by their number."""

    ids: dict[int, str] = field(default_factory=dict)
    unknown: list[int] = field(default_factory=list)
    sent: int = 0
    retried: int = 0
    found_done: int = 0
    repeats: int = 0
    wrong: list[str] = field(default_factory=list)

    def note(self, answer: "_Answer") -> None:
        """An answer to the order of the number `ref`."""
        if answer.t == "refused":
            self.wrong.append(f"order {answer.ref} was refused: {answer.message}")
            return
        before = self.ids.get(answer.ref)
        if before is None:
            self.ids[answer.ref] = answer.id
            self.found_done += answer.is_repeat
        else:
            self.repeats += 1
            if before != answer.id or not answer.is_repeat:
                self.wrong.append(f"order {answer.ref} was done again, as {answer.id}")


class _Answer(msgspec.Struct):
    t: str
    ref: int = 0
    id: str = ""
    is_repeat: bool = False
    message: str = ""


_decoder = msgspec.json.Decoder(list[_Answer])


class Client:
    """Sends orders to whoever leads, until the connection breaks."""

    def __init__(self, trader: Trader, symbols: int, draw: random.Random) -> None:
        self.book = Book()
        self._trader = trader
        self._symbols = symbols
        self._draw = draw

    async def open(self, url: str, within_s: float) -> ClientConnection:
        """A connection that was welcomed, as soon as there is one to be had."""
        deadline_s = time.monotonic() + within_s
        while True:
            try:
                connection = await connect(url, compression=None, max_size=None, ping_interval=None)
                told = {"t": "auth", "key": self._trader.key, "secret": self._trader.secret}
                await connection.send(json.dumps(told))
                async with asyncio.timeout(10):
                    first = _decoder.decode(await connection.recv())[0]
                if first.t == "welcome":
                    return connection
                await connection.close()
            except (OSError, TimeoutError, InvalidHandshake, WebSocketException) as problem:
                if time.monotonic() > deadline_s:
                    raise RuntimeError("Nobody takes orders.") from problem
            if time.monotonic() > deadline_s:
                raise RuntimeError("Nobody takes orders.")
            await asyncio.sleep(_POLL_S)

    async def work(self, connection: ClientConnection, first_ack: asyncio.Event) -> None:
        """Send what nobody answered, then new orders, until the connection breaks."""
        book = self.book
        again, book.unknown = book.unknown, []
        book.retried += len(again)
        in_flight = dict.fromkeys(again)
        sending = asyncio.create_task(self._send(connection, again, in_flight))
        try:
            while True:
                for answer in _decoder.decode(await connection.recv()):
                    if answer.t in ("ack", "refused"):
                        book.note(answer)
                        in_flight.pop(answer.ref, None)
                        first_ack.set()
        except (OSError, WebSocketException):
            book.unknown = [number for number in in_flight if number not in book.ids]
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    async def _send(
        self, connection: ClientConnection, again: Sequence[int], in_flight: dict[int, None]
    ) -> None:
        """Those again, then new ones in bursts, as long as the window has room for them."""
        for number in again:
            await connection.send(self.frame(number))
        while True:
            for _ in range(min(BURST, WINDOW - len(in_flight))):
                number = self.next_number()
                in_flight[number] = None
                await connection.send(self.frame(number))
            await asyncio.sleep(BURST_EVERY_S)

    def next_number(self) -> int:
        """A new order's number; now and then, one that was acknowledged already."""
        book = self.book
        if book.ids and self._draw.randrange(_REPEAT_EVERY) == 0:
            return self._draw.choice(list(book.ids)[-500:])
        book.sent += 1
        return book.sent

    def frame(self, number: int) -> str:
        """The message that places the order of this number, the same every time."""
        return (
            f'{{"t":"place","ref":{number},"order":{order_json(number, self._symbols).decode()}}}'
        )


async def storm(
    environment: Mapping[str, str], trader: Trader, *, symbols: int, kills: int, seed: int
) -> tuple[Book, list[float]]:
    """Kill the leader so many times; gives what the client was told, and the takeovers' seconds.

    A takeover is counted from the signal to the first order that the next leader acknowledges.
    """
    draw = random.Random(seed)  # noqa: S311 - moments that can be had again
    client = Client(trader, symbols, draw)
    took_s: list[float] = []
    members = [Member(environment)]
    try:
        await members[0].told("exchange_leads")
        connection = await client.open(await members[0].url(), 30)
        for _ in range(kills):
            members.append(Member(environment))
            first_ack = asyncio.Event()
            working = asyncio.create_task(client.work(connection, first_ack))
            # Only a standby that has caught up is one; until then the leader works on.
            await members[1].told("exchange_recovered")
            url = await members[1].url()
            await asyncio.wait_for(first_ack.wait(), 30)
            await asyncio.sleep(draw.uniform(0.0, 0.5))
            killed_s = time.monotonic()
            members[0].send_signal(signal.SIGKILL)
            await asyncio.wait_for(working, 30)
            connection = await client.open(url, 30)
            await _one_answer(client, connection)
            took_s.append(time.monotonic() - killed_s)
            members.pop(0).end()
        settling = asyncio.create_task(client.work(connection, asyncio.Event()))
        await asyncio.sleep(0.2)
        await _settle(client, settling, connection)
    finally:
        for member in members:
            member.end()
    return client.book, took_s


async def hang(environment: Mapping[str, str]) -> tuple[float, int]:
    """Stop the leader without killing it: the seconds until another leads, and its exit status.

    It is woken afterwards, and must end by itself: it leads no more.
    """
    members = [Member(environment)]
    try:
        await members[0].told("exchange_leads")
        members.append(Member(environment))
        await members[1].told("exchange_recovered")
        members[0].send_signal(signal.SIGSTOP)
        hung_s = time.monotonic()
        await members[1].told("exchange_leads")
        took_s = time.monotonic() - hung_s
        members[0].send_signal(signal.SIGCONT)
        async with asyncio.timeout(_READY_WITHIN_S):
            while (status := members[0].exit_status()) is None:
                await asyncio.sleep(_POLL_S)
        return took_s, status
    finally:
        for member in members:
            member.end()


async def _one_answer(client: Client, connection: ClientConnection) -> None:
    """The first order that is done by the new leader: one that nobody answered, if there is one."""
    book = client.book
    number = book.unknown.pop(0) if book.unknown else client.next_number()
    book.retried += number not in book.ids
    await connection.send(client.frame(number))
    async with asyncio.timeout(30):
        while number not in book.ids:
            for answer in _decoder.decode(await connection.recv()):
                if answer.t in ("ack", "refused"):
                    book.note(answer)


async def _settle(
    client: Client, working: "asyncio.Task[None]", connection: ClientConnection
) -> None:
    """Stop sending, and wait for the answers to what was sent."""
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    book = client.book
    missing = {number for number in range(1, book.sent + 1) if number not in book.ids}
    for number in missing:
        await connection.send(client.frame(number))
    async with asyncio.timeout(60):
        while missing:
            for answer in _decoder.decode(await connection.recv()):
                if answer.t in ("ack", "refused"):
                    book.note(answer)
                    missing.discard(answer.ref)
    await connection.close()
