"""Messages of the data stream, encoded once for all who hear them, in both languages.

msgpack, as alpaca-py wants it (`t` a msgpack Timestamp), or JSON (`t` RFC 3339); every frame is a
list of messages. See docs/trading.md.
"""

import struct
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, Final

import msgspec

from cloud.exchange.market_data.listed import rfc3339
from trading.bars import NS


class Codec(Enum):
    """How a connection's frames are written."""

    MSGPACK = "msgpack"
    JSON = "json"


_pack: Final = msgspec.msgpack.Encoder()
_write: Final = msgspec.json.Encoder()
_TIMESTAMP: Final = -1
_SMALL_ARRAY: Final = 16


def timestamp(at_ns: int) -> msgspec.msgpack.Ext:
    """The msgpack Timestamp of an instant (its 64-bit form, good until 2514)."""
    seconds, rest = divmod(at_ns, NS)
    return msgspec.msgpack.Ext(_TIMESTAMP, struct.pack("!Q", rest << 34 | seconds))


class StreamMessage:
    """One message; encoded when first asked for, then kept.

    body: everything but its time. at_ns: None for messages that have none.
    """

    __slots__ = ("_packed", "_written", "at_ns", "body", "seq")

    def __init__(self, body: Mapping[str, object], at_ns: int | None = None, seq: int = 0) -> None:
        self.body = body
        self.at_ns = at_ns
        self.seq = seq
        self._packed: bytes | None = None
        self._written: bytes | None = None

    def encoded(self, codec: Codec) -> bytes:
        """The message in that language."""
        if codec is Codec.MSGPACK:
            if self._packed is None:
                self._packed = _pack.encode(self._with_time(codec))
            return self._packed
        if self._written is None:
            self._written = _write.encode(self._with_time(codec))
        return self._written

    def _with_time(self, codec: Codec) -> Mapping[str, object]:
        if self.at_ns is None:
            return self.body
        time = timestamp(self.at_ns) if codec is Codec.MSGPACK else rfc3339(self.at_ns)
        return {**self.body, "t": time}


class Batch:
    """Messages that go out together; its frame is made once for each language."""

    __slots__ = ("_frames", "messages")

    def __init__(self, messages: Sequence[StreamMessage]) -> None:
        self.messages = messages
        self._frames: dict[Codec, str | bytes] = {}

    def size(self, codec: Codec) -> int:
        """Bytes (or characters) of its frame."""
        return len(self.frame(codec))

    def frame(self, codec: Codec) -> str | bytes:
        """The frame: text for JSON, bytes for msgpack."""
        frame = self._frames.get(codec)
        if frame is None:
            frame = self._frames[codec] = frame_of(self.messages, codec)
        return frame


def frame_of(messages: Sequence[StreamMessage], codec: Codec) -> str | bytes:
    """One frame with these messages, each already encoded or encoded now for all others too."""
    parts = [one.encoded(codec) for one in messages]
    if codec is Codec.JSON:
        return "[" + b",".join(parts).decode() + "]"
    count = len(parts)
    head = bytes([0x90 | count]) if count < _SMALL_ARRAY else b"\xdc" + struct.pack("!H", count)
    return head + b"".join(parts)


def decode_request(frame: str | bytes, codec: Codec) -> Any:  # noqa: ANN401 -- from outside
    """What a client sent, in whichever language; None if it is neither.

    A text frame is JSON always; a binary one is in the connection's language.
    """
    try:
        if isinstance(frame, str) or codec is Codec.JSON:
            return msgspec.json.decode(frame)
        return msgspec.msgpack.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
