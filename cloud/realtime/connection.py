"""One WebSocket: what its client may say and when, and what waits to be sent to it.

Nothing here knows the web framework: `routes` feeds frames in, takes frames out, and closes.
"""

import asyncio
import base64
from dataclasses import dataclass
from typing import Final

import msgspec

from cloud.accounts.access import Authenticator
from cloud.accounts.user import User
from cloud.kit.clock import Clock
from cloud.kit.errors import UnauthenticatedError, UnavailableError
from cloud.realtime import metrics
from cloud.realtime.frame_queue import FrameQueue
from cloud.realtime.hub import Hub
from cloud.realtime.rooms import Room, UnknownRoomError
from protocols.realtime import (
    AUTH_WITHIN_S,
    CLIENT_MESSAGE_BYTES_MAX,
    Authenticate,
    Code,
    Goodbye,
    MalformedMessageError,
    Message,
    Ping,
    Pong,
    Refused,
    Subscribe,
    Unsubscribe,
    Unsubscribed,
    Welcome,
    decode_from_client,
    encode,
)

ROOMS_MAX: Final = 64
QUEUED_FRAMES_MAX: Final = 1_024
QUEUED_CHARS_MAX: Final = 4 * 1024 * 1024
HEARTBEAT_S: Final = 15
SILENT_HEARTBEATS_MAX: Final = 3
MESSAGES_PER_S: Final = 20
MESSAGES_BURST: Final = 100
RECHECK_S: Final = 10.0
"""So often a connection's token is checked again: a revoked one is cut within this."""


@dataclass(frozen=True)
class ClosedBecause:
    """Why this side ends the connection."""

    code: Code
    message: str


