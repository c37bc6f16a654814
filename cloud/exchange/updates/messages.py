"""The words of `/stream`: Alpaca's trading stream, and what we add to it.

Every frame from the server is a JSON object in a binary frame, `{"stream": ..., "data": {...}}`, as
Alpaca's are; frames of a feed also have `seq`. Clients send JSON objects with an `action`:

    authenticate (or auth)   key_id and secret_key, in `data` or beside it; or `oauth_token`, an
                             access token of this API, with `portfolio` where the user has several
    listen                   `data.streams`, all that is wanted from now on: `trade_updates`,
                             `portfolio`; `data.resume`, by stream the place (epoch, seq) last seen;
                             `data.snapshot`: true to begin with a snapshot
    ping                     answered by `pong`
"""

from enum import StrEnum
from typing import Final

import msgspec

MESSAGE_BYTES_MAX: Final = 8 * 1024
STREAMS_MAX: Final = 8


class Stream(StrEnum):
    """What can be listened to."""

    TRADE_UPDATES = "trade_updates"
    PORTFOLIO = "portfolio"


class Ended(StrEnum):
    """Why the server ended a connection; stable."""

    MALFORMED = "malformed"
    TOO_LARGE = "too_large"
    AUTH_TIMEOUT = "auth_timeout"
    AUTH_FAILED = "auth_failed"
    REVOKED = "revoked"
    TOO_MANY_REQUESTS = "too_many_requests"
    TOO_MANY_CONNECTIONS = "too_many_connections"
    SLOW_CONSUMER = "slow_consumer"
    UNAVAILABLE = "unavailable"
    SHUTTING_DOWN = "shutting_down"


CLOSE_CODES: Final = {
    Ended.MALFORMED: 4400,
    Ended.AUTH_FAILED: 4402,
    Ended.REVOKED: 4403,
    Ended.TOO_MANY_CONNECTIONS: 4406,
    Ended.AUTH_TIMEOUT: 4408,
    Ended.TOO_LARGE: 4413,
    Ended.TOO_MANY_REQUESTS: 4429,
    Ended.UNAVAILABLE: 4503,
    Ended.SHUTTING_DOWN: 4504,
    Ended.SLOW_CONSUMER: 4509,
}
"""The same numbers as at `/ws`, where there are the same reasons."""


class Place(msgspec.Struct, frozen=True):
    """A place in a feed: the last message its reader has had."""

    epoch: str
    seq: int


class RequestData(msgspec.Struct, frozen=True):
    """`data` of what clients send; which fields count depends on the action."""

    key_id: str = ""
    secret_key: str = ""
    oauth_token: str = ""
    portfolio: str = ""
    streams: list[str] = []
    resume: dict[str, Place] = {}
    snapshot: bool = False


class Request(msgspec.Struct, frozen=True):
    """A message of a client. key, secret: Alpaca's newer form of authentication."""

    action: str
    data: RequestData = RequestData()
    key: str = ""
    secret: str = ""


class Start(StrEnum):
    """How a reader begins with a feed."""

    LIVE = "live"
    RESUMED = "resumed"
    SNAPSHOT = "snapshot"


class Started(msgspec.Struct, frozen=True):
    """Where a reader begins: the next message of the stream is seq + 1 (what was missed first)."""

    epoch: str
    seq: int
    start: Start


_decoder: Final = msgspec.json.Decoder(Request)
_encoder: Final = msgspec.json.Encoder()


def decode(frame: str | bytes) -> Request:
    """A client's message.

    Raises:
        msgspec.MsgspecError, UnicodeDecodeError: it is none.
    """
    return _decoder.decode(frame)


def encode(data: object) -> bytes:
    """As JSON."""
    return _encoder.encode(data)


def frame(stream: str, data: object, **beside: object) -> bytes:
    """A frame that is not part of a feed."""
    return _encoder.encode({"stream": stream, **beside, "data": data})
