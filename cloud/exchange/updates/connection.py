"""One reader of `/stream`: what its client may say and when, and what waits to be sent to it.

Nothing here knows the web framework: `routes` feeds frames in, takes frames out, and closes.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec

from cloud.exchange.updates.messages import (
    CLOSE_CODES,
    MESSAGE_BYTES_MAX,
    STREAMS_MAX,
    Ended,
    Place,
    Request,
    Started,
    Stream,
    decode,
    frame,
)
from cloud.kit.errors import AppError, UnauthenticatedError, UnavailableError
from cloud.realtime.attending import Closing
from cloud.realtime.frame_queue import FrameQueue

QUEUED_FRAMES_MAX: Final = 4_096
QUEUED_BYTES_MAX: Final = 4 * 1024 * 1024
AUTH_WITHIN_S: Final = 10.0
HEARTBEAT_S: Final = 15.0
RECHECK_S: Final = 10.0
"""So often a connection's key is checked again: a revoked one is cut within this."""
REQUESTS_PER_S: Final = 5
REQUESTS_BURST: Final = 30


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client showed: a key with its secret, or an access token (and which portfolio)."""

    key_id: str = ""
    secret_key: str = ""
    token: str = ""
    portfolio: str = ""


@dataclass(frozen=True, slots=True)
class EndedBecause:
    """Why this side ends the connection."""

    code: Ended
    message: str


@dataclass(frozen=True, slots=True)
class Joined:
    """A stream's beginning: frames that were missed, or a snapshot; nothing for a plain start."""

    started: Started
    frames: Sequence[bytes] = ()


class Desk(Protocol):
    """What a connection asks of the exchange."""

    async def authenticate(self, credentials: Credentials) -> int:
        """The portfolio that these credentials are for.

        Raises:
            UnauthenticatedError: they are not good.
            UnavailableError: it cannot be known now.
        """
        ...

    async def follow(self, portfolio_id: int) -> None:
        """Have this portfolio followed, so that its streams can be joined.

        Raises:
            UnavailableError: the exchange is not run by this process now.
        """
        ...

    def join(
        self,
        reader: "Connection",
        portfolio_id: int,
        stream: Stream,
        place: Place | None,
        *,
        wants_snapshot: bool,
    ) -> Joined:
        """Begin with a stream of a portfolio that is followed; its next frames go to the reader."""
        ...

    def leave(self, reader: "Connection") -> None:
        """Give the reader nothing any more."""
        ...

    def places(self, portfolio_id: int) -> dict[str, int]:
        """The last number of each stream of the portfolio, as far as it is followed."""
        ...


