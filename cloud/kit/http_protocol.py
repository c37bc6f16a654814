"""HTTP on a connection, with each answer sent in one piece.

The web server writes an answer's head and its body one after the other, and the event loop sends
each write at once: two system calls here, two packets, two wake-ups of the client. Sending wakes
the client up, so it costs more than making the answer.
"""

import asyncio
from typing import Any, Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HELD_BYTES_MAX: Final = 65_536


class JoinedWrites:
    """A transport whose writes are held until `flush`, at the latest until the loop's next turn."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self.transport = transport
        self._loop = loop
        self._held = bytearray()

    def write(self, data: bytes) -> None:
        """Send it soon, after all that was written before."""
        if not self._held:
            self._loop.call_soon(self.flush)
        self._held += data
        if len(self._held) > HELD_BYTES_MAX:
            self.flush()

    def flush(self) -> None:
        """Send what is held now."""
        if self._held and not self.transport.is_closing():
            self.transport.write(bytes(self._held))
        self._held.clear()

    def close(self) -> None:
        """Close once everything is sent."""
        self.flush()
        self.transport.close()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the transport has
        return getattr(self.transport, name)


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's protocol over joined writes; a WebSocket gets the bare transport."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client came."""
        self._joined = JoinedWrites(cast(asyncio.Transport, transport), self.loop)
        super().connection_made(cast(asyncio.Transport, self._joined))

    def on_response_complete(self) -> None:
        """An answer was written to its end."""
        self._joined.flush()
        super().on_response_complete()

    def handle_websocket_upgrade(self) -> None:
        """The client wants a WebSocket; what it was to be told before goes first."""
        self._joined.flush()
        self.transport = self._joined.transport
        super().handle_websocket_upgrade()
