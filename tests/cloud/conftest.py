"""The cloud as its users meet it: the whole application on a real PostgreSQL and Valkey."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from cloud.accounts.user import Role
from cloud.accounts.wire import Accounts
from cloud.app import build_asgi, open_kit, wire_features
from cloud.kit.clock import ManualClock
from cloud.kit.feature import Kit
from cloud.kit.settings import Settings

PASSWORD = "correct horse battery"
START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)

SignIn = Callable[..., Awaitable[dict[str, str]]]


@pytest.fixture
def settings(database_url: str, redis_url: str, tmp_path: Path) -> Settings:
    """Settings of a fresh installation; passwords are cheap, because tests make many."""
    return Settings(
        database_url=database_url,
        redis_url=redis_url,
        data_dir=tmp_path / "data",
        argon2_memory_kib=64,
        database_connections_max=5,
    )


@pytest.fixture
def clock() -> ManualClock:
    """The kit's clock, business and real time alike: it stands until a test moves it."""
    return ManualClock(START)


@pytest.fixture
async def kit(settings: Settings, clock: ManualClock) -> AsyncIterator[Kit]:
    """The kit, connected, on the test's own clock."""
    async with open_kit(settings, clock, clock) as made:
        yield made


@pytest.fixture
async def client(kit: Kit) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client of the whole application; `asgi` in tests/cloud is what it talks to."""
    asgi: Any = build_asgi(kit, wire_features(kit))
    transport = httpx.ASGITransport(app=asgi, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://curb.test") as made:
        yield made


@pytest.fixture
def sign_in(kit: Kit, client: httpx.AsyncClient) -> SignIn:
    """`await sign_in("ada@example.org", Role.ADMIN)`: the headers of a user with these roles."""
    accounts = Accounts(kit)

    async def make(email: str = "driver@example.org", *roles: Role) -> dict[str, str]:
        async with kit.database.session() as session:
            users = accounts.users(session)
            if await users.find_id(email) is None:
                await users.create(email, PASSWORD, roles or (Role.DRIVER,), name=email)
        body = {"email": email, "password": PASSWORD}
        answer = await client.post("/api/v1/auth/login", json=body)
        assert answer.status_code == 200, answer.text
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}

    return make
