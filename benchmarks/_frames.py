"""A WebSocket client that is what RFC 6455 says and no more, for the processes that measure.

They share the cores with what is measured, so it is lean: one buffer, frames in one piece, a
masking key of zeros, which leaves the bytes as they are.
"""

import asyncio
from abc import ABC, abstractmethod
from base64 import b64encode
from typing import Final, cast
from urllib.parse import urlsplit

TEXT: Final = 1
BINARY: Final = 2
_CLOSE: Final = 8
_PING: Final = 9
_PONG: Final = 10
_MASKED: Final = 0x80
_FINAL: Final = 0x80


def client_frame(opcode: int, payload: bytes) -> bytes:
    """A client's frame of at most 65,535 bytes."""
    size = len(payload)
    head = (
        bytes([_FINAL | opcode, _MASKED | size])
        if size < 126
        else bytes([_FINAL | opcode, _MASKED | 126]) + size.to_bytes(2, "big")
    )
    return head + b"\0\0\0\0" + payload


class WebSocketClient(asyncio.Protocol, ABC):
    """Shakes hands, answers pings, and hands on the payloads of one kind of frame.

    opcode: TEXT or BINARY, whichever is heard.
    """

    def __init__(self, url: str, opcode: int) -> None:
        self._url = urlsplit(url)
        self._opcode = opcode
        self._is_open = False
        self._buffer = bytearray()

    @abstractmethod
    def opened(self) -> None:
        """The server has agreed; frames may be sent."""

    @abstractmethod
    def heard(self, payload: bytes) -> None:
        """A frame came."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for a WebSocket."""
        # uvloop's own class, which is no subclass of asyncio's.
        self.transport = cast(asyncio.Transport, transport)
        url = self._url
        path = f"{url.path}?{url.query}" if url.query else url.path
        self.transport.write(
            f"GET {path} HTTP/1.1\r\nHost: {url.netloc}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {b64encode(bytes(16)).decode()}\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        """Take what came.

        Raises:
            ConnectionError: the server said no, or closed.
        """
        buffer = self._buffer
        buffer += data
        if not self._is_open:
            end = buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            if not buffer.startswith(b"HTTP/1.1 101"):
                raise ConnectionError(bytes(buffer[:200]).decode(errors="replace"))
            del buffer[: end + 4]
            self._is_open = True
            self.opened()
        at = 0
        while len(buffer) - at >= 2:
            size, body = buffer[at + 1], at + 2
            if size == 126:
                size, body = int.from_bytes(buffer[at + 2 : at + 4], "big"), at + 4
            elif size == 127:
                size, body = int.from_bytes(buffer[at + 2 : at + 10], "big"), at + 10
            if len(buffer) < body + size:
                break
            opcode = buffer[at] & 15
            if opcode == self._opcode:
                self.heard(bytes(buffer[body : body + size]))
            elif opcode == _PING:
                # A pong that does not repeat the ping's bytes is no answer to it.
                self.transport.write(client_frame(_PONG, bytes(buffer[body : body + size])))
            elif opcode == _CLOSE:
                raise ConnectionError(bytes(buffer[body : body + size]).decode(errors="replace"))
            at = body + size
        del buffer[:at]
