"""Where a request comes from, as far as that can be known, and how often it may come."""

from dataclasses import dataclass
from typing import Any

from litestar.connection import ASGIConnection

from cloud.kit.rate_limits import RateLimits

WINDOW_S = 600


def client_address(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    """The IP address; of the proxy's client where the web server trusts the proxy."""
    return connection.client.host if connection.client else "unknown"


@dataclass(frozen=True)
class AddressLimit:
    """Bounds what one network address may try in ten minutes.

    tries: many, because a whole office may share an address.
    """

    rate_limits: RateLimits
    tries: int

    async def take(self, what: str, address: str) -> None:
        """Count one try.

        Raises:
            RateLimitedError, UnavailableError: as `RateLimits.take`.
        """
        await self.rate_limits.take(what, address, tries=self.tries, window_s=WINDOW_S)
