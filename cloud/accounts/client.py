"""Where a request comes from, as far as that can be known."""

from typing import Any

from litestar.connection import ASGIConnection


def client_address(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    """The IP address; of the proxy's client where the web server trusts the proxy."""
    return connection.client.host if connection.client else "unknown"
