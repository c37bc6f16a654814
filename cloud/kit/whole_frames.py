"""uvicorn's WebSocket protocol, with the commonest frame read in one go: a whole, masked text.

A client that sends twenty thousand orders a second sends as many small frames, and `websockets`
reads each through a generator of its own, two bytes, then four, then the rest: 4.7 us a frame, a
tenth of all that an order costs; here it is under one. Every other frame, every doubt and every
offence goes to uvicorn's own reading, whole and in order, so that what it does about pings, closes
and bad frames stays what it is. A connection that once sent anything unusual is left to it for
good.

An application may have such texts handed to it as they are read (`taking`): a queue, two coroutines
and a turn of the event loop less for each of them.

Goes when uvicorn or websockets reads such frames as fast.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.speedups import apply_mask

_WHOLE_TEXT: Final = 0x81
_WHOLE_OTHERS: Final = frozenset((0x82, 0x89, 0x8A))
"""Binary, ping, pong: handed on, and reading goes on here. First bytes as in RFC 6455, 5.2."""
_MASKED: Final = 0x80
_MASK_BYTES: Final = 4
_EXTENSION: Final = "curb.taking"

Take = Callable[[str], bool]
"""Acts on a text at once; or leaves it, and whatever follows it, for `receive`, with False."""


@contextmanager
def taking(scope: Mapping[str, Any], take: Take) -> Iterator[None]:
    """Have texts given to `take` as they are read, as long as the block runs.

    It is asked only while nothing waits to be received, so that all is heard in order. Behind
    another server than ours it is never asked.
    """
    extension = (scope.get("extensions") or {}).get(_EXTENSION)
    if extension is None:
        yield
        return
    extension["set"](take)
    try:
        yield
    finally:
        extension["set"](None)


class WholeFrames(WebSocketsSansIOProtocol):
    """One connection; made by uvicorn."""

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 -- uvicorn's own
        super().__init__(*arguments, **named)
        self._bytes_max = self.config.ws_max_size
        self._rest = b""
        """The beginning of a frame whose end has not come yet."""
        self._is_plain = True
        self._taker: Take | None = None

    async def run_asgi(self) -> None:
        """Run the application, which finds in its scope how to have texts handed to it."""
        extensions = self.scope["extensions"]
        assert extensions is not None, "uvicorn's own extensions are in it"
        extensions[_EXTENSION] = {"set": self._set_taker}
        await super().run_asgi()

    def _set_taker(self, taker: Take | None) -> None:
        self._taker = taker

    def data_received(self, data: bytes) -> None:
        """Take what came: any number of frames, the last of them perhaps in part."""
        if not self._is_plain:
            super().data_received(data)
        elif not self.handshake_complete:
            # Whoever sends more than the request before it is answered is not to be trusted to
            # end a frame where this would look for the next one.
            self._is_plain = not self.handshake_initiated and data.endswith(b"\r\n\r\n")
            super().data_received(data)
        else:
            if self._rest:
                data = self._rest + data
            at = self._read(data)
            self._rest = data[at:] if at < len(data) else b""
            if not self._is_plain and self._rest:
                rest, self._rest = self._rest, b""
                super().data_received(rest)

    def _read(self, data: bytes) -> int:
        """Take all whole frames; where the next begins, whole or not."""
        at, end = 0, len(data)
        while end - at >= 2:
            kind, size = data[at], data[at + 1] - _MASKED
            body = at + 2 + _MASK_BYTES
            if size == 126:
                body += 2
                size = int.from_bytes(data[at + 2 : at + 4], "big")
            elif size == 127:
                body += 8
                size = int.from_bytes(data[at + 2 : at + 10], "big")
            is_taken = kind == _WHOLE_TEXT or kind in _WHOLE_OTHERS
            if not is_taken or not 0 <= size <= self._bytes_max:
                self._is_plain = False
                return at
            if end < body + size:
                return at
            if kind != _WHOLE_TEXT:
                super().data_received(data[at : body + size])
            elif not self._take(apply_mask(data[body : body + size], data[body - 4 : body])):
                self._is_plain = False
                return at
            at = body + size
        return at

    def _take(self, text: bytes) -> bool:
        """Hand a message on, as uvicorn does; False if it is no text."""
        if self.close_sent:
            return True
        try:
            message = text.decode()
        except UnicodeDecodeError:
            return False
        if self._taker is not None and self.queue.empty() and self._taker(message):
            return True
        self.queue.put_nowait({"type": "websocket.receive", "text": message})
        if not self.read_paused:
            self.read_paused = True
            self.transport.pause_reading()
        return True
