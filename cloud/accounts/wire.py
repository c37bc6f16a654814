"""How accounts join the others: `Accounts` makes their services for one session each."""

import asyncio
from datetime import timedelta

from litestar.di import NamedDependency

from cloud.accounts.access import AUTHENTICATOR_STATE, provide_user
from cloud.accounts.auth.routes import AuthController
from cloud.accounts.auth.service import AuthService, AuthTools, forget_dead_logins
from cloud.accounts.auth.tokens import AccessTokens, load_or_create_token_keys
from cloud.accounts.client import AddressLimit
from cloud.accounts.passwords import Passwords
from cloud.accounts.revocation import Revocations
from cloud.accounts.users.routes import UsersController
from cloud.accounts.users.service import UserService
from cloud.kit.database import AsyncSession
from cloud.kit.feature import Feature, Kit, NamedTask, ProcessRole
from cloud.kit.rate_limits import RateLimits

FORGET_EVERY_S = 3_600.0


class Accounts:
    """What lives as long as the process, and the services it makes for one session each."""

    def __init__(self, kit: Kit) -> None:
        settings = kit.settings
        self._kit = kit
        self._revocations = Revocations(kit.redis, kit.real_clock, settings.access_token_s)
        self.rate_limits = RateLimits(kit.redis)
        self.address_limit = AddressLimit(self.rate_limits, settings.tries_per_address)
        # What a WebSocket asks: `await accounts.access_tokens.authenticate(token)`.
        self.access_tokens = AccessTokens(
            load_or_create_token_keys(settings.keys_dir),
            self._revocations,
            clock=kit.real_clock,
            ids=kit.ids,
            issuer=settings.public_url,
            lifetime_s=settings.access_token_s,
        )
        self._passwords = Passwords(settings.argon2_memory_kib)
        self._auth_tools = AuthTools(
            passwords=self._passwords,
            access_tokens=self.access_tokens,
            revocations=self._revocations,
            rate_limits=self.rate_limits,
            clock=kit.real_clock,
            ids=kit.ids,
            login_lifetime=timedelta(seconds=settings.login_s),
            address_limit=self.address_limit,
        )

    def users(self, session: AsyncSession) -> UserService:
        """Users, within this session."""
        return UserService(
            session,
            clock=self._kit.real_clock,
            ids=self._kit.ids,
            cipher=self._kit.cipher,
            passwords=self._passwords,
            revocations=self._revocations,
            acts=self._kit.acts,
        )

    def auth(self, session: AsyncSession) -> AuthService:
        """Log-in, within this session."""
        return AuthService(session, self._auth_tools)

    async def forget_dead_logins_for_ever(self) -> None:
        """Once an hour."""
        while True:
            async with self._kit.database.session() as session:
                await forget_dead_logins(session, self._kit.real_clock.now())
            await asyncio.sleep(FORGET_EVERY_S)


def wire(accounts: Accounts) -> Feature:
    """Routes, dependencies (`user`, `users`, `auth`, limits) and tasks of accounts."""

    async def provide_users(session: NamedDependency[AsyncSession]) -> UserService:
        return accounts.users(session)

    async def provide_auth(session: NamedDependency[AsyncSession]) -> AuthService:
        return accounts.auth(session)

    async def provide_rate_limits() -> RateLimits:
        return accounts.rate_limits

    async def provide_address_limit() -> AddressLimit:
        return accounts.address_limit

    return Feature(
        "accounts",
        routes=(AuthController, UsersController),
        dependencies={
            "user": provide_user,
            "users": provide_users,
            "auth": provide_auth,
            "rate_limits": provide_rate_limits,
            "address_limit": provide_address_limit,
        },
        state={AUTHENTICATOR_STATE: accounts.access_tokens},
        tasks=(
            NamedTask("forget-dead-logins", ProcessRole.API, accounts.forget_dead_logins_for_ever),
        ),
    )
