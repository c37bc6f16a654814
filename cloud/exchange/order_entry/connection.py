"""One client of order entry: what it may say and when, and what waits to be sent to it.

Nothing here knows the web framework: `routes` feeds frames in, takes frames out, and closes.
"""

import asyncio
from dataclasses import dataclass
from typing import Final, Protocol

from cloud.exchange.order_entry.desk import OrderDesk, code_of
from cloud.exchange.order_entry.messages import (
    FRAME_BYTES_MAX,
    Authenticate,
    Cancel,
    CancelAll,
    EndCode,
    Listen,
    Listening,
    MalformedMessageError,
    Ping,
    PlaceOrder,
    Pong,
    Refused,
    Replace,
    Request,
    ToClient,
    Welcome,
    decode,
    encode,
    frame_of,
    ref_of,
)
from cloud.exchange.public_ids import portfolio_uuid
from cloud.exchange.updates.connection import Joined
from cloud.exchange.updates.feed import Reader
from cloud.exchange.updates.messages import Ended, Place, Stream
from cloud.kit.errors import AppError, UnavailableError
from cloud.kit.outages import is_passing
from cloud.realtime.frame_queue import FrameQueue

IN_FLIGHT_MAX: Final = 5_000
QUEUED_FRAMES_MAX: Final = 4_096
QUEUED_BYTES_MAX: Final = 4 * 1024 * 1024
AUTH_WITHIN_S: Final = 10.0
HEARTBEAT_S: Final = 15
SILENT_S: Final = 4 * HEARTBEAT_S
RECHECK_S: Final = 10.0
"""So often the credentials are checked again: a revoked key is cut within this."""


@dataclass(frozen=True)
class EndedBecause:
    """Why this side ends the connection."""

    code: EndCode
    message: str


class Gate(Protocol):
    """Turns credentials into the portfolio they are good for."""

    async def portfolio_of(self, credentials: Authenticate, address: str) -> int:
        """The portfolio's number.

        Raises:
            AppError: they are not good, or it cannot be known (UnavailableError).
        """
        ...


class Updates(Protocol):
    """Who tells what happens to a portfolio's orders; see `updates.service.TradeUpdates`."""

    async def follow(self, portfolio_id: int) -> None:
        """Be ready to tell of this portfolio.

        Raises:
            UnavailableError: not now.
        """
        ...

    def join(
        self,
        reader: Reader,
        portfolio_id: int,
        stream: Stream,
        place: Place | None,
        *,
        wants_snapshot: bool,
    ) -> Joined:
        """Begin with a stream; its next frames go to the reader."""
        ...

    def leave(self, reader: Reader) -> None:
        """Give the reader nothing any more."""
        ...


