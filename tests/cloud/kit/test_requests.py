"""What every answer carries and every request leaves behind."""

from typing import Any

import httpx
import pytest
from litestar.types import Receive, Scope, Send
from structlog.contextvars import get_contextvars
from structlog.testing import capture_logs

from cloud.kit.clock import SystemClock
from cloud.kit.ids import TimeOrderedIds
from cloud.kit.logs import correlation_id
from cloud.kit.requests import REQUEST_SECONDS, SECURITY_HEADERS, RecordedRequests


class Answering:
    """An application that answers with these headers, and keeps the correlation id it ran under."""

    def __init__(self, *headers: tuple[bytes, bytes], status: int = 200) -> None:
        self.headers = headers
        self.status = status
        self.ran_under = ""

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer."""
        self.ran_under = correlation_id()
        scope["path_template"] = "/orders/{id}"  # type: ignore[typeddict-unknown-key]
        headers: Any = list(self.headers)
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def ask(app: Answering, *, is_https: bool = False, **headers: str) -> httpx.Response:
    recorded: Any = RecordedRequests(app, TimeOrderedIds(SystemClock()), is_https=is_https)
    transport = httpx.ASGITransport(app=recorded)
    async with httpx.AsyncClient(transport=transport, base_url="http://curb.test") as client:
        return await client.get("/orders/7", headers=headers)


def counted(status: int) -> float:
    labels = {"method": "GET", "route": "/orders/{id}", "status": str(status)}
    (family,) = REQUEST_SECONDS.collect()
    return sum(
        sample.value
        for sample in family.samples
        if sample.name.endswith("_count") and sample.labels == labels
    )


@pytest.mark.parametrize("is_https", [False, True])
async def test_every_header_of_ours_is_there_once(is_https: bool):
    answer = await ask(Answering((b"Content-Type", b"text/plain")), is_https=is_https)
    for name, value in SECURITY_HEADERS:
        assert answer.headers.get_list(name.decode()) == [value.decode()]
    assert answer.headers.get_list("cache-control") == ["no-store"]
    assert ("strict-transport-security" in answer.headers) == is_https


async def test_a_route_s_own_header_is_kept_and_not_doubled():
    answer = await ask(Answering((b"Cache-Control", b"max-age=60")))
    assert answer.headers.get_list("cache-control") == ["max-age=60"]
    assert answer.headers["x-frame-options"] == "DENY"


async def test_the_caller_s_id_is_used_where_it_is_safe_and_forgotten_afterwards():
    app = Answering()
    given = await ask(app, **{"X-Correlation-Id": "quote-me-1"})
    assert given.headers["x-correlation-id"] == app.ran_under == "quote-me-1"
    made = await ask(app, **{"X-Correlation-Id": "no good"})
    assert made.headers["x-correlation-id"] == app.ran_under
    assert len(app.ran_under) == 36
    assert "correlation_id" not in get_contextvars()


async def test_a_request_leaves_one_line_and_is_counted_once_by_its_route():
    before = counted(418)
    with capture_logs() as logs:
        await ask(Answering(status=418))
    (line,) = logs
    assert (line["event"], line["method"], line["route"]) == ("request", "GET", "/orders/{id}")
    assert line["status"] == 418
    assert line["ms"] >= 0
    assert counted(418) == before + 1
