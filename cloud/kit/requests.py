"""What happens around every request, whichever feature answers it.

This wraps the whole framework, so that even a 404 gets its correlation id, its log line and its
headers.
"""

import time
from collections.abc import Callable
from functools import cache
from typing import Any, Final, cast

import structlog
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from prometheus_client import Counter, Gauge, Histogram

from cloud.kit.ids import Ids
from cloud.kit.logs import CORRELATION_HEADER, usable_correlation_id

log = structlog.get_logger()

REQUEST_SECONDS: Final = Histogram(
    "curb_http_request_seconds",
    "How long an answer took, by route.",
    ("method", "route", "status"),
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
)
REQUESTS_IN_FLIGHT: Final = Gauge("curb_http_requests_in_flight", "Requests being answered now.")
REQUEST_ERRORS: Final = Counter(
    "curb_http_request_errors", "Answers with a status of 500 or more, by route.", ("route",)
)

# A page of ours may load our own things only, and nobody may frame it.
SECURITY_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (
        b"content-security-policy",
        b"default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    (b"cross-origin-opener-policy", b"same-origin"),
)
HSTS: Final = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
# Personal data must not stay in a shared cache; a route that knows better sets its own.
CACHE_CONTROL: Final = (b"cache-control", b"no-store")

_CORRELATION: Final = CORRELATION_HEADER.encode()
_QUIET_PATHS: Final = frozenset({"/healthz", "/readyz", "/metrics"})


class RecordedRequests:
    """ASGI around ASGI: correlation id, log line, figures and security headers of every request."""

    def __init__(
        self,
        app: ASGIApp,
        ids: Ids,
        *,
        is_https: bool,
        seconds: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._app = app
        self._ids = ids
        security = (*SECURITY_HEADERS, HSTS) if is_https else SECURITY_HEADERS
        self._headers = (*security, CACHE_CONTROL)
        self._names = frozenset(name for name, _ in self._headers)
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass it on; lifespan messages untouched."""
        if cast(str, scope["type"]) == "lifespan":
            await self._app(scope, receive, send)
            return
        correlation = usable_correlation_id(_offered(scope)) or str(self._ids.new())
        before = structlog.contextvars.bind_contextvars(correlation_id=correlation)
        try:
            if cast(str, scope["type"]) == "websocket":
                await self._app(scope, receive, send)
            else:
                await self._answer(scope, receive, send, correlation)
        finally:
            structlog.contextvars.reset_contextvars(**before)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, correlation: str) -> None:
        started_s, status = self._seconds(), 500

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = self._with_ours(message["headers"], correlation)
            await send(message)

        REQUESTS_IN_FLIGHT.inc()
        try:
            await self._app(scope, receive, send_with_headers)
        finally:
            REQUESTS_IN_FLIGHT.dec()
            self._record(scope, status, self._seconds() - started_s)

    def _with_ours(self, theirs: Any, correlation: str) -> list[tuple[bytes, bytes]]:  # noqa: ANN401
        headers: list[tuple[bytes, bytes]] = list(theirs)
        present = {name.lower() for name, _ in headers}
        if present.isdisjoint(self._names):
            headers += self._headers
        else:
            headers += [header for header in self._headers if header[0] not in present]
        headers.append((_CORRELATION, correlation.encode()))
        return headers

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        # The template, not the path: a path holds ids, and a metric of each would never end.
        route = str(scope.get("path_template") or "(none)")
        method = str(scope.get("method"))
        _seconds_of(method, route, status).observe(seconds)
        if status >= 500:
            REQUEST_ERRORS.labels(route).inc()
        if scope["path"] not in _QUIET_PATHS:
            log.info(
                "request", method=method, route=route, status=status, ms=round(seconds * 1_000, 1)
            )


def _offered(scope: Scope) -> str | None:
    """The correlation id that the caller sent."""
    for name, value in scope["headers"]:
        if name == _CORRELATION:
            return value.decode("latin-1")
    return None


@cache
def _seconds_of(method: str, route: str, status: int) -> Histogram:
    """The histogram of these labels; finding it anew takes longer than counting in it."""
    return REQUEST_SECONDS.labels(method, route, status)
