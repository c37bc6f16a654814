"""The web server, set up in one place for every process and every test that serves an app."""

import contextlib
from collections.abc import Iterator
from typing import Any, Final

import uvicorn

from cloud.kit.http_protocol import HttpProtocol
from cloud.kit.whole_frames import WholeFrames

GRACE_S: Final = 5


class WebServer(uvicorn.Server):
    """uvicorn, with signals left to whoever runs it: its own way ends the process before we close.

    ws_message_bytes_max: of a message that is read. has_lifespan: whether the app is told when
        serving begins and ends, and may refuse to begin.
    """

    def __init__(
        self,
        app: Any,  # noqa: ANN401 - ASGI, which litestar and uvicorn type differently
        *,
        ws_message_bytes_max: int,
        has_lifespan: bool = True,
    ) -> None:
        config = uvicorn.Config(
            app,
            http=HttpProtocol,
            ws=WholeFrames,
            ws_max_size=ws_message_bytes_max,
            # One frame goes to a thousand clients: compressing it for each would cost far more.
            ws_per_message_deflate=False,
            lifespan="on" if has_lifespan else "off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=65,
            timeout_graceful_shutdown=GRACE_S,
        )
        super().__init__(config)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Do nothing."""
        yield
