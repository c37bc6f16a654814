"""Who may call /v2: a trader, by an API key (which names the portfolio) or an access token."""

from dataclasses import dataclass
from typing import Any, Final, cast
from uuid import UUID

import msgspec
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from cloud.accounts.access import Audience, Authenticator
from cloud.accounts.api_keys.authenticator import ApiKeys
from cloud.accounts.client import client_address
from cloud.accounts.user import Role
from cloud.exchange.orders.store import Pool
from cloud.exchange.public_ids import portfolio_id_of
from cloud.exchange.sequencer import ExchangeUnavailable, Sequencer
from cloud.kit.errors import ForbiddenError, MissingError, UnauthenticatedError

TRADER_ACCESS_STATE: Final = "trader_access"
KEY_HEADER: Final = "apca-api-key-id"
SECRET_HEADER: Final = "apca-api-secret-key"  # noqa: S105 -- the name of a header
PORTFOLIO_HEADER: Final = "curb-portfolio-id"
_KEY: Final = KEY_HEADER.encode()
_SECRET: Final = SECRET_HEADER.encode()

_PORTFOLIOS: Final = """
SELECT p.id FROM portfolios p JOIN trading_accounts a ON a.id = p.account_id
WHERE a.user_id = $1 AND p.closed_at IS NULL AND ($2::bigint IS NULL OR p.id = $2)
ORDER BY p.id LIMIT 1
"""


class Trader(msgspec.Struct, frozen=True):
    """Who asks, and for which portfolio. key_id: None where an access token was shown."""

    user_id: UUID
    portfolio_id: int
    key_id: str | None = None


class TraderAccess:
    """Turns credentials into the trader they stand for."""

    def __init__(
        self, keys: ApiKeys, tokens: Authenticator, pool: Pool, sequencer: Sequencer
    ) -> None:
        self._keys = keys
        self._tokens = tokens
        self._pool = pool
        self._sequencer = sequencer

    def require_leading(self) -> None:
        """Everything under /v2 is answered by the process that runs the engine.

        Raises:
            ExchangeUnavailable: that is another process.
        """
        if not self._sequencer.is_leading:
            raise ExchangeUnavailable

    async def by_key(self, key_id: str, secret: str, address: str) -> Trader:
        """The trader of an API key.

        Raises:
            UnauthenticatedError, RateLimitedError, UnavailableError: as `ApiKeys.authenticate`.
        """
        holder = await self._keys.authenticate(key_id, secret, address)
        return Trader(holder.user_id, holder.portfolio_id, holder.key_id)

    async def by_token(self, token: str, portfolio: str | None = None) -> Trader:
        """The trader of an access token. portfolio: its public id; None: the user's first.

        Raises:
            UnauthenticatedError, UnavailableError: as `Authenticator.authenticate`.
            ForbiddenError: the user is no trader, or has no portfolio yet.
            MissingError: the portfolio is not this user's.
        """
        user = await self._tokens.authenticate(token)
        if not user.has(Role.TRADER):
            raise ForbiddenError("This takes the role trader.")
        wanted = None if portfolio is None else _portfolio_number(portfolio)
        number = await self._pool.fetchval(_PORTFOLIOS, user.id, wanted)
        if number is None and portfolio is None:
            raise ForbiddenError("Open a portfolio first: POST /api/v1/portfolios.")
        if number is None:
            raise MissingError("You have no open portfolio of this id.")
        return Trader(user.id, number)


def _portfolio_number(text: str) -> int:
    try:
        number = portfolio_id_of(UUID(text))
    except ValueError:
        number = None
    if number is None:
        raise MissingError("You have no open portfolio of this id.")
    return number


@dataclass(frozen=True)
class TraderAudience(Audience):
    """The guard of every route under /v2."""

    async def __call__(
        self, connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler
    ) -> None:
        """Let the trader through, or raise."""
        access = cast(TraderAccess, connection.app.state[TRADER_ACCESS_STATE])
        # Of an order, these two are all that matters: all of them parsed would take longer than
        # checking the key.
        sent = dict(connection.scope["headers"])
        key_id = sent.get(_KEY)
        if key_id is not None:
            secret = sent.get(_SECRET, b"").decode("latin-1")
            address = client_address(connection)
            trader = await access.by_key(key_id.decode("latin-1"), secret, address)
        else:
            headers = connection.headers
            scheme, _space, token = headers.get("authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not token:
                raise UnauthenticatedError(
                    "Send APCA-API-KEY-ID and APCA-API-SECRET-KEY, or a bearer token."
                )
            trader = await access.by_token(token, headers.get(PORTFOLIO_HEADER))
        access.require_leading()
        connection.scope["trader"] = trader  # type: ignore[typeddict-unknown-key] # a scope is open


traders = TraderAudience("traders, by API key or access token")


def trader_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Trader:
    """The caller of a route that `traders` guards."""
    return cast(Trader, connection.scope["trader"])  # type: ignore[typeddict-item] # as above
