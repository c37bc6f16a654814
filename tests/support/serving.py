"""A real web server in the test's own loop."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import uvicorn

from cloud.kit.whole_frames import WholeFrames


@contextlib.asynccontextmanager
async def serving(asgi: Any, port: int = 0, **settings: Any) -> AsyncIterator[int]:
    """Serve it on this machine's own address until the block ends; gives the port.

    port: 0 for any that is free. settings: uvicorn's, beside those that the cloud is served with.
    """
    listener = socket.create_server(("127.0.0.1", port))
    given = {"ws": WholeFrames, "lifespan": "on", **settings}
    server = uvicorn.Server(uvicorn.Config(asgi, log_config=None, **given))
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment] # pytest keeps them
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