class Connection:
    """The state of one connection; `closed` is done once it must end."""

    def __init__(self, desk: Desk, now_s: float) -> None:
        self.closed: asyncio.Future[EndedBecause] = asyncio.get_running_loop().create_future()
        self.portfolio_id: int | None = None
        self.streams: set[Stream] = set()
        self._desk = desk
        self._credentials = Credentials()
        self._queue: FrameQueue[bytes] = FrameQueue(QUEUED_FRAMES_MAX, QUEUED_BYTES_MAX)
        self._opened_s = self._heard_s = self._beat_s = self._checked_s = now_s
        self._allowance = float(REQUESTS_BURST)

    # --- what goes out

    def offer(self, data: bytes) -> None:
        """Queue a frame; a client that lets too many pile up is dropped, so others never wait."""
        if not self.closed.done() and not self._queue.put(data, len(data)):
            self.end(
                Ended.SLOW_CONSUMER,
                f"This connection fell {len(self._queue)} messages behind; reconnect and resume.",
            )

    def end(self, code: Ended, message: str) -> None:
        """End the connection; what is queued is not sent any more."""
        if not self.closed.done():
            self._queue.clear()
            self.leave_all()
            self.closed.set_result(EndedBecause(code, message))

    def leave_all(self) -> None:
        """Leave every stream; also when the client is gone."""
        if self.streams:
            self._desk.leave(self)
            self.streams.clear()

    async def next_frame(self) -> bytes:
        """The next frame to send, when there is one."""
        return await self._queue.next()

    def sent(self, now_s: float) -> None:
        """A frame was handed to the network; heartbeats go by the clock alone."""

    # --- what comes in

    async def receive(self, data: str | bytes, now_s: float) -> None:
        """Act on one frame of the client."""
        refill = (now_s - self._heard_s) * REQUESTS_PER_S
        self._allowance = min(REQUESTS_BURST, self._allowance + refill) - 1
        self._heard_s = now_s
        if len(data) > MESSAGE_BYTES_MAX:
            self.end(Ended.TOO_LARGE, f"Messages have at most {MESSAGE_BYTES_MAX} bytes.")
            return
        if self._allowance < 0:
            self.end(Ended.TOO_MANY_REQUESTS, f"Send at most {REQUESTS_PER_S} messages a second.")
            return
        try:
            request = decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            self.end(Ended.MALFORMED, "Send JSON objects with an action.")
            return
        await self._act(request)

    async def _act(self, request: Request) -> None:
        match request.action:
            case "authenticate" | "auth":
                await self._authenticate(request)
            case "listen":
                await self._listen(request)
            case "ping":
                self.offer(frame("pong", {}))
            case other:
                self._refuse(400, f"There is no action {other[:32]!r}.")

    async def _authenticate(self, request: Request) -> None:
        data = request.data
        credentials = Credentials(
            data.key_id or request.key,
            data.secret_key or request.secret,
            data.oauth_token,
            data.portfolio,
        )
        try:
            portfolio_id = await self._desk.authenticate(credentials)
        except UnavailableError as error:
            self.end(Ended.UNAVAILABLE, error.message)
            return
        except AppError as error:
            self.end(Ended.AUTH_FAILED, error.message)
            return
        if self.portfolio_id not in (None, portfolio_id):
            self.end(Ended.AUTH_FAILED, "A connection stays with the portfolio it began with.")
            return
        self.portfolio_id, self._credentials = portfolio_id, credentials
        self.offer(frame("authorization", {"status": "authorized", "action": "authenticate"}))

    async def _listen(self, request: Request) -> None:
        if self.portfolio_id is None:
            self.end(Ended.AUTH_FAILED, "Authenticate first.")
            return
        asked = request.data.streams[:STREAMS_MAX]
        streams = [stream for stream in Stream if stream.value in asked]
        try:
            if streams:
                await self._desk.follow(self.portfolio_id)
        except UnavailableError as error:
            self.end(Ended.UNAVAILABLE, error.message)
        if not self.closed.done():
            self._begin(self.portfolio_id, streams, request)

    def _begin(self, portfolio_id: int, streams: Sequence[Stream], request: Request) -> None:
        """Nothing is awaited here: no frame may come between a beginning and what follows it."""
        self.leave_all()  # listening again starts again
        joined = {
            stream: self._desk.join(
                self,
                portfolio_id,
                stream,
                request.data.resume.get(stream.value),
                wants_snapshot=request.data.snapshot,
            )
            for stream in streams
        }
        self.streams.update(streams)
        places = {stream: one.started for stream, one in joined.items()}
        self.offer(frame("listening", {"streams": streams, "places": places}))
        for one in joined.values():
            for data in one.frames:
                self.offer(data)

    def _refuse(self, code: int, message: str) -> None:
        self.offer(frame("error", {"code": code, "message": message}))

    # --- what time does

    def tick(self, now_s: float) -> bool:
        """Once a second: deadlines and heartbeats; whether the key is due to be checked."""
        if self.portfolio_id is None:
            if now_s - self._opened_s >= AUTH_WITHIN_S:
                self.end(Ended.AUTH_TIMEOUT, f"No key came within {AUTH_WITHIN_S:.0f} seconds.")
            return False
        if now_s - self._beat_s >= HEARTBEAT_S:
            self._beat_s = now_s
            places = self._desk.places(self.portfolio_id)
            self.offer(frame("heartbeat", {"seq": {s: places.get(s, 0) for s in self.streams}}))
        return now_s - self._checked_s >= RECHECK_S

    async def check_key(self, now_s: float) -> None:
        """Cut the connection if its key was revoked.

        Raises:
            UnavailableError: it cannot be known; nobody is cut off for that.
        """
        self._checked_s = now_s
        try:
            await self._desk.authenticate(self._credentials)
        except UnauthenticatedError as error:
            self.end(Ended.REVOKED, error.message)


def closing(because: EndedBecause) -> Closing:
    """A client that is dropped for not reading would not read a last frame either."""
    data: dict[str, str] = {"code": because.code, "message": because.message}
    last = frame("goodbye", data)
    if because.code is Ended.AUTH_FAILED:
        refused = {"status": "unauthorized", "action": "authenticate", "message": because.message}
        last = frame("authorization", refused)
    is_reading = because.code is not Ended.SLOW_CONSUMER
    return Closing(CLOSE_CODES[because.code], because.message, last if is_reading else None)
