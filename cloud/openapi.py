"""The OpenAPI document at /api/v1/openapi.json."""

from importlib.metadata import version

from litestar import Router
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme, Server

from cloud.accounts.access import public
from cloud.kit.settings import Settings


def openapi_config(settings: Settings) -> OpenAPIConfig:
    """The document's head; every feature adds its routes."""
    return OpenAPIConfig(
        title="Curb",
        version=version("curb-exchange"),
        description=(
            "Car parks whose gates open to a card, and bookings for their spaces. "
            "Every refusal is problem details (RFC 9457) with a stable `code`."
        ),
        servers=[Server(url=settings.public_url)],
        components=Components(
            security_schemes={
                "access_token": SecurityScheme(
                    type="http",
                    scheme="bearer",
                    bearer_format="JWT",
                    description="From /auth/login.",
                )
            }
        ),
        use_handler_docstrings=True,
        openapi_router=Router("/api/v1", guards=[public], route_handlers=[]),
        render_plugins=[JsonRenderPlugin(path="/openapi.json")],
    )