class Connection:
    """The state of one connection; `closed` is done once it must end.

    turn: its number among the connections; those of one turn get their heartbeats together.
    """

    def __init__(
        self,
        hub: Hub,
        authenticator: Authenticator,
        clock: Clock,
        now_s: float,
        *,
        turn: int = 0,
    ) -> None:
        self.turn = turn
        self.closed: asyncio.Future[ClosedBecause] = asyncio.get_running_loop().create_future()
        self.user: User | None = None
        self._hub = hub
        self._authenticator = authenticator
        self._clock = clock
        self._token = ""
        self._rooms: dict[str, Room] = {}
        self._queue: FrameQueue[str] = FrameQueue(QUEUED_FRAMES_MAX, QUEUED_CHARS_MAX)
        self._opened_s = self._heard_s = self._sent_s = now_s
        self._checked_s = self._asked_s = now_s
        self._allowance = float(MESSAGES_BURST)
        self._pings = 0

    # --- what goes out

    def offer(self, frame: str) -> None:
        """Queue a frame; a client that lets too many pile up is dropped, so others never wait."""
        if self.closed.done():
            return
        if not self._queue.put(frame, len(frame)):
            self.drop(
                Code.SLOW_CONSUMER,
                f"This connection fell {len(self._queue)} messages behind; reconnect and resume.",
            )

    def send(self, message: Message) -> None:
        """Queue a message of this connection alone."""
        self.offer(encode(message).decode())

    def drop(self, code: Code, message: str) -> None:
        """End the connection; what is queued is not sent any more."""
        if not self.closed.done():
            metrics.CLOSED.labels(code).inc()
            self._queue.clear()
            self.leave_all()
            self.closed.set_result(ClosedBecause(code, message))

    def leave_all(self) -> None:
        """Leave every room; also when the client is gone."""
        for room in self._rooms.values():
            self._hub.leave(self, room)
        self._rooms.clear()

    async def next_frame(self) -> str:
        """The next frame to send, when there is one."""
        return await self._queue.next()

    def sent(self, now_s: float) -> None:
        """A frame was handed to the network."""
        self._sent_s = now_s

    # --- what comes in

    async def receive(self, frame: str | bytes, now_s: float) -> None:
        """Act on one frame of the client."""
        refill = (now_s - self._heard_s) * MESSAGES_PER_S
        self._allowance = min(MESSAGES_BURST, self._allowance + refill) - 1
        self._heard_s = now_s
        if len(frame) > CLIENT_MESSAGE_BYTES_MAX:
            self.drop(Code.TOO_LARGE, f"Messages have at most {CLIENT_MESSAGE_BYTES_MAX} bytes.")
        elif self._allowance < 0:
            self.drop(Code.TOO_MANY_REQUESTS, f"Send at most {MESSAGES_PER_S} messages a second.")
        else:
            await self._receive(frame)

    async def _receive(self, frame: str | bytes) -> None:
        try:
            message = decode_from_client(frame)
        except MalformedMessageError:
            if self.user is None:
                self.drop(Code.AUTH_REQUIRED, "The first message must be of type auth.")
            else:
                self.send(Refused(Code.MALFORMED, "This is no message that the server knows."))
            return
        if self.user is None and not isinstance(message, Authenticate):
            self.drop(Code.AUTH_REQUIRED, "The first message must be of type auth.")
            return
        match message:
            case Authenticate():
                await self._authenticate(message)
            case Subscribe():
                await self._subscribe(message)
            case Unsubscribe():
                self._unsubscribe(message)
            case Ping():
                self.send(Pong(message.id))
            case Pong():
                pass  # It was heard; nothing else is asked of it.

    async def _authenticate(self, message: Authenticate) -> None:
        try:
            user = await self._authenticator.authenticate(message.token)
        except UnauthenticatedError as error:
            self.drop(Code.AUTH_FAILED, error.message)
            return
        except UnavailableError as error:
            self.drop(Code.UNAVAILABLE, error.message)
            return
        if self.user is not None and user.id != self.user.id:
            self.drop(Code.AUTH_FAILED, "A connection stays with the user it began with.")
            return
        self.user, self._token = user, message.token
        self.send(
            Welcome(
                user_id=str(user.id),
                heartbeat_s=HEARTBEAT_S,
                expires_at_ms=expires_at_ms(message.token),
                rooms_max=ROOMS_MAX,
                server_at_ms=self._clock.now_ms(),
            )
        )

    async def _subscribe(self, message: Subscribe) -> None:
        assert self.user is not None
        if len(self._rooms) >= ROOMS_MAX and message.room not in self._rooms:
            self._refuse(message, Code.TOO_MANY_ROOMS, f"Be in at most {ROOMS_MAX} rooms at once.")
            return
        try:
            room = self._hub.rooms.find_for(self.user, message.room)
        except UnknownRoomError as error:
            self._refuse(message, Code.ROOM_UNKNOWN, str(error.args[0]))
            return
        if not room.kind.is_personal and not await room.kind.may_join(self.user, room.key):
            self._refuse(message, Code.FORBIDDEN, f"You may not hear {message.room}.")
            return
        self._hub.leave(self, room)  # Subscribing again starts again.
        self._rooms[message.room] = room
        try:
            await self._hub.join(self, room, epoch=message.epoch, after=message.after)
        except UnavailableError as error:
            self._rooms.pop(message.room, None)
            self._refuse(message, Code.UNAVAILABLE, error.message)
        else:
            if self.closed.done():
                self._hub.leave(self, room)

    def _unsubscribe(self, message: Unsubscribe) -> None:
        room = self._rooms.pop(message.room, None)
        if room is not None:
            self._hub.leave(self, room)
        self.send(Unsubscribed(message.room, Code.REQUESTED))

    def _refuse(self, message: Subscribe, code: Code, why: str) -> None:
        self.send(Refused(code, why, message.room))

    # --- what time does

    def tick(self, now_s: float) -> bool:
        """Once a second: heartbeats and deadlines; whether the token is due to be checked."""
        if self.user is None:
            if now_s - self._opened_s >= AUTH_WITHIN_S:
                self.drop(Code.AUTH_TIMEOUT, f"No token came within {AUTH_WITHIN_S} seconds.")
            return False
        if now_s - self._heard_s >= HEARTBEAT_S * SILENT_HEARTBEATS_MAX:
            self.drop(Code.SILENT, "Nothing was heard of this client for too long.")
            return False
        # Asking also when nothing was heard keeps a client alive that only listens.
        is_quiet = now_s - min(self._sent_s, self._heard_s) >= HEARTBEAT_S
        if is_quiet and now_s - self._asked_s >= HEARTBEAT_S:
            self._asked_s = now_s
            self._pings += 1
            self.send(Ping(self._pings))
        return now_s - self._checked_s >= RECHECK_S

    async def check_token(self, now_s: float) -> None:
        """Cut the connection if its token has expired or was revoked.

        Raises:
            UnavailableError: it cannot be known; nobody is cut off for that.
        """
        self._checked_s = now_s
        token = self._token
        try:
            await self._authenticator.authenticate(token)
        except UnauthenticatedError as error:
            if token == self._token:  # else a newer one came meanwhile
                is_over = self._clock.now_ms() >= expires_at_ms(token)
                self.drop(Code.TOKEN_EXPIRED if is_over else Code.REVOKED, error.message)


class _Claims(msgspec.Struct):
    exp: int


def expires_at_ms(token: str) -> int:
    """When an access token ends; it must have been accepted, nothing is checked here."""
    body = token.split(".")[1]
    claims = msgspec.json.decode(base64.urlsafe_b64decode(body + "=="), type=_Claims)
    return claims.exp * 1_000


def goodbye(because: ClosedBecause) -> str:
    """The last frame of a connection this side ends."""
    return encode(Goodbye(because.code, because.message)).decode()
