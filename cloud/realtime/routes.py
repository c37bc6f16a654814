"""`/ws`: joins a connection's state to the network, and keeps time for all of them."""

import asyncio
from typing import Final

import structlog
from litestar.handlers import WebsocketRouteHandler

from cloud.accounts.access import Authenticator, public
from cloud.events.cancelled import end_if_cancelled
from cloud.kit.clock import Clock
from cloud.kit.errors import UnavailableError
from cloud.realtime import metrics
from cloud.realtime.attending import Closing, Socket, attend, loop_s
from cloud.realtime.connection import RECHECK_S, ClosedBecause, Connection, goodbye
from cloud.realtime.hub import Hub
from protocols.realtime import CLOSE_CODES, Code

log = structlog.get_logger()

CONNECTIONS_MAX: Final = 10_000
TICK_S: Final = 1.0
TURNS: Final = 10


class LiveConnections:
    """Every connection of this process."""

    def __init__(self, hub: Hub, authenticator: Authenticator, clock: Clock) -> None:
        self._hub = hub
        self._authenticator = authenticator
        self._clock = clock
        self._connections: set[Connection] = set()
        self._opened = 0
        self._unchecked: dict[Connection, None] = {}

    async def serve(self, socket: Socket) -> None:
        """One connection from its opening to its end."""
        await socket.accept()
        self._opened += 1
        connection = Connection(
            self._hub, self._authenticator, self._clock, loop_s(), turn=self._opened
        )
        self._connections.add(connection)
        metrics.CONNECTIONS.set(len(self._connections))
        if len(self._connections) > CONNECTIONS_MAX:
            connection.drop(Code.UNAVAILABLE, "This server is full; try another in a moment.")
        try:
            await attend(socket, connection, _closing)
        finally:
            self._connections.discard(connection)
            metrics.CONNECTIONS.set(len(self._connections))

    async def run(self) -> None:
        """Heartbeats, deadlines and token checks, until cancelled; then say good-bye to all."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._check_tokens(), name="live-tokens")
                while True:
                    for turn in range(TURNS):
                        await asyncio.sleep(TICK_S / TURNS)
                        self._tick(turn)
        finally:
            for connection in tuple(self._connections):
                connection.drop(Code.SHUTTING_DOWN, "The server stops; reconnect and resume.")

    def _tick(self, turn: int) -> None:
        """A thousand clients that came at once are not all asked at once."""
        for connection in tuple(self._connections):
            if connection.turn % TURNS == turn and connection.tick(loop_s()):
                self._unchecked[connection] = None

    async def _check_tokens(self) -> None:
        """Beside the heartbeats, which must not wait for Redis."""
        while True:
            end_if_cancelled()
            await asyncio.sleep(TICK_S)
            while self._unchecked:
                end_if_cancelled()
                connection, _ = self._unchecked.popitem()
                if connection.closed.done():
                    continue
                try:
                    await connection.check_token(loop_s())
                except UnavailableError:
                    self._unchecked.clear()
                # Evenly over the time there is: a burst of checks would delay what is live.
                await asyncio.sleep(RECHECK_S / (2 * len(self._connections) + 1))


def _closing(because: ClosedBecause) -> Closing:
    """A client that is dropped for not reading would not read a last frame either."""
    is_reading = because.code is not Code.SLOW_CONSUMER
    return Closing(
        CLOSE_CODES[because.code],
        because.message,
        goodbye(because) if is_reading else None,
    )


def live_route(connections: LiveConnections) -> WebsocketRouteHandler:
    """The handler of `/ws`; it authenticates by its first message, not by a header."""

    async def handle(socket: Socket) -> None:
        await connections.serve(socket)

    return WebsocketRouteHandler("/ws", guards=[public])(handle)
