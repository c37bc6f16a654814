"""The OpenAPI document at /api/v1/openapi.json, and a page of our own that shows it.

The framework's pages load their scripts from other people's servers; a car park's office may be
offline.
"""

from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from typing import Any, Final

import msgspec
from litestar import Controller, MediaType, Request, Router, get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme, Server
from litestar.plugins import ReceiveRoutePlugin
from litestar.routes import BaseRoute, HTTPRoute

from cloud.accounts.access import Audience, public
from cloud.exchange.alpaca.access import TraderAudience
from cloud.exchange.alpaca.errors import ALPACA_MALFORMED, PREFIX, alpaca_problems
from cloud.exchange.orders.errors import OrderError
from cloud.kit.errors import MissingError, RateLimitedError, UnavailableError
from cloud.kit.problems import ACCESS_PROBLEMS, MALFORMED, problems
from cloud.kit.settings import Settings

SECURITY_SCHEME: Final = "access_token"
KEY_SCHEME: Final = "api_key"
SECRET_SCHEME: Final = "api_secret"  # noqa: S105 -- a name in the document


def openapi_config(settings: Settings) -> OpenAPIConfig:
    """The document's head; every feature adds its routes."""
    return OpenAPIConfig(
        title="Curb",
        version=version("curb-exchange"),
        description=(
            "Car parks whose gates open to a card, and bookings for their spaces. "
            "Every refusal is problem details (RFC 9457) with a stable `code`; under /v2, where "
            "Alpaca's trading clients work unchanged, it has Alpaca's shape."
        ),
        servers=[Server(url=settings.public_url)],
        components=Components(
            security_schemes={
                SECURITY_SCHEME: SecurityScheme(
                    type="http",
                    scheme="bearer",
                    bearer_format="JWT",
                    description="The `access_token` of POST /api/v1/auth/login.",
                ),
                KEY_SCHEME: SecurityScheme(
                    type="apiKey",
                    security_scheme_in="header",
                    name="APCA-API-KEY-ID",
                    description="The `id` of POST /api/v1/api-keys.",
                ),
                SECRET_SCHEME: SecurityScheme(
                    type="apiKey",
                    security_scheme_in="header",
                    name="APCA-API-SECRET-KEY",
                    description="Its `secret`.",
                ),
            }
        ),
        use_handler_docstrings=True,
        # The framework insists on a router of its own, with an HTML page for what is not found
        # under it; it gets a corner where it is in nobody's way.
        openapi_router=Router(
            "/api/v1/openapi", guards=[public], include_in_schema=False, route_handlers=[]
        ),
        render_plugins=[JsonRenderPlugin()],
    )


class DescribeAccess(ReceiveRoutePlugin):
    """Writes into the document what every route has in common, so that no route repeats it.

    Who may call it, the refusals of its guard, and problem details for malformed requests.
    """

    def receive_route(self, route: BaseRoute) -> None:
        """Called by the framework for each route, before the document is made."""
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                is_alpaca = route.path.startswith(PREFIX)
                self._describe(
                    handler,
                    alpaca_problems if is_alpaca else problems,
                    ALPACA_MALFORMED if is_alpaca else MALFORMED,
                    has_path_values=bool(route.path_parameters),
                )

    def _describe(
        self,
        handler: HTTPRouteHandler,
        shape: Callable[..., dict[int, ResponseSpec]],
        malformed: ResponseSpec,
        *,
        has_path_values: bool,
    ) -> None:
        audiences = [guard for guard in handler.resolve_guards() if isinstance(guard, Audience)]
        common = {400: malformed, 413: malformed} | shape(UnavailableError)
        responses = common | dict(handler.responses or {})
        if has_path_values:
            responses = shape(MissingError) | responses
        if audiences and not any(audience.is_public for audience in audiences):
            handler.security = [{SECURITY_SCHEME: []}]
            responses = shape(*ACCESS_PROBLEMS) | responses
        if any(isinstance(audience, TraderAudience) for audience in audiences):
            handler.security = [{KEY_SCHEME: [], SECRET_SCHEME: []}, {SECURITY_SCHEME: []}]
            responses = shape(OrderError, RateLimitedError) | responses
        handler.responses = responses
        who = "; ".join(audience.description for audience in audiences)
        text = handler.description or (handler.fn.__doc__ or "").strip()
        handler.description = f"{text}\n\nFor: {who}."


class DocsController(Controller):
    """The document, and the page that shows it."""

    path = "/api/v1"
    guards = (public,)
    include_in_schema = False

    @get("/openapi.json", sync_to_thread=False, media_type=MediaType.JSON)
    def document(self, request: Request[Any, Any, Any]) -> bytes:
        """The OpenAPI document, made once."""
        state = request.app.state
        if "openapi_document" not in state:
            state.openapi_document = msgspec.json.encode(request.app.openapi_schema.to_schema())
        document: bytes = state.openapi_document
        return document

    @get("/docs", sync_to_thread=False, media_type=MediaType.HTML)
    def page(self) -> bytes:
        """The page; it loads the two files below and nothing else."""
        return _file("docs.html")

    @get("/docs.css", sync_to_thread=False, media_type="text/css")
    def style(self) -> bytes:
        """How it looks."""
        return _file("docs.css")

    @get("/docs.js", sync_to_thread=False, media_type="text/javascript")
    def script(self) -> bytes:
        """What it does."""
        return _file("docs.js")


@cache
def _file(name: str) -> bytes:
    return files("cloud.web").joinpath("docs", name).read_bytes()
