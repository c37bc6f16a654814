"""One client of the data stream: what it may say and when, and what waits to be sent to it.

The protocol is Alpaca's (docs/trading.md says what we add); nothing here knows the web framework.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import msgspec

from cloud.exchange.market_data import metrics
from cloud.exchange.market_data.feed import Feed
from cloud.exchange.market_data.messages import (
    Batch,
    Codec,
    StreamMessage,
    decode_request,
    frame_of,
)
from cloud.exchange.market_data.streams import ALL, BOOK_CHANNELS
from cloud.kit.errors import AppError, UnauthenticatedError
from cloud.realtime.connection import MESSAGES_BURST, MESSAGES_PER_S
from cloud.realtime.frame_queue import FrameQueue
from protocols.market_book import CHANNEL_TYPES

AUTH_WITHIN_S: Final = 10.0
RECHECK_S: Final = 10.0
SUBSCRIPTIONS_MAX: Final = 2_000
QUEUED_BATCHES_MAX: Final = 2_048
QUEUED_BYTES_MAX: Final = 8 * 1024 * 1024
FRAME_BYTES_MAX: Final = 64 * 1024
"""So much of what waits goes into one frame."""
SYMBOL: Final = re.compile(r"[A-Z0-9][A-Z0-9./_-]{0,23}", re.ASCII)
FOLLOW_TRADES: Final = ("corrections", "cancelErrors")
"""Alpaca's channels that come with trades; here no trade is ever corrected or cancelled."""


class Callers(Protocol):
    """Who may hear market data: any good API key, any good access token."""

    async def by_key(self, key: str, secret: str, address: str) -> None:
        """Pass, or raise UnauthenticatedError."""
        ...

    async def by_token(self, token: str) -> None:
        """Pass, or raise UnauthenticatedError."""
        ...


@dataclass(frozen=True)
class Ended:
    """Why this side ends the connection: Alpaca's code, a sentence, and the close code.

    is_told: whether the client gets an error message too; one that does not read does not.
    """

    code: int
    message: str
    close_code: int
    is_told: bool = True


class _Credentials(msgspec.Struct, frozen=True):
    key: str = ""
    secret: str = ""
    token: str = ""


