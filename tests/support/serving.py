"""A real web server in the test's own loop."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

from cloud.kit.settings import Settings
from cloud.kit.web_server import WebServer


@contextlib.asynccontextmanager
async def serving(asgi: Any, port: int = 0, *, has_lifespan: bool = True) -> AsyncIterator[int]:
    """Serve it on this machine's own address until the block ends, as `cloud.serve` does it.

    Gives the port. port: 0 for any that is free. has_lifespan: as of `WebServer`.
    """
    listener = socket.create_server(("127.0.0.1", port))
    server = WebServer(
        asgi, ws_message_bytes_max=Settings.ws_message_bytes_max, has_lifespan=has_lifespan
    )
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started:
            if task.done():
                await task
            await asyncio.sleep(0.005)
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await task
