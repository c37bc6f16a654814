"""The live WebSocket's language: every message both ways, with its codes, for servers and clients.

One connection at `/ws`, JSON text frames, one object a frame, named by its field `t`. A client
authenticates first, then joins rooms (`site:elm-street`, `lot:elm`, `user:me`) and hears their
events. Every event has its room's sequence number, without gaps; the pair (epoch, seq) is a place
in a room's history, and a client that comes back names the last place it saw. It then gets either
exactly what it missed, or a snapshot when that is no longer known. The epoch changes when history
was lost, so that a number from before is never taken for one from after.

An event carries what *is* (the lane's state, the spaces taken), never a difference, because a
snapshot may already contain facts whose events still follow it.
"""

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import msgspec

VERSION: Final = 1
CLIENT_MESSAGE_BYTES_MAX: Final = 8 * 1024
"""A longer frame from a client closes the connection: nothing a client says needs more."""
AUTH_WITHIN_S: Final = 5
ROOM_PATTERN: Final = re.compile(r"[a-z][a-z_]{1,23}:[A-Za-z0-9._-]{1,64}")
EVENT_NAME_PATTERN: Final = re.compile(r"[a-z][a-z0-9_.]{1,63}")


class Code(StrEnum):
    """Why a request was refused, a room left or the connection closed; stable for ever."""

    MALFORMED = "malformed"
    TOO_LARGE = "too_large"
    AUTH_REQUIRED = "auth_required"
    AUTH_TIMEOUT = "auth_timeout"
    AUTH_FAILED = "auth_failed"
    TOKEN_EXPIRED = "token_expired"  # noqa: S105 -- a code, not a secret.
    REVOKED = "revoked"
    ROOM_UNKNOWN = "room_unknown"
    FORBIDDEN = "forbidden"
    TOO_MANY_ROOMS = "too_many_rooms"
    TOO_MANY_REQUESTS = "too_many_requests"
    UNAVAILABLE = "unavailable"
    SLOW_CONSUMER = "slow_consumer"
    SILENT = "silent"
    SHUTTING_DOWN = "shutting_down"
    REQUESTED = "requested"


CLOSE_CODES: Final[dict[Code, int]] = {
    Code.MALFORMED: 4400,
    Code.AUTH_REQUIRED: 4401,
    Code.AUTH_FAILED: 4402,
    Code.REVOKED: 4403,
    Code.AUTH_TIMEOUT: 4408,
    Code.TOKEN_EXPIRED: 4410,
    Code.TOO_LARGE: 4413,
    Code.SILENT: 4418,
    Code.TOO_MANY_REQUESTS: 4429,
    Code.UNAVAILABLE: 4503,
    Code.SHUTTING_DOWN: 4504,
    Code.SLOW_CONSUMER: 4509,
}
"""WebSocket close codes (the private range 4000-4999) of the codes that end a connection."""

RECONNECT_CODES: Final = frozenset(
    {Code.SLOW_CONSUMER, Code.SILENT, Code.SHUTTING_DOWN, Code.TOKEN_EXPIRED, Code.UNAVAILABLE}
)
"""A client closed for one of these should come back and resume (with a fresh token if expired)."""


class Message(msgspec.Struct, frozen=True, tag_field="t", omit_defaults=True):
    """What every message has in common: a tag `t`, unknown fields ignored, defaults left out."""


class Authenticate(Message, frozen=True, tag="auth"):
    """First message of a connection, and again with a newer token before the first expires."""

    token: str
    v: int = VERSION


class Subscribe(Message, frozen=True, tag="subscribe"):
    """Join a room; `epoch` and `after` together name the last event this client has had."""

    room: str
    epoch: str | None = None
    after: int | None = None


class Unsubscribe(Message, frozen=True, tag="unsubscribe"):
    """Leave a room; nothing of that room is sent after the answer."""

    room: str


class Ping(Message, frozen=True, tag="ping"):
    """Sent by either side; the other answers Pong with the same `id`."""

    id: int = 0


class Pong(Message, frozen=True, tag="pong"):
    """The answer to Ping."""

    id: int = 0


class Welcome(Message, frozen=True, tag="welcome"):
    """The token was accepted; also the answer to a renewal.

    heartbeat_s: the server sends something at least this often, and expects the same of the
        client; a side that hears nothing for three times as long should give the connection up.
    expires_at_ms: when the token ends; renew before.
    """

    user_id: str
    heartbeat_s: int
    expires_at_ms: int
    rooms_max: int
    server_at_ms: int
    v: int = VERSION


class Subscribed(Message, frozen=True, tag="subscribed"):
    """The room is joined at (epoch, seq); the next event of the room is seq + 1.

    snapshot: the room's whole state, replacing what the client knew. A Subscribed for a room that
        is already joined means that history broke and the client must start from this one.
    """

    room: str
    epoch: str
    seq: int
    snapshot: msgspec.Raw


