"""Tests and processes are served by the same protocols, so what is tested is what ships."""

from typing import Any

import httpx
from litestar.types import Receive, Scope, Send
from websockets.asyncio.client import connect

from cloud.kit.http_protocol import JoinedWrites
from cloud.kit.settings import Settings
from cloud.kit.whole_frames import WholeFrames
from tests.support.serving import serving


class Server:
    """Remembers what sends its answers."""

    def __init__(self) -> None:
        self.senders: list[Any] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.senders.append(send.__self__)  # type: ignore[attr-defined] # a bound method
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"hello", "more_body": False})
            return
        await receive()
        await send({"type": "websocket.accept", "subprotocol": None, "headers": []})
        await send({"type": "websocket.close", "code": 1000, "reason": ""})


async def test_an_app_in_a_test_is_served_as_in_a_process():
    app = Server()
    async with serving(app, has_lifespan=False) as port:
        async with httpx.AsyncClient() as client:
            answer = await client.get(f"http://127.0.0.1:{port}/")
        async with connect(f"ws://127.0.0.1:{port}/") as socket:
            await socket.wait_closed()
    http, websocket = app.senders
    assert isinstance(http.transport, JoinedWrites)
    assert isinstance(websocket, WholeFrames)
    assert websocket.config.ws_max_size == Settings.ws_message_bytes_max
    assert not websocket.config.ws_per_message_deflate
    assert "server" not in answer.headers