class Connection:
    """The state of one connection; `closed` is done once it must end."""

    def __init__(
        self, desk: OrderDesk, gate: Gate, updates: Updates, address: str, now_s: float
    ) -> None:
        loop = asyncio.get_running_loop()
        self.closed: asyncio.Future[EndedBecause] = loop.create_future()
        self._call_soon = loop.call_soon
        self._desk = desk
        self._gate = gate
        self._updates = updates
        self._is_listening = False
        self._is_receiving = False
        self._has_spoken = False
        self._address = address
        self.portfolio_id = 0
        self._credentials = Authenticate()
        self._in_flight = 0
        self._unsent: list[bytes] = []
        self._queue: FrameQueue[str] = FrameQueue(QUEUED_FRAMES_MAX, QUEUED_BYTES_MAX)
        self._opened_s = self._heard_s = self._sent_s = self._checked_s = now_s

    # --- what goes out

    def send(self, message: ToClient) -> None:
        """Send a message, in one frame with all others of this moment."""
        if self.closed.done():
            return
        self._unsent.append(encode(message))
        if len(self._unsent) == 1:
            # All answers of a commit are made in one go; the frame goes out behind the last.
            self._call_soon(self._flush)

    def offer(self, data: bytes) -> None:
        """Send a frame of the updates, behind the answers that are there already."""
        self._flush()
        self._put(data.decode())

    def _flush(self) -> None:
        if self._unsent:
            frame = frame_of(self._unsent)
            self._unsent = []
            self._put(frame)

    def _put(self, frame: str) -> None:
        if not self.closed.done() and not self._queue.put(frame, len(frame)):
            self.end(
                EndCode.SLOW_CONSUMER,
                "This connection does not read what it is sent; reconnect and resume.",
            )

    def end(self, code: EndCode | Ended, message: str) -> None:
        """End the connection; what is queued is not sent any more. Orders sent stay sent."""
        if not self.closed.done():
            reason = code if isinstance(code, EndCode) else EndCode.UNAVAILABLE
            # First, so that it ends whatever is wrong with the rest.
            self.closed.set_result(EndedBecause(reason, message))
            self._queue.clear()
            self.leave_all()

    def leave_all(self) -> None:
        """The client is gone; its orders are not."""
        if self._is_listening:
            self._is_listening = False
            self._updates.leave(self)

    async def next_frame(self) -> str:
        """The next frame to send, when there is one."""
        return await self._queue.next()

    def sent(self, now_s: float) -> None:
        """A frame was handed to the network."""
        self._sent_s = now_s

    # --- what comes in

    def take(self, frame: str) -> bool:
        """Act on one frame of the client at once; False if it must be received in its turn."""
        if not self.portfolio_id or self._is_receiving or self.closed.done():
            return False
        if len(frame) > FRAME_BYTES_MAX:
            return False
        try:
            message = decode(frame)
        except MalformedMessageError:
            return False
        if isinstance(message, (Authenticate, Listen)):
            return False
        self._has_spoken = True
        self._act(message)
        return True

    async def receive(self, frame: str | bytes, now_s: float) -> None:
        """Act on one frame of the client; what comes meanwhile waits."""
        self._heard_s = now_s
        self._is_receiving = True
        try:
            await self._receive(frame)
        finally:
            self._is_receiving = False

    async def _receive(self, frame: str | bytes) -> None:
        if len(frame) > FRAME_BYTES_MAX:
            self.end(EndCode.TOO_LARGE, f"Frames have at most {FRAME_BYTES_MAX} bytes.")
            return
        try:
            message = decode(frame)
        except MalformedMessageError as problem:
            if self.portfolio_id:
                self.send(Refused(ref_of(frame), "message_malformed", str(problem)))
            else:
                self.end(EndCode.AUTH_REQUIRED, "The first message must be of type auth.")
            return
        if isinstance(message, Authenticate):
            await self._authenticate(message)
        elif not self.portfolio_id:
            self.end(EndCode.AUTH_REQUIRED, "The first message must be of type auth.")
        elif isinstance(message, Listen):
            await self._listen(message)
        else:
            self._act(message)

    async def _listen(self, message: Listen) -> None:
        portfolio_id = self.portfolio_id
        try:
            await self._updates.follow(portfolio_id)
        except UnavailableError as problem:
            self.send(Refused(message.ref, code_of(problem), problem.message))
            return
        if self.closed.done():
            return
        # Nothing is awaited from here: no frame may come between a beginning and what follows.
        self.leave_all()
        joined = self._updates.join(
            self,
            portfolio_id,
            Stream.TRADE_UPDATES,
            message.resume,
            wants_snapshot=message.snapshot,
        )
        self._is_listening = True
        started = joined.started
        self.send(Listening(message.ref, started.epoch, started.seq, started.start))
        for frame in joined.frames:
            self.offer(frame)

    def _act(self, message: Request) -> None:
        if isinstance(message, Ping):
            self.send(Pong(message.ref))
            return
        if self._in_flight >= IN_FLIGHT_MAX:
            text = f"{IN_FLIGHT_MAX} messages wait for their answers; wait for some."
            self.send(Refused(message.ref, "too_many_in_flight", text))
            return
        try:
            if isinstance(message, PlaceOrder):
                self._desk.place(self.portfolio_id, message, self._answer)
            elif isinstance(message, Cancel):
                self._desk.cancel(self.portfolio_id, message, self._answer)
            elif isinstance(message, Replace):
                self._desk.replace(self.portfolio_id, message, self._answer)
            elif isinstance(message, CancelAll):
                self._desk.cancel_all(self.portfolio_id, message, self._answer)
        except AppError as problem:
            self.send(Refused(message.ref, code_of(problem), problem.message))
        else:
            self._in_flight += 1

    def _answer(self, message: ToClient) -> None:
        self._in_flight -= 1
        self.send(message)

    async def _authenticate(self, message: Authenticate) -> None:
        try:
            portfolio_id = await self._gate.portfolio_of(message, self._address)
        except UnavailableError as problem:
            self.end(EndCode.UNAVAILABLE, problem.message)
            return
        except AppError as problem:
            self.end(EndCode.AUTH_FAILED, problem.message)
            return
        if self.portfolio_id not in (0, portfolio_id):
            self.end(EndCode.AUTH_FAILED, "A connection stays with the portfolio it began with.")
            return
        self.portfolio_id, self._credentials = portfolio_id, message
        self.send(
            Welcome(
                str(portfolio_uuid(portfolio_id)), self._desk.sequence, HEARTBEAT_S, IN_FLIGHT_MAX
            )
        )

    # --- what time does

    def tick(self, now_s: float) -> bool:
        """Once a second: heartbeats and deadlines; whether the credentials are due for a check."""
        if self._has_spoken:
            self._heard_s, self._has_spoken = now_s, False
        if not self.portfolio_id:
            if now_s - self._opened_s >= AUTH_WITHIN_S:
                self.end(EndCode.AUTH_TIMEOUT, f"No auth came within {AUTH_WITHIN_S:.0f} seconds.")
            return False
        if now_s - self._heard_s >= SILENT_S:
            self.end(EndCode.SILENT, "Nothing was heard for too long; send a ping now and then.")
            return False
        if now_s - self._sent_s >= HEARTBEAT_S:
            self._sent_s = now_s
            self.send(Pong(0))
        return now_s - self._checked_s >= RECHECK_S

    async def recheck(self, now_s: float) -> None:
        """Cut the connection if its credentials are not good any more."""
        self._checked_s = now_s
        credentials = self._credentials
        try:
            portfolio_id = await self._gate.portfolio_of(credentials, self._address)
        except Exception as problem:
            # What cannot be known now cuts nobody off.
            if is_passing(problem):
                return
            if not isinstance(problem, AppError):
                raise
            if credentials is self._credentials:
                self.end(EndCode.REVOKED, problem.message)
            return
        if portfolio_id != self.portfolio_id:
            self.end(EndCode.REVOKED, "These credentials are for another portfolio now.")
