"""The world's end of the wire to simulated boards; simulators/board/world.py has the messages.

async with WorldServer() as server:          # boards are started with CURB_WORLD=server.address
    board = await server.board("elm-in-1")
    board.set_loop("arming", on=True)
    await board.wait_until(lambda message: message.get("state") == "vehicle")
"""

import asyncio
import json
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal, Self

Message = dict[str, Any]
CardDump = dict[str, str]
"""A card with its memory: {"type", "uid", "memory"}, as simulators/hardware/tags.py writes it."""

_LINE_BYTES_MAX: Final = 65_536
_BACKLOG_MAX: Final = 4_096


class BoardGoneError(Exception):
    """The board hung up: it was reset, killed, or has ended."""


class BoardLink:
    """One running board. Sending never waits; what the board says is kept until it is received.

    gate: id of the gate; kind: esp32 or rp2; reset: why it started (power_on, soft, watchdog).
    state: the lane's last state; relay: whether the relay is closed; display, lamp: as last told.
    """

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, hello: Message
    ) -> None:
        self.gate: str = hello["hello"]
        self.kind: str = hello["board"]
        self.reset: str = hello["reset"]
        self.state: str | None = None
        self.relay = False
        self.display = ""
        self.lamp: dict[str, bool] = {}
        self._reader = reader
        self._writer = writer
        self._heard: deque[Message] = deque(maxlen=_BACKLOG_MAX)
        self._has_news = asyncio.Event()
        self._is_gone = False
        self.on_message: Callable[[Message], None] | None = None
        """Told every message as it comes, after the attributes above were brought up to date."""

    @property
    def is_gone(self) -> bool:
        """Whether the board has hung up."""
        return self._is_gone

    def send(self, message: Message) -> None:
        """Send one message; to a board that is gone it is lost."""
        if not self._writer.is_closing():
            self._writer.write(json.dumps(message).encode() + b"\n")

    def set_loop(self, loop: Literal["arming", "safety"], *, on: bool) -> None:
        """Metal above a loop, or not."""
        self.send({"loop": loop, "on": on})

    def set_field(self, cards: Sequence[CardDump]) -> None:
        """The cards at the reader from now on."""
        self.send({"field": list(cards)})

    def set_arm(self, arm: Literal["up", "down", "moving"]) -> None:
        """What the limit switches say."""
        self.send({"arm": arm})

    def set_fault(self, **fault: str | int | None) -> None:
        """Faults: reader="hang"|"noise"|"wiring"|None, rtc_offset_ms=int, wifi=bool."""
        self.send({"fault": fault})

    async def receive(self) -> Message:
        """The next message the board sent.

        Raises:
            BoardGoneError: it hung up and everything it said was received.
        """
        while not self._heard:
            if self._is_gone:
                raise BoardGoneError(f"The board of {self.gate} is gone.")
            self._has_news.clear()
            await self._has_news.wait()
        return self._heard.popleft()

    async def wait_until(
        self, is_it: Callable[[Message], bool], *, within_s: float = 10.0
    ) -> Message:
        """Receive, and drop, messages up to the first that `is_it` says yes to; that one.

        Raises:
            TimeoutError: none came in time.
            BoardGoneError: see `receive`.
        """
        async with asyncio.timeout(within_s):
            while True:
                message = await self.receive()
                if is_it(message):
                    return message

    def forget(self) -> None:
        """Drop what was said so far and not received."""
        self._heard.clear()

    def hang_up(self) -> None:
        """End the connection, which ends the board's process."""
        self._writer.close()

    async def listen(self) -> None:
        """Take in what the board says until it hangs up; the server runs this."""
        try:
            while line := await self._reader.readline():
                self._take(json.loads(line))
        except (ConnectionError, ValueError):
            # A process that was killed leaves half a line or a reset connection.
            pass
        finally:
            self._is_gone = True
            self._has_news.set()
            self._writer.close()

    def _take(self, message: Message) -> None:
        if "state" in message:
            self.state = message["state"]
        elif message.get("pin") == "relay":
            self.relay = message["on"]
        elif "display" in message:
            self.display = message["display"]
        elif "lamp" in message:
            self.lamp = message["lamp"]
        self._heard.append(message)
        self._has_news.set()
        if self.on_message is not None:
            self.on_message(message)


class WorldServer:
    """Accepts boards on loopback; an async context manager.

    on_board: called with every board that connects, before it is handed to `board`.
    """

    def __init__(self, on_board: Callable[[BoardLink], None] | None = None) -> None:
        self._on_board = on_board
        self._server: asyncio.Server | None = None
        self._boards: dict[str, BoardLink] = {}
        self._has_come = asyncio.Condition()
        self._listening: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> str:
        """The value of CURB_WORLD."""
        if self._server is None:
            raise RuntimeError("The world does not listen yet.")
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"{host}:{port}"

    async def __aenter__(self) -> Self:
        """Listen on a port the system chooses."""
        self._server = await asyncio.start_server(
            self._accept, "127.0.0.1", 0, limit=_LINE_BYTES_MAX
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        """Hang up on every board."""
        if self._server is not None:
            self._server.close()
        for board in self._boards.values():
            board.hang_up()
        # The task of a connection still there when the loop ends is cancelled with a traceback.
        await asyncio.gather(*self._listening, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()

    async def board(self, gate: str, *, within_s: float = 10.0) -> BoardLink:
        """The board of a gate that is connected now, or the next to connect.

        Raises:
            TimeoutError: it did not come in time.
        """
        async with asyncio.timeout(within_s), self._has_come:
            while True:
                board = self._boards.get(gate)
                if board is not None and not board.is_gone:
                    return board
                await self._has_come.wait()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._listening.add(task)
            task.add_done_callback(self._listening.discard)
        try:
            hello = json.loads(await reader.readline())
            board = BoardLink(reader, writer, hello)
        except (ConnectionError, ValueError, KeyError):
            writer.close()
            return
        async with self._has_come:
            self._boards[board.gate] = board
            if self._on_board is not None:
                self._on_board(board)
            self._has_come.notify_all()
        await board.listen()
