"""Who may call a route. Each names one of these as its guard; a test fails on one that does not:

    @get("/", guards=[public])                    anybody, signed in or not
    @get("/", guards=[signed_in])                 any user with a good access token
    @get("/", guards=[allow(Role.OPERATOR)])      a user with one of the roles named, no other

Whose row it is (ownership) is a second question, which the service answers.
"""

from dataclasses import dataclass
from typing import Any, Protocol, cast

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from cloud.accounts.user import Role, User
from cloud.kit.errors import ForbiddenError, UnauthenticatedError

AUTHENTICATOR_STATE = "authenticator"


class Authenticator(Protocol):
    """Turns an access token into the user it stands for."""

    async def authenticate(self, token: str) -> User:
        """The user.

        Raises:
            UnauthenticatedError: expired, revoked, or not one of ours.
            UnavailableError: whether it is revoked cannot be known at the moment.
        """
        ...


@dataclass(frozen=True)
class Audience:
    """A guard that also says, to people and tests, whom it lets through."""

    description: str
    is_public: bool = False
    roles: frozenset[Role] = frozenset()

    async def __call__(
        self, connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler
    ) -> None:
        """Let the caller through, or raise."""
        if self.is_public:
            return
        user = await _authenticated(connection)
        connection.scope["user"] = user
        if self.roles and not user.has(*self.roles):
            raise ForbiddenError(f"This takes one of these roles: {', '.join(sorted(self.roles))}.")


async def _authenticated(connection: ASGIConnection[Any, Any, Any, Any]) -> User:
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise UnauthenticatedError("Log in, then send the access token as `Authorization: Bearer`.")
    authenticator = cast(Authenticator, connection.app.state[AUTHENTICATOR_STATE])
    return await authenticator.authenticate(token)


public = Audience("anybody", is_public=True)
signed_in = Audience("any signed-in user")


def allow(*roles: Role) -> Audience:
    """Users with at least one of these roles."""
    assert roles
    return Audience(f"users who are {' or '.join(sorted(roles))}", roles=frozenset(roles))


async def provide_user(request: ASGIConnection[Any, Any, Any, Any]) -> User:
    """The dependency `user`, on routes whose guard lets only signed-in users through."""
    return cast(User, request.scope["user"])
