"""`/v2/{feed}`: joins data connections to the network, and keeps time for all of them."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

import structlog
from litestar.handlers import WebsocketRouteHandler

from cloud.accounts.access import public
from cloud.events.cancelled import end_if_cancelled
from cloud.exchange.market_data import metrics
from cloud.exchange.market_data.connection import RECHECK_S, Callers, DataConnection, Ended
from cloud.exchange.market_data.feed import Feed
from cloud.exchange.market_data.messages import Codec, StreamMessage, frame_of
from cloud.kit.errors import AppError
from cloud.realtime.attending import Closing, Socket, attend, loop_s

log = structlog.get_logger()

CONNECTIONS_MAX: Final = 10_000
TICK_S: Final = 1.0
TURNS: Final = 10
KEY_HEADER: Final = "apca-api-key-id"
SECRET_HEADER: Final = "apca-api-secret-key"  # noqa: S105 -- a header's name
AWAY: Final = Ended(500, "market data is not open in this process now; try again", 4503)


class DataConnections:
    """Every data connection of one feed in this process."""

    def __init__(self, feed: Feed, callers: Callers) -> None:
        self.feed = feed
        self._callers = callers
        self._connections: set[DataConnection] = set()
        self._opened = 0
        feed.on_close = self._end_all

    def __len__(self) -> int:
        return len(self._connections)

    async def serve(self, socket: Socket) -> None:
        """One connection from its opening to its end."""
        await socket.accept()
        self._opened += 1
        codec = _codec_of(socket)
        client = socket.client
        connection = DataConnection(
            self.feed,
            self._callers,
            codec,
            address=client.host if client else "",
            now_s=loop_s(),
            turn=self._opened,
        )
        self._connections.add(connection)
        gauge = metrics.CONNECTIONS.labels(self.feed.name)
        gauge.set(len(self._connections))
        if not self.feed.is_ready:
            connection.drop(AWAY)
        elif len(self._connections) > CONNECTIONS_MAX:
            connection.drop(Ended(406, "connection limit exceeded", 4503))
        elif socket.headers.get(KEY_HEADER) and socket.headers.get(SECRET_HEADER):
            await connection.authenticate(socket.headers[KEY_HEADER], socket.headers[SECRET_HEADER])
        try:
            await attend(socket, connection, lambda because: _closing(because, codec))
        finally:
            self._connections.discard(connection)
            gauge.set(len(self._connections))

    def _end_all(self) -> None:
        """What is told from now on does not follow what was told before."""
        for connection in tuple(self._connections):
            connection.drop(AWAY)

    async def run(self) -> None:
        """Deadlines and checks of credentials, until cancelled."""
        due: dict[DataConnection, None] = {}
        try:
            while True:
                end_if_cancelled()
                for turn in range(TURNS):
                    await asyncio.sleep(TICK_S / TURNS)
                    for connection in tuple(self._connections):
                        if connection.turn % TURNS == turn and connection.tick(loop_s()):
                            due[connection] = None
                # A tenth of all at most, so that checks never come in one burst.
                for _ in range(len(self._connections) // int(RECHECK_S) + 1):
                    if due:
                        await self._check(due.popitem()[0])
        finally:
            for connection in tuple(self._connections):
                connection.drop(Ended(500, "the server stops; reconnect and resume", 4504))

    async def _check(self, connection: DataConnection) -> None:
        if connection.closed.done():
            return
        try:
            await connection.check_again(loop_s())
        except AppError as error:
            log.debug("data_check_failed", error=error.message)


def _codec_of(socket: Socket) -> Codec:
    """msgpack for those who say so by the header Alpaca looks at, or by `?codec=msgpack`."""
    wanted = socket.headers.get("content-type", "") + socket.query_params.get("codec", "")
    return Codec.MSGPACK if "msgpack" in wanted else Codec.JSON


def _closing(because: Ended, codec: Codec) -> Closing:
    body = {"T": "error", "code": because.code, "msg": because.message}
    frame = frame_of([StreamMessage(body)], codec) if because.is_told else None
    return Closing(because.close_code, because.message, frame)


def data_routes(by_path: Mapping[str, DataConnections]) -> Sequence[WebsocketRouteHandler]:
    """A handler for each feed's name; clients authenticate by message or header."""

    def route(name: str, connections: DataConnections) -> WebsocketRouteHandler:
        async def handle(socket: Socket) -> None:
            await connections.serve(socket)

        return WebsocketRouteHandler(f"/v2/{name}", guards=[public], name=f"data-{name}")(handle)

    return [route(name, connections) for name, connections in by_path.items()]
