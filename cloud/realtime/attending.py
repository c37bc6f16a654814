"""Joins the state of one connection to its WebSocket: frames in, frames out, and the end.

Every WebSocket of the cloud is served so; what a connection says and means is its own matter.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, Final, Protocol, TypeVar

from litestar import WebSocket
from litestar.exceptions import WebSocketDisconnect

CLOSE_WITHIN_S: Final = 1.0

Socket = WebSocket[Any, Any, Any]
Because = TypeVar("Because")


class Closing:
    """The last things to send: a frame (none for a client that does not read), code and reason."""

    def __init__(self, code: int, reason: str, frame: str | bytes | None = None) -> None:
        self.code = code
        self.reason = reason
        self.frame = frame


class Attended(Protocol[Because]):
    """A connection, as far as its socket is concerned.

    closed: done once this side wants the end, with the reason.
    """

    @property
    def closed(self) -> "asyncio.Future[Because]": ...  # noqa: D102 -- see the class

    async def receive(self, frame: str | bytes, now_s: float) -> None:
        """Act on one frame of the client."""
        ...

    async def next_frame(self) -> str | bytes:
        """The next frame to send, when there is one."""
        ...

    def sent(self, now_s: float) -> None:
        """A frame was handed to the network."""
        ...

    def leave_all(self) -> None:
        """The client is gone: send it nothing more."""
        ...


async def attend(
    socket: Socket, connection: Attended[Because], closing_of: Callable[[Because], Closing]
) -> None:
    """Serve an accepted socket until either side ends it.

    Raises what receiving or sending raised, other than that the client is gone.
    """
    tasks = [
        asyncio.ensure_future(_receive(socket, connection)),
        asyncio.ensure_future(_send(socket, connection)),
    ]
    try:
        watched: set[asyncio.Future[Any]] = {*tasks, connection.closed}
        await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        connection.leave_all()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    if connection.closed.done():
        await _close(socket, closing_of(connection.closed.result()))
    for error in results:
        if isinstance(error, Exception) and not isinstance(error, WebSocketDisconnect):
            raise error


def loop_s() -> float:
    """The event loop's time."""
    return asyncio.get_running_loop().time()


async def _receive(socket: Socket, connection: Attended[Because]) -> None:
    # Asked once: finding the running loop is a system call, for each of twenty thousand frames.
    now_s = asyncio.get_running_loop().time
    while True:
        message: Any = await socket.receive()
        if message["type"] != "websocket.receive":
            return
        frame = message.get("text")
        await connection.receive(message["bytes"] if frame is None else frame, now_s())


async def _send(socket: Socket, connection: Attended[Because]) -> None:
    while True:
        await send_frame(socket, await connection.next_frame())
        connection.sent(loop_s())


async def send_frame(socket: Socket, frame: str | bytes) -> None:
    """Send text as a text frame, bytes as a binary one."""
    if isinstance(frame, str):
        await socket.send({"type": "websocket.send", "bytes": None, "text": frame})
    else:
        await socket.send({"type": "websocket.send", "bytes": frame, "text": None})


async def _close(socket: Socket, closing: Closing) -> None:
    """Say why and close; a client that does not read is not waited for."""
    with contextlib.suppress(TimeoutError, WebSocketDisconnect):
        async with asyncio.timeout(CLOSE_WITHIN_S):
            if closing.frame is not None:
                await send_frame(socket, closing.frame)
            # A close frame has room for 123 bytes.
            await socket.close(closing.code, closing.reason.encode()[:120].decode(errors="ignore"))