class Resumed(Message, frozen=True, tag="resumed"):
    """The room is joined again where the client left it; what it missed follows as events."""

    room: str
    epoch: str
    seq: int


class Unsubscribed(Message, frozen=True, tag="unsubscribed"):
    """The room is left, on request or because the right to hear it ended."""

    room: str
    code: Code


class RoomEvent(Message, frozen=True, tag="event"):
    """One fact in a room.

    seq: one more than the last event of this room and epoch; starts at 1.
    at_ms: when the fact happened.
    """

    seq: int
    room: str
    event: str
    at_ms: int
    data: msgspec.Raw


class Refused(Message, frozen=True, tag="refused"):
    """One request was refused; the connection and its other rooms go on."""

    code: Code
    message: str
    room: str | None = None


class Goodbye(Message, frozen=True, tag="goodbye"):
    """The last message before the server closes, when there is still a way to send it."""

    code: Code
    message: str


FromClient = Authenticate | Subscribe | Unsubscribe | Ping | Pong
FromServer = (
    Welcome | Subscribed | Resumed | Unsubscribed | RoomEvent | Refused | Goodbye | Ping | Pong
)

_from_client: Final = msgspec.json.Decoder(FromClient)
_from_server: Final = msgspec.json.Decoder(FromServer)
_encoder: Final = msgspec.json.Encoder()


class MalformedMessageError(ValueError):
    """A frame that is not one of the messages of this module."""


def decode_from_client(frame: bytes | str) -> FromClient:
    """The message a client sent.

    Raises:
        MalformedMessageError: not JSON, an unknown `t`, or a field missing or of a wrong type.
    """
    try:
        message: FromClient = _from_client.decode(frame)
    except msgspec.DecodeError as error:
        raise MalformedMessageError(str(error)) from error
    return message


def decode_from_server(frame: bytes | str) -> FromServer:
    """The message a server sent.

    Raises:
        MalformedMessageError: as above; a newer server may send messages this client does not
            know, which it should count and skip.
    """
    try:
        message: FromServer = _from_server.decode(frame)
    except msgspec.DecodeError as error:
        raise MalformedMessageError(str(error)) from error
    return message


def encode(message: Message) -> bytes:
    """The frame of a message, as UTF-8 JSON."""
    return _encoder.encode(message)


def is_room(name: str) -> bool:
    """Whether a name has the form `kind:key`."""
    return ROOM_PATTERN.fullmatch(name) is not None


class _EventRest(msgspec.Struct, frozen=True):
    room: str
    event: str
    at_ms: int
    data: msgspec.Raw


def event_frame_parts(
    *, room: str, event: str, at_ms: int, data: msgspec.Raw
) -> tuple[bytes, bytes]:
    """The two parts of a RoomEvent frame between which its sequence number is written.

    The number is given where history is kept (in Redis, atomically), so the frame is finished
    there and the same bytes reach every subscriber of every process.
    """
    rest = _encoder.encode(_EventRest(room, event, at_ms, data))
    return b'{"t":"event","seq":', b"," + rest[1:]


class SequenceGapError(Exception):
    """Events of a room were missed, which no server should let happen: report it and resume."""


class RoomFollower:
    """One client's place in one room: tells new events from doubled ones and notices a gap.

    Feed it every Subscribed, Resumed and RoomEvent of its room, in the order received.
    """

    def __init__(self, room: str) -> None:
        self.room = room
        self.epoch: str | None = None
        self.seq = 0

    def subscribe(self) -> Subscribe:
        """The request that joins the room, or resumes where this follower stands."""
        if self.epoch is None:
            return Subscribe(self.room)
        return Subscribe(self.room, self.epoch, self.seq)

    def joined(self, message: Subscribed | Resumed) -> None:
        """Take the place the server gave.

        Raises:
            SequenceGapError: the server says it resumed, but not where this follower stands.
        """
        place = (message.epoch, message.seq)
        if isinstance(message, Resumed) and place != (self.epoch, self.seq):
            raise SequenceGapError(
                f"{self.room} resumed at {place}, but this client stands at "
                f"{(self.epoch, self.seq)}."
            )
        self.epoch, self.seq = place

    def is_new(self, message: RoomEvent) -> bool:
        """Whether this event is the next one; False for one that was already had.

        Raises:
            SequenceGapError: at least one event before this one is missing.
        """
        if message.seq <= self.seq:
            return False
        if message.seq != self.seq + 1:
            raise SequenceGapError(
                f"{self.room} went from event {self.seq} to {message.seq} in epoch {self.epoch}."
            )
        self.seq = message.seq
        return True


def resume_requests(followers: Sequence[RoomFollower]) -> list[Subscribe]:
    """What a client says after reconnecting, to go on with every room it was in."""
    return [follower.subscribe() for follower in followers]
