"""Runs one process of the cloud: connect, wire, serve, until a signal or a failed task."""

import asyncio
import contextlib
import gc
import os
import resource
import signal
import socket

import structlog
import uvloop

from cloud.app import build_asgi, open_kit, running, wire_features
from cloud.exchange.steady_memory import steady_memory
from cloud.kit.feature import ProcessRole
from cloud.kit.logs import set_up_logs
from cloud.kit.settings import Settings
from cloud.kit.web_server import WebServer

log = structlog.get_logger()

SERVING = (ProcessRole.API, ProcessRole.EXCHANGE)
STUCK_CLIENT_MS = 30_000
SURVEILLANCE_NICE = 10


def serve(settings: Settings, roles: frozenset[ProcessRole], host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT; raises what a failed task raised.

    port: 0 lets the system choose; the log line `serving` says which.
    """
    set_up_logs(settings)
    if ProcessRole.SURVEILLANCE in roles:
        # The venue's orders go first.
        os.nice(SURVEILLANCE_NICE)
    _allow_many_connections()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, roles, host, port))


async def _serve(settings: Settings, roles: frozenset[ProcessRole], host: str, port: int) -> None:
    listener = _listen(host, port)
    async with open_kit(settings) as kit:
        features = wire_features(kit)
        server = WebServer(
            build_asgi(kit, features, has_api=not roles.isdisjoint(SERVING)),
            ws_message_bytes_max=settings.ws_message_bytes_max,
        )
        # What was made until here lives as long as the process: searching it for garbage would
        # stop everything for 120 ms each time, and a thousand live clients with it.
        gc.collect()
        gc.freeze()
        _stop_on_signals(server)
        log.info("serving", roles=sorted(roles), host=host, port=listener.getsockname()[1])
        with _memory_of(roles):
            async with running(kit, features, roles):
                await server.serve(sockets=[listener])
    log.info("stopped")


def _memory_of(roles: frozenset[ProcessRole]) -> contextlib.AbstractContextManager[None]:
    has_engine = not roles.isdisjoint((ProcessRole.EXCHANGE, ProcessRole.SURVEILLANCE))
    return steady_memory() if has_engine else contextlib.nullcontext()


def _allow_many_connections() -> None:
    """Many systems start a process with 1,024 open files: too few for a thousand watchers."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _listen(host: str, port: int) -> socket.socket:
    """Bind before connecting to anything: a taken port is the likeliest fault, so said first."""
    listener = socket.create_server((host, port), backlog=2_048)
    listener.setblocking(False)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        # Connections inherit it. One that is closed while its client does not read would else
        # keep its last bytes, and itself, for as long as that client likes.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STUCK_CLIENT_MS)
    return listener


def _stop_on_signals(server: WebServer) -> None:
    def stop() -> None:
        server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
