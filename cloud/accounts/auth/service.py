"""Log in, refresh, log out: one login is one family of refresh tokens, each good once."""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlmodel import col

from cloud.accounts.auth.errors import (
    LoginMissingError,
    RefreshRefusedError,
    RefreshReusedError,
    WrongCredentialsError,
    WrongPasswordError,
)
from cloud.accounts.auth.schemas import Login, Tokens
from cloud.accounts.auth.tables import LoginRow, RefreshTokenRow
from cloud.accounts.auth.tokens import AccessTokens
from cloud.accounts.client import AddressLimit
from cloud.accounts.passwords import Passwords
from cloud.accounts.revocation import Revocations
from cloud.accounts.user import Role, User
from cloud.accounts.users.errors import WeakPasswordError
from cloud.accounts.users.rules import email_key, password_problem
from cloud.accounts.users.tables import UserRoleRow, UserRow
from cloud.kit.clock import Clock
from cloud.kit.database import AsyncSession
from cloud.kit.ids import Ids
from cloud.kit.rate_limits import RateLimits

# By account first: guessing one password from many addresses. Then by address: one password for
# many accounts.
ACCOUNT_TRIES_MAX: Final = 10
TRIES_WINDOW_S: Final = 600
DEAD_LOGINS_KEPT: Final = timedelta(days=90)
USER_AGENT_CHARS_MAX: Final = 200
_PREFIX: Final = "curbr_"  # lets secret scanners know a leaked one


@dataclass(frozen=True)
class Client:
    """The device that logs in, as it says of itself and as the network says."""

    user_agent: str
    address: str


@dataclass(frozen=True)
class AuthTools:
    """What lives as long as the process."""

    passwords: Passwords
    access_tokens: AccessTokens
    revocations: Revocations
    rate_limits: RateLimits
    clock: Clock
    ids: Ids
    login_lifetime: timedelta
    address_limit: AddressLimit
    new_secret: Callable[[], str] = lambda: secrets.token_urlsafe(32)


