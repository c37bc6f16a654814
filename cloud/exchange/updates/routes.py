"""`/stream`: joins connections to the network, and keeps time for all of them."""

import asyncio
from typing import Final

import structlog
from litestar.handlers import WebsocketRouteHandler

from cloud.accounts.access import public
from cloud.accounts.client import client_address
from cloud.events.cancelled import end_if_cancelled
from cloud.exchange.alpaca.access import TraderAccess
from cloud.exchange.restarting import Guard
from cloud.exchange.updates.connection import (
    RECHECK_S,
    Connection,
    Credentials,
    Joined,
    closing,
)
from cloud.exchange.updates.messages import Ended, Place, Stream
from cloud.exchange.updates.service import TradeUpdates
from cloud.exchange.wishes import ExchangeUnavailable
from cloud.kit.errors import AppError, UnauthenticatedError
from cloud.kit.outages import is_passing
from cloud.realtime.attending import Socket, attend, loop_s

log = structlog.get_logger()

CONNECTIONS_MAX: Final = 10_000
PER_PORTFOLIO_MAX: Final = 32
TICK_S: Final = 1.0


class _Desk:
    """What one connection asks: the updates, and whom its credentials stand for."""

    def __init__(self, updates: TradeUpdates, access: TraderAccess, address: str) -> None:
        self._updates = updates
        self._access = access
        self._address = address
        self.follow = updates.follow
        self.leave = updates.leave
        self.places = updates.places

    async def authenticate(self, credentials: Credentials) -> int:
        self._access.require_leading()
        one = credentials
        if one.token:
            trader = await self._access.by_token(one.token, one.portfolio or None)
        elif one.key_id:
            trader = await self._access.by_key(one.key_id, one.secret_key, self._address)
        else:
            raise UnauthenticatedError("Send key_id and secret_key, or an oauth_token.")
        return trader.portfolio_id

    def join(
        self,
        reader: Connection,
        portfolio_id: int,
        stream: Stream,
        place: Place | None,
        *,
        wants_snapshot: bool,
    ) -> Joined:
        return self._updates.join(
            reader, portfolio_id, stream, place, wants_snapshot=wants_snapshot
        )


class StreamConnections:
    """Every connection of `/stream` in this process.

    guard: where a mistake with one client ends, and so does its connection; others go on.
    """

    def __init__(self, updates: TradeUpdates, access: TraderAccess) -> None:
        self._updates = updates
        self._access = access
        self._connections: set[Connection] = set()
        self.guard = Guard("trade-updates-connections")

    async def serve(self, socket: Socket) -> None:
        """One connection from its opening to its end."""
        await socket.accept()
        connection = Connection(
            _Desk(self._updates, self._access, client_address(socket)), loop_s()
        )
        self._connections.add(connection)
        if not self._updates.is_open:
            connection.end(Ended.UNAVAILABLE, ExchangeUnavailable().message)
        elif len(self._connections) > CONNECTIONS_MAX:
            connection.end(Ended.TOO_MANY_CONNECTIONS, "This server is full; try again later.")
        try:
            await attend(socket, connection, closing)
        finally:
            self._connections.discard(connection)

    async def run(self) -> None:
        """Heartbeats, deadlines and key checks, until cancelled; then say good-bye to all."""
        try:
            while True:
                end_if_cancelled()
                await asyncio.sleep(TICK_S)
                self._bound()
                for connection in tuple(self._connections):
                    if not connection.closed.done():
                        await self._keep_time_of(connection)
                self._updates.forget_idle()
        finally:
            for connection in tuple(self._connections):
                connection.end(Ended.SHUTTING_DOWN, "The server stops; reconnect and resume.")

    def end_all(self) -> None:
        """The exchange begins anew: what comes does not follow what was told."""
        for connection in tuple(self._connections):
            connection.end(Ended.UNAVAILABLE, "The exchange started anew; reconnect and resume.")

    def _bound(self) -> None:
        """One client that opens connection after connection shuts out only itself."""
        count: dict[int, int] = {}
        for connection in tuple(self._connections):
            number = connection.portfolio_id
            if number is not None:
                count[number] = count.get(number, 0) + 1
                if count[number] > PER_PORTFOLIO_MAX:
                    connection.end(
                        Ended.TOO_MANY_CONNECTIONS,
                        f"A portfolio has at most {PER_PORTFOLIO_MAX} connections at once.",
                    )

    async def _keep_time_of(self, connection: Connection) -> None:
        with self.guard.over():
            if connection.tick(loop_s()):
                await self._check(connection)
            return
        connection.end(Ended.UNAVAILABLE, "Something broke here; reconnect and resume.")

    async def _check(self, connection: Connection) -> None:
        try:
            await connection.check_key(loop_s())
        except Exception as error:
            # What cannot be known now cuts nobody off.
            if not isinstance(error, AppError) and not is_passing(error):
                raise
            log.debug("stream_key_not_checked", error=repr(error))
        # Evenly over the time there is: a burst of checks would delay what is live.
        await asyncio.sleep(RECHECK_S / (10 * len(self._connections) + 10))


def stream_route(connections: StreamConnections) -> WebsocketRouteHandler:
    """The handler of `/stream`; it authenticates by its first message, not by a header."""

    async def handle(socket: Socket) -> None:
        await connections.serve(socket)

    return WebsocketRouteHandler("/stream", guards=[public])(handle)
