"""What those who run Curb ask each process: are you well, can you work, figures."""

import hmac
from typing import Any, Final

import msgspec
from litestar import Response, get
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from cloud.accounts.access import Audience, public
from cloud.kit.errors import ForbiddenError
from cloud.kit.feature import Feature, Kit
from cloud.kit.redis import is_redis_ready

LOOPBACK: Final = frozenset({"127.0.0.1", "::1"})


class Health(msgspec.Struct, frozen=True):
    """The process answers."""

    status: str


class Readiness(msgspec.Struct, frozen=True):
    """Whether what this process needs answers; `status` is `ready` when all do."""

    status: str
    database: bool
    redis: bool


class ScrapersOnly(Audience):
    """This machine itself, not through a proxy; or whoever shows the metrics token."""

    def __init__(self, token: str) -> None:
        super().__init__("scrapers on this machine, or with CURB_METRICS_TOKEN")
        object.__setattr__(self, "_token", token)

    async def __call__(
        self, connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler
    ) -> None:
        """Let the scraper through, or raise."""
        token: str = object.__getattribute__(self, "_token")
        shown = connection.headers.get("authorization", "")
        if token and hmac.compare_digest(shown.encode(), f"Bearer {token}".encode()):
            return
        is_local = connection.client is not None and connection.client.host in LOOPBACK
        if not is_local or "x-forwarded-for" in connection.headers:
            raise ForbiddenError(
                "Metrics are for this machine, or for who shows the metrics token."
            )


def wire(kit: Kit) -> Feature:
    """Health and metrics; served in every role."""

    @get("/healthz", guards=[public], include_in_schema=False)
    async def healthz() -> Health:
        return Health("ok")

    @get("/readyz", guards=[public], include_in_schema=False)
    async def readyz() -> Response[Readiness]:
        database = await kit.database.is_ready()
        redis = await is_redis_ready(kit.redis)
        is_ready = database and redis
        body = Readiness("ready" if is_ready else "not_ready", database=database, redis=redis)
        return Response(body, status_code=200 if is_ready else 503)

    scrapers = ScrapersOnly(kit.settings.metrics_token)

    @get("/metrics", guards=[scrapers], include_in_schema=False, sync_to_thread=False)
    def metrics() -> Response[bytes]:
        return Response(generate_latest(), headers={"content-type": CONTENT_TYPE_LATEST})

    return Feature("operations", routes=(healthz, readyz, metrics))
