"""Log-in over HTTP."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter

from cloud.accounts.access import public, signed_in
from cloud.accounts.auth.errors import (
    LoginMissingError,
    RefreshRefusedError,
    RefreshReusedError,
    WrongCredentialsError,
    WrongPasswordError,
)
from cloud.accounts.auth.schemas import Credentials, Login, PasswordChange, RefreshRequest, Tokens
from cloud.accounts.auth.service import AuthService, Client
from cloud.accounts.client import client_address
from cloud.accounts.user import User
from cloud.accounts.users.errors import WeakPasswordError
from cloud.kit.errors import RateLimitedError, UnavailableError
from cloud.kit.problems import ACCESS_PROBLEMS, problems


class AuthController(Controller):
    """Log in, refresh, log out."""

    path = "/api/v1/auth"
    tags = ("auth",)

    @post(
        "/login",
        guards=[public],
        status_code=200,
        summary="Log in",
        responses=problems(WrongCredentialsError, RateLimitedError, UnavailableError),
    )
    async def log_in(
        self,
        data: JSONBody[Credentials],
        request: Request[Any, Any, Any],
        auth: NamedDependency[AuthService],
    ) -> Tokens:
        """Start a login on this device."""
        client = Client(request.headers.get("user-agent", ""), client_address(request))
        return await auth.log_in(data.email, data.password, client)

    @post(
        "/refresh",
        guards=[public],
        status_code=200,
        summary="Get the next pair of tokens",
        responses=problems(RefreshRefusedError, RefreshReusedError, UnavailableError),
    )
    async def refresh(
        self, data: JSONBody[RefreshRequest], auth: NamedDependency[AuthService]
    ) -> Tokens:
        """Each refresh token is good once; showing one again ends the login."""
        return await auth.refresh(data.refresh_token)

    @post(
        "/logout",
        guards=[signed_in],
        status_code=204,
        summary="Log out",
        responses=problems(*ACCESS_PROBLEMS),
    )
    async def log_out(
        self, auth: NamedDependency[AuthService], user: NamedDependency[User]
    ) -> None:
        """End this login; its access token is refused at once."""
        await auth.log_out(user)

    @get(
        "/logins",
        guards=[signed_in],
        summary="Where I am signed in",
        responses=problems(*ACCESS_PROBLEMS),
    )
    async def logins(
        self, auth: NamedDependency[AuthService], user: NamedDependency[User]
    ) -> list[Login]:
        """The caller's own logins, last used first."""
        return await auth.logins(user)

    @delete(
        "/logins/{login_id:uuid}",
        guards=[signed_in],
        summary="End one of my logins",
        responses=problems(LoginMissingError, *ACCESS_PROBLEMS),
    )
    async def end_login(
        self,
        login_id: Annotated[UUID, PathParameter(description="The login's id.")],
        auth: NamedDependency[AuthService],
        user: NamedDependency[User],
    ) -> None:
        """Sign a device out; its access token is refused at once."""
        await auth.end_login(user, login_id)

    @put(
        "/password",
        guards=[signed_in],
        status_code=204,
        summary="Change my password",
        responses=problems(
            WrongPasswordError, WeakPasswordError, RateLimitedError, *ACCESS_PROBLEMS
        ),
    )
    async def change_password(
        self,
        data: JSONBody[PasswordChange],
        auth: NamedDependency[AuthService],
        user: NamedDependency[User],
    ) -> None:
        """Every other login of the user ends."""
        await auth.change_password(user, data.current_password, data.new_password)
