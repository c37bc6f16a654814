"""Real servers with `/ws` on a real Valkey, and clients that follow a room."""

import asyncio
import base64
import contextlib
import json
import random
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from uuid import UUID

import pytest
from litestar import Litestar
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from cloud.accounts.user import Role, User
from cloud.kit.clock import ManualClock
from cloud.kit.errors import UnauthenticatedError, UnavailableError
from cloud.kit.redis import redis_client
from cloud.realtime.hub import Hub
from cloud.realtime.rooms import Rooms
from cloud.realtime.routes import LiveConnections, live_route
from protocols import realtime as wire
from tests.support.serving import serving

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
ADA, BOB = UUID(int=0xADA), UUID(int=0xB0B)


def token_of(user: UUID, *, expires_at_s: int = 4_000_000_000) -> str:
    claims = json.dumps({"exp": expires_at_s, "sub": str(user)}).encode()
    return f"head.{base64.urlsafe_b64encode(claims).decode().rstrip('=')}.tail"


class Tokens:
    """An authenticator whose tokens say who; `revoked` and `is_away` are for tests to set."""

    def __init__(self) -> None:
        self.revoked: set[str] = set()
        self.is_away = False
        self.asked = 0

    async def asked_again(self) -> None:
        """Wait until a token was checked twice more: once it has begun, once it has ended."""
        enough = self.asked + 2
        await eventually(lambda: self.asked >= enough)

    async def authenticate(self, token: str) -> User:
        self.asked += 1
        if self.is_away:
            raise UnavailableError("Log-ins cannot be checked now.")
        try:
            body = token.split(".")[1]
            claims = json.loads(base64.urlsafe_b64decode(body + "=="))
        except (IndexError, ValueError) as error:
            raise UnauthenticatedError("This access token is not one of ours; log in.") from error
        if token in self.revoked:
            raise UnauthenticatedError("This login ended.")
        return User(UUID(claims["sub"]), UUID(int=1), frozenset({Role.DRIVER}))


class Board:
    """The kind `lot`: what was told, in a list; a snapshot holds all of it."""

    name = "lot"
    is_personal = False

    def __init__(self) -> None:
        self.facts: dict[str, list[int]] = {}
        self.closed_to: set[UUID] = set()
        self.snapshots = 0
        self.is_broken = False

    async def may_join(self, user: User, key: str) -> bool:
        return user.id not in self.closed_to and key != "nowhere"

    async def snapshot(self, key: str) -> object:
        self.snapshots += 1
        if self.is_broken:
            raise UnavailableError("The database is away.")
        facts = list(self.facts.get(key, []))
        await asyncio.sleep(0)
        return {"facts": facts}


class Own(Board):
    name = "user"
    is_personal = True


class Server:
    """One server process's worth of realtime, listening on a port of its own."""

    def __init__(self, redis_url: str, board: Board, tokens: Tokens, clock: ManualClock) -> None:
        self._redis = redis_client(redis_url)
        self._listening = redis_client(redis_url)
        self._listening.set_retry(Retry(NoBackoff(), 0))
        self.own = Own()
        self.hub = Hub(
            redis=self._redis,
            listening=self._listening,
            rooms=Rooms([board, self.own]),
            clock=clock,
            draw=random.Random(3).random,
        )
        self.live = LiveConnections(self.hub, tokens, clock)
        self.port = 0

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Server"]:
        app = Litestar([live_route(self.live)], openapi_config=None, logging_config=None)
        tasks = [asyncio.ensure_future(self.hub.run()), asyncio.ensure_future(self.live.run())]
        try:
            async with serving(app, self.port) as self.port:
                try:
                    yield self
                finally:
                    for task in tasks:
                        task.cancel()
                    await asyncio.wait(tasks)
        finally:
            await self._redis.aclose()
            await self._listening.aclose()
        for task in tasks:
            assert task.cancelled() or task.exception() is None, task.exception()


class Client:
    """A client that says what it is told to and keeps what it hears."""

    def __init__(self, socket_: ClientConnection) -> None:
        self._socket = socket_

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, port: int, token: str | None = None) -> AsyncIterator["Client"]:
        async with connect(f"ws://127.0.0.1:{port}/ws", compression=None, proxy=None) as socket_:
            client = cls(socket_)
            if token is not None:
                await client.say(wire.Authenticate(token))
                assert isinstance(await client.hear(), wire.Welcome)
            yield client

    async def say(self, message: wire.Message | str | bytes) -> None:
        is_raw = isinstance(message, str | bytes)
        await self._socket.send(message if is_raw else wire.encode(message).decode())

    async def hear(self, within_s: float = 10.0) -> wire.FromServer:
        async with asyncio.timeout(within_s):
            return wire.decode_from_server(await self._socket.recv())

    async def ask(self, message: wire.Message | str) -> wire.FromServer:
        await self.say(message)
        return await self.hear()

    async def ending(self, within_s: float = 10.0) -> tuple[wire.Code | None, int]:
        """The reason and close code this connection ends with."""
        said = None
        async with asyncio.timeout(within_s):
            try:
                while True:
                    message = wire.decode_from_server(await self._socket.recv())
                    if isinstance(message, wire.Goodbye):
                        said = message.code
            except ConnectionClosed as closed:
                return said, closed.rcvd.code if closed.rcvd else 0


async def eventually(is_so: Callable[[], object], within_s: float = 20.0) -> None:
    async with asyncio.timeout(within_s):
        while not is_so():  # noqa: ASYNC110 -- another program brings it about
            await asyncio.sleep(0.005)


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture
def tokens() -> Tokens:
    return Tokens()


@pytest.fixture
def live_clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
async def server(
    redis_url: str, board: Board, tokens: Tokens, live_clock: ManualClock
) -> AsyncIterator[Server]:
    async with Server(redis_url, board, tokens, live_clock).running() as made:
        yield made
