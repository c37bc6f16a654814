"""`/v2/orders/ws`: joins the state of each client to the network, and keeps time for all."""

import asyncio
from typing import Final

from litestar.handlers import WebsocketRouteHandler

from cloud.accounts.access import public
from cloud.accounts.client import client_address
from cloud.events.cancelled import end_if_cancelled
from cloud.exchange.alpaca.access import TraderAccess
from cloud.exchange.alpaca.settings import SettingsBook
from cloud.exchange.order_entry.connection import Connection, EndedBecause, Updates
from cloud.exchange.order_entry.desk import OrderDesk
from cloud.exchange.order_entry.messages import (
    CLOSE_CODES,
    Authenticate,
    EndCode,
    Ended,
    encode,
    frame_of,
)
from cloud.exchange.restarting import Guard
from cloud.kit.errors import UnauthenticatedError
from cloud.kit.whole_frames import taking
from cloud.realtime.attending import Closing, Socket, attend, loop_s

PATH: Final = "/v2/orders/ws"
CONNECTIONS_MAX: Final = 2_000
TICK_S: Final = 1.0
_STOPPING: Final = "The server stops; reconnect in a moment."
_BROKEN: Final = "Something broke here; reconnect and resume."


class AccessGate:
    """The credentials of the first message, checked as those of /v2 are."""

    def __init__(self, access: TraderAccess, settings: SettingsBook) -> None:
        self._access = access
        self._settings = settings

    async def portfolio_of(self, credentials: Authenticate, address: str) -> int:
        """See `connection.Gate`."""
        access = self._access
        access.require_leading()
        if credentials.key:
            trader = await access.by_key(credentials.key, credentials.secret, address)
        elif credentials.token:
            trader = await access.by_token(credentials.token, credentials.portfolio)
        else:
            raise UnauthenticatedError("Send key and secret, or token, with the first message.")
        # So that placing need not wait for them; from here on they are kept up to date.
        await self._settings.read(trader.portfolio_id)
        return trader.portfolio_id


class OrderEntry:
    """Every client of order entry in this process.

    guard: where a mistake with one client ends, and so does its connection; others go on.
    """

    def __init__(self, desk: OrderDesk, gate: AccessGate, updates: Updates) -> None:
        self._desk = desk
        self._gate = gate
        self._updates = updates
        self._connections: set[Connection] = set()
        self.guard = Guard("order-entry")

    async def serve(self, socket: Socket) -> None:
        """One connection from its opening to its end."""
        await socket.accept()
        connection = Connection(
            self._desk, self._gate, self._updates, client_address(socket), loop_s()
        )
        self._connections.add(connection)
        if len(self._connections) > CONNECTIONS_MAX:
            connection.end(EndCode.UNAVAILABLE, "Too many clients are connected; try again later.")
        try:
            with taking(socket.scope, connection.take):
                await attend(socket, connection, _closing)
        finally:
            self._connections.discard(connection)

    async def run(self) -> None:
        """Heartbeats, deadlines and checks of credentials, until cancelled; then good-bye."""
        try:
            while True:
                end_if_cancelled()
                await asyncio.sleep(TICK_S)
                for connection in tuple(self._connections):
                    if not connection.closed.done():
                        await self._keep_time_of(connection)
        finally:
            for connection in tuple(self._connections):
                self._end(connection, EndCode.SHUTTING_DOWN, _STOPPING)

    async def _keep_time_of(self, connection: Connection) -> None:
        with self.guard.over():
            if connection.tick(loop_s()):
                await connection.recheck(loop_s())
            return
        self._end(connection, EndCode.UNAVAILABLE, _BROKEN)

    def _end(self, connection: Connection, code: EndCode, message: str) -> None:
        """A mistake in what else ends with it keeps no other connection from its end."""
        with self.guard.over():
            connection.end(code, message)


def _closing(because: EndedBecause) -> Closing:
    """A client that is dropped for not reading would not read a last frame either."""
    last = None
    if because.code is not EndCode.SLOW_CONSUMER:
        last = frame_of([encode(Ended(because.code, because.message))])
    return Closing(CLOSE_CODES[because.code], because.message, last)


def order_entry_route(entry: OrderEntry) -> WebsocketRouteHandler:
    """The handler; it authenticates by its first message, not by a header."""

    async def handle(socket: Socket) -> None:
        await entry.serve(socket)

    return WebsocketRouteHandler(PATH, guards=[public])(handle)