class AuthService:
    """One request's log-in matters; the session commits what it did."""

    def __init__(self, session: AsyncSession, tools: AuthTools) -> None:
        self._session = session
        self._tools = tools

    async def log_in(self, email: str, password: str, client: Client) -> Tokens:
        """Start a login.

        An unknown address, a wrong password and a locked user get one answer after one time.

        Raises:
            WrongCredentialsError: the answer.
            RateLimitedError: too many tries for this account, or from this address.
        """
        key = email_key(email)
        account = hashlib.sha256(key.encode()).hexdigest()
        await self._take_try("login-account", account, ACCOUNT_TRIES_MAX)
        await self._tools.address_limit.take("login-address", client.address)
        user = await self._session.scalar(select(UserRow).where(col(UserRow.email_key) == key))
        stored = None if user is None else user.password_hash
        is_right = await self._tools.passwords.is_right(password, stored)
        if user is None or not is_right or await self._is_locked(user):
            raise WrongCredentialsError("The e-mail address or the password is wrong.")
        await self._tools.rate_limits.forget(
            "login-account", account, tries=ACCOUNT_TRIES_MAX, window_s=TRIES_WINDOW_S
        )
        if self._tools.passwords.is_outdated(user.password_hash):
            user.password_hash = await self._tools.passwords.hash(password)
        return await self._tokens(await self._start(user.id, client))

    async def refresh(self, refresh_token: str) -> Tokens:
        """The next pair of tokens; the one shown is used up.

        Raises:
            RefreshRefusedError: unknown, expired, or the login ended.
            RefreshReusedError: it was used before; the login has ended for all who hold its tokens.
        """
        row = await self._session.get(RefreshTokenRow, _hash(refresh_token), with_for_update=True)
        if row is None:
            raise RefreshRefusedError("This refresh token is not known; log in.")
        login = await self._session.get_one(LoginRow, row.login_id)
        # The user before the login, as a change of password takes them.
        is_locked = await self._is_locked(await self._session.get_one(UserRow, login.user_id))
        await self._session.refresh(login, with_for_update=True)
        now = self._tools.clock.now()
        if login.ended_at is not None or login.expires_at <= now:
            raise RefreshRefusedError("This login has ended; log in.")
        if row.used_at is not None:
            await self._end(login, "refresh token shown twice")
            raise RefreshReusedError("This refresh token was used before; log in again.")
        if is_locked:
            raise RefreshRefusedError("This login has ended; log in.")
        row.used_at = login.last_used_at = now
        login.expires_at = now + self._tools.login_lifetime
        return await self._tokens(login)

    async def log_out(self, user: User) -> None:
        """End the login whose token this is."""
        await self.end_login(user, user.login_id, "logged out")

    async def logins(self, user: User) -> list[Login]:
        """Where the user is signed in now, last used first."""
        query = (
            select(LoginRow)
            .where(
                col(LoginRow.user_id) == user.id,
                col(LoginRow.ended_at).is_(None),
                col(LoginRow.expires_at) > self._tools.clock.now(),
            )
            .order_by(col(LoginRow.last_used_at).desc(), col(LoginRow.id))
            .limit(200)
        )
        return [
            Login(
                id=row.id,
                created_at=row.created_at,
                last_used_at=row.last_used_at,
                expires_at=row.expires_at,
                user_agent=row.user_agent,
                address=row.address,
                is_this=row.id == user.login_id,
            )
            for row in await self._session.scalars(query)
        ]

    async def end_login(self, user: User, login_id: UUID, because: str = "revoked") -> None:
        """End one of the user's own logins; its access token is refused at once.

        Raises:
            LoginMissingError: the user has no such login.
        """
        login = await self._session.get(LoginRow, login_id, with_for_update=True)
        if login is None or login.user_id != user.id:
            raise LoginMissingError("You have no login of this id.")
        if login.ended_at is None:
            await self._end(login, because)

    async def change_password(self, user: User, current: str, new: str) -> None:
        """Take the new password and end every other login of the user.

        Raises:
            WrongPasswordError, WeakPasswordError, RateLimitedError: said in the error.
        """
        await self._take_try("password-change", str(user.id), ACCOUNT_TRIES_MAX)
        row = await self._session.get_one(UserRow, user.id, with_for_update=True)
        if not await self._tools.passwords.is_right(current, row.password_hash):
            raise WrongPasswordError("The current password is not right.")
        if problem := password_problem(new, row.email):
            raise WeakPasswordError(problem)
        row.password_hash = await self._tools.passwords.hash(new)
        row.updated_at = self._tools.clock.now()
        others = await self._session.scalars(
            select(LoginRow).where(
                col(LoginRow.user_id) == user.id,
                col(LoginRow.ended_at).is_(None),
                col(LoginRow.id) != user.login_id,
            )
        )
        for login in others:
            await self._end(login, "password changed")

    async def _is_locked(self, user: UserRow) -> bool:
        """Whether an admin has locked the user, once whoever changes that just now has ended.

        Until this transaction ends nobody takes a role away, so no token says one that is gone.
        """
        await self._session.refresh(user, with_for_update={"key_share": True})
        return user.is_locked

    async def _take_try(self, what: str, who: str, tries: int) -> None:
        await self._tools.rate_limits.take(what, who, tries=tries, window_s=TRIES_WINDOW_S)

    async def _start(self, user_id: UUID, client: Client) -> LoginRow:
        now = self._tools.clock.now()
        login = LoginRow(
            id=self._tools.ids.new(),
            user_id=user_id,
            created_at=now,
            last_used_at=now,
            expires_at=now + self._tools.login_lifetime,
            user_agent=client.user_agent[:USER_AGENT_CHARS_MAX],
            address=client.address,
        )
        self._session.add(login)
        await self._session.flush()
        return login

    async def _tokens(self, login: LoginRow) -> Tokens:
        names = await self._session.scalar(
            select(func.array_agg(col(UserRoleRow.role))).where(
                col(UserRoleRow.user_id) == login.user_id
            )
        )
        refresh_token = _PREFIX + self._tools.new_secret()
        self._session.add(
            RefreshTokenRow(
                token_hash=_hash(refresh_token),
                login_id=login.id,
                created_at=self._tools.clock.now(),
            )
        )
        access = self._tools.access_tokens
        user = User(login.user_id, login.id, frozenset(Role(name) for name in names or ()))
        return Tokens(access.make(user), access.lifetime_s, refresh_token)

    async def _end(self, login: LoginRow, because: str) -> None:
        login.ended_at, login.ended_because = self._tools.clock.now(), because
        await self._tools.revocations.end_login(login.id)


def _hash(refresh_token: str) -> bytes:
    # A fast hash will do: the token has 256 random bits, so there is nothing to guess.
    return hashlib.sha256(refresh_token.encode()).digest()


async def forget_dead_logins(session: AsyncSession, now: datetime) -> None:
    """Remove logins, with their tokens, that ended long ago."""
    long_ago = now - DEAD_LOGINS_KEPT
    await session.execute(
        delete(LoginRow).where(
            (col(LoginRow.expires_at) < long_ago) | (col(LoginRow.ended_at) < long_ago)
        )
    )