class DataConnection:
    """The state of one connection; `closed` is done once it must end.

    turn: its number among the connections. address: where the client is.
    """

    def __init__(
        self,
        feed: Feed,
        callers: Callers,
        codec: Codec,
        *,
        address: str,
        now_s: float,
        turn: int = 0,
    ) -> None:
        self.turn = turn
        self.codec = codec
        self.closed: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        self.is_known = False
        self._feed = feed
        self._callers = callers
        self._address = address
        self._credentials = _Credentials()
        self._heard: dict[tuple[str, str], None] = {}
        self._queue: FrameQueue[Batch] = FrameQueue(QUEUED_BATCHES_MAX, QUEUED_BYTES_MAX)
        self._opened_s = self._heard_s = self._checked_s = now_s
        self._allowance = float(MESSAGES_BURST)
        self.tell({"T": "success", "msg": "connected"})

    # --- what goes out

    def offer(self, batch: Batch) -> None:
        """Queue messages; a client that lets too many pile up is dropped: others never wait."""
        if not self.closed.done() and not self._queue.put(batch, batch.size(self.codec)):
            behind = len(self._queue)
            self.drop(Ended(407, f"slow client: {behind} frames behind; resume later", 4509, False))

    def tell(self, body: Mapping[str, object]) -> None:
        """Queue a message of this connection alone."""
        self.offer(Batch([StreamMessage(body)]))

    def refuse(self, code: int, message: str) -> None:
        """Say that a request was not understood or not allowed; the connection goes on."""
        self.tell({"T": "error", "code": code, "msg": message})

    def drop(self, because: Ended) -> None:
        """End the connection; what is queued is not sent any more."""
        if not self.closed.done():
            metrics.DROPPED.labels(str(because.code)).inc()
            self._queue.clear()
            self.leave_all()
            self.closed.set_result(because)

    def leave_all(self) -> None:
        """Hear nothing more; also when the client is gone."""
        self._feed.streams.unlisten_all(self, self._heard)
        self._heard.clear()

    async def next_frame(self) -> str | bytes:
        """The next frame to send, when there is one: all that waits, as far as it fits."""
        first = await self._queue.next()
        more = self._queue.more(FRAME_BYTES_MAX - first.size(self.codec))
        if not more:
            return first.frame(self.codec)
        return frame_of([one for batch in (first, *more) for one in batch.messages], self.codec)

    def sent(self, _: float) -> None:
        """Nothing depends on it: clients of this protocol ping by the WebSocket's own frames."""

    # --- what comes in

    async def receive(self, frame: str | bytes, now_s: float) -> None:
        """Act on one frame of the client."""
        refill = (now_s - self._heard_s) * MESSAGES_PER_S
        self._allowance = min(MESSAGES_BURST, self._allowance + refill) - 1
        self._heard_s = now_s
        if self._allowance < 0:
            self.drop(Ended(406, f"more than {MESSAGES_PER_S} messages a second", 4429))
            return
        request = decode_request(frame, self.codec)
        action = request.get("action") if isinstance(request, dict) else None
        if action == "auth":
            await self._authenticate(request)
        elif action not in ("subscribe", "unsubscribe"):
            self.refuse(400, "invalid syntax")
        elif not self.is_known:
            self.refuse(401, "not authenticated")
        else:
            self._change(request, is_joining=action == "subscribe")

    async def authenticate(self, key: str, secret: str) -> None:
        """Take the credentials that came with the opening request."""
        await self._check(_Credentials(key, secret))

    async def _authenticate(self, request: Mapping[str, object]) -> None:
        if self.is_known:
            self.refuse(403, "already authenticated")
            return
        try:
            given = msgspec.convert(request, _Credentials)
        except msgspec.ValidationError:
            self.refuse(400, "invalid syntax")
            return
        await self._check(given)

    async def _check(self, given: _Credentials) -> None:
        try:
            await self._ask(given)
        except UnauthenticatedError:
            self.drop(Ended(402, "auth failed", 4402))
        except AppError as error:
            self.drop(Ended(500, error.message, 4503))
        else:
            self._credentials = given
            self.is_known = True
            self.tell({"T": "success", "msg": "authenticated"})

    async def _ask(self, given: _Credentials) -> None:
        if given.token or given.key == "oauth":
            await self._callers.by_token(given.token or given.secret)
        else:
            await self._callers.by_key(given.key, given.secret, self._address)

    def _change(self, request: Mapping[str, Any], *, is_joining: bool) -> None:
        wanted = _wanted(request)
        if wanted is None:
            self.refuse(400, "invalid syntax")
            return
        unknown = [name for name in wanted if name not in CHANNEL_TYPES]
        if unknown:
            self.refuse(410, "invalid subscribe action for this feed")
            return
        pairs = [(name, symbol) for name, symbols in wanted.items() for symbol in symbols]
        if is_joining and len({*self._heard, *pairs}) > SUBSCRIPTIONS_MAX:
            self.refuse(405, "symbol limit exceeded")
        elif is_joining:
            self._join(pairs, request.get("resume"))
        else:
            for pair in pairs:
                self._heard.pop(pair, None)
                self._feed.streams.unlisten(self, *pair)
            self._tell_subscriptions({})

    def _join(self, pairs: Sequence[tuple[str, str]], resume: object) -> None:
        streams = self._feed.streams
        # What has happened so far is numbered first: it is before the place that is told.
        self._feed.write()
        if self.closed.done():
            return
        places: dict[str, dict[str, int]] = {}
        first: list[StreamMessage] = []
        for channel, symbol in pairs:
            known = _place(resume, channel, symbol)
            if symbol != ALL and known is None:
                places.setdefault(channel, {})[symbol] = streams.stream(channel, symbol).seq
            first += self._first(channel, symbol, known)
            self._heard[(channel, symbol)] = None
            streams.listen(self, channel, symbol, self._feed.now_ns)
        self._tell_subscriptions(places)
        if first:
            self.offer(Batch(first))

    def _first(
        self, channel: str, symbol: str, known: tuple[str, int] | None
    ) -> Sequence[StreamMessage]:
        """What comes before everything new: what was missed, a snapshot, or nothing."""
        streams = self._feed.streams
        if known is not None and symbol != ALL:
            epoch, seq = known
            # Of a stream that nobody has ever heard anything of, nothing is counted either.
            is_counted = epoch == streams.epoch and seq > 0
            missed = streams.stream(channel, symbol).since(seq) if is_counted else None
            if missed is not None:
                return missed
        if channel in BOOK_CHANNELS:
            symbols = list(self._feed.quotes) if symbol == ALL else [symbol]
            return [self._feed.snapshot(channel, one) for one in symbols]
        if known is None or symbol == ALL:
            return []
        place = {"seq": streams.stream(channel, symbol).seq, "epoch": streams.epoch}
        return [StreamMessage({"T": "reset", "channel": channel, "S": symbol, **place})]

    def _tell_subscriptions(self, places: Mapping[str, Mapping[str, int]]) -> None:
        body: dict[str, object] = {"T": "subscription"}
        for channel in CHANNEL_TYPES:
            body[channel] = sorted(symbol for name, symbol in self._heard if name == channel)
        for channel in FOLLOW_TRADES:
            body[channel] = body["trades"]
        self.tell({**body, "epoch": self._feed.streams.epoch, "places": places})

    # --- what time does

    def tick(self, now_s: float) -> bool:
        """Once a second; whether the credentials are due to be checked again."""
        if not self.is_known:
            if now_s - self._opened_s >= AUTH_WITHIN_S:
                self.drop(Ended(404, "auth timeout", 4408))
            return False
        return now_s - self._checked_s >= RECHECK_S

    async def check_again(self, now_s: float) -> None:
        """Cut the connection if its key was revoked or its token has ended.

        Raises:
            AppError: it cannot be known now; nobody is cut off for that.
        """
        self._checked_s = now_s
        try:
            await self._ask(self._credentials)
        except UnauthenticatedError:
            self.drop(Ended(402, "auth failed: the credentials are not good any more", 4403))


def _wanted(request: Mapping[str, Any]) -> dict[str, list[str]] | None:
    """Channel -> symbols; None if that is not what the request holds."""
    wanted: dict[str, list[str]] = {}
    for name, symbols in request.items():
        if name in ("action", "resume") or name in FOLLOW_TRADES:
            continue
        if not isinstance(name, str) or not isinstance(symbols, list | tuple):
            return None
        for symbol in symbols:
            if not isinstance(symbol, str) or not (symbol == ALL or SYMBOL.fullmatch(symbol)):
                return None
        wanted[name] = list(symbols)
    return wanted


def _place(resume: object, channel: str, symbol: str) -> tuple[str, int] | None:
    """The place the client names for this stream, None if it names none that makes sense."""
    of_channel = resume.get(channel) if isinstance(resume, dict) else None
    place = of_channel.get(symbol) if isinstance(of_channel, dict) else None
    if not isinstance(place, list | tuple) or len(place) != 2:
        return None
    epoch, seq = place
    if not isinstance(epoch, str) or not isinstance(seq, int) or isinstance(seq, bool):
        return None
    return epoch, seq
