"""Every route of the whole application says who may call it, in the code and in the document."""

import httpx
import pytest
from litestar import Litestar
from litestar.handlers import BaseRouteHandler
from litestar.routes import HTTPRoute

from cloud.accounts.access import Audience
from cloud.app import build_app, open_kit, wire_features
from cloud.kit.settings import Settings


@pytest.fixture
async def app(database_url: str, redis_url: str, tmp_path) -> Litestar:
    settings = Settings(database_url=database_url, redis_url=redis_url, data_dir=tmp_path)
    async with open_kit(settings) as kit:
        return build_app(kit, wire_features(kit))


def handlers(app: Litestar) -> dict[str, BaseRouteHandler]:
    """Every handler by its name; OPTIONS is the framework's own."""
    found: dict[str, BaseRouteHandler] = {}
    for route in app.routes:
        same = route.route_handlers if isinstance(route, HTTPRoute) else [route.route_handler]
        for handler in same:
            methods = sorted(getattr(handler, "http_methods", {"WEBSOCKET"}))
            if methods != ["OPTIONS"]:
                found[f"{','.join(methods)} {route.path}"] = handler
    return found


async def test_every_route_declares_exactly_one_audience(app: Litestar) -> None:
    declared = {
        name: [guard for guard in handler.resolve_guards() if isinstance(guard, Audience)]
        for name, handler in handlers(app).items()
    }
    assert len(declared) > 10, "the application was not built"
    silent = sorted(name for name, audiences in declared.items() if not audiences)
    assert not silent, f"These do not say who may call them (cloud/accounts/access.py): {silent}"
    public = sorted(name for name, who in declared.items() if any(a.is_public for a in who))
    mixed = sorted(name for name in public if len(declared[name]) > 1)
    assert not mixed, f"These are public and restricted at once: {mixed}"


PUBLIC = {
    "GET /api/v1/docs",
    "GET /api/v1/docs.css",
    "GET /api/v1/docs.js",
    "GET /api/v1/openapi",
    "GET /api/v1/openapi.json",
    "GET /api/v1/openapi/openapi.json",
    "GET /api/v1/openapi/{path:str}",
    "GET /healthz",
    "GET /readyz",
    "POST /api/v1/auth/login",
    "POST /api/v1/auth/refresh",
    "POST /api/v1/users",
    # A browser cannot send headers here, so the first message holds the access token.
    "WEBSOCKET /ws",
    # As Alpaca has it, the first message (or a header) holds the API key.
    "WEBSOCKET /stream",
    "WEBSOCKET /v2/orders/ws",
    "WEBSOCKET /v2/curb",
    "WEBSOCKET /v2/iex",
    "WEBSOCKET /v2/sip",
    "WEBSOCKET /v2/test",
    "WEBSOCKET /v2/replay",
}


async def test_what_anybody_may_call_is_a_short_known_list(app: Litestar) -> None:
    public = {
        name
        for name, handler in handlers(app).items()
        if any(
            isinstance(guard, Audience) and guard.is_public for guard in handler.resolve_guards()
        )
    }
    new = sorted(public - PUBLIC)
    assert not new, f"Open to anybody; if that is meant, add them to PUBLIC here: {new}"


async def test_a_route_for_signed_in_users_refuses_whoever_is_not(app: Litestar) -> None:
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type] # Litestar's own ASGI types
    async with httpx.AsyncClient(transport=transport, base_url="http://curb.test") as client:
        for authorization in ("", "Bearer", "Bearer x.y.z", "Basic YTpi"):
            headers = {"Authorization": authorization}
            answer = await client.get("/api/v1/users/me", headers=headers)
            assert answer.status_code == 401
            assert answer.json()["code"] == "unauthenticated"
            assert answer.headers["www-authenticate"] == "Bearer"
