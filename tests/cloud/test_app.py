"""How features are joined: what runs, in which role, and what happens when something fails."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from cloud.app import build_asgi, open_kit, running, wire_features
from cloud.kit.feature import Feature, Kit, NamedTask, ProcessRole
from cloud.kit.settings import Settings, SettingsError
from cloud.roles import parse_roles
from tests.support.engines import migrated_template, running_postgres


@asynccontextmanager
async def asgi_client(kit: Kit) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the whole application of this kit."""
    asgi: Any = build_asgi(kit, wire_features(kit))
    transport = httpx.ASGITransport(app=asgi, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://curb.test") as client:
        yield client


def test_roles_are_parsed_and_a_wrong_one_is_named():
    assert parse_roles("api, relay") == {ProcessRole.API, ProcessRole.RELAY}
    for wrong in ("api,king", "", " , "):
        with pytest.raises(SettingsError, match="--roles"):
            parse_roles(wrong)


def test_surveillance_shares_its_process_with_nobody():
    assert parse_roles("surveillance") == {ProcessRole.SURVEILLANCE}
    with pytest.raises(SettingsError, match="goes with no other"):
        parse_roles("exchange,surveillance")


async def test_only_the_tasks_of_the_process_s_roles_run_and_end_with_it(kit: Kit):
    started: set[str] = set()
    ended: set[str] = set()
    both = asyncio.Event()

    def task(name: str, role: ProcessRole) -> NamedTask:
        async def run() -> None:
            started.add(name)
            if len(started) == 2:
                both.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.add(name)

        return NamedTask(name, role, run)

    feature = Feature(
        "three",
        tasks=(
            task("a", ProcessRole.RELAY),
            task("b", ProcessRole.PARKING),
            task("c", ProcessRole.INGRESS),
        ),
    )
    async with running(kit, [feature], frozenset({ProcessRole.RELAY, ProcessRole.PARKING})):
        await asyncio.wait_for(both.wait(), 10)
    assert started == ended == {"a", "b"}


async def test_a_task_that_fails_stops_the_process_and_closes_what_was_open(kit: Kit):
    closed: list[str] = []

    @asynccontextmanager
    async def resource() -> AsyncIterator[None]:
        try:
            yield
        finally:
            closed.append("resource")

    async def fail() -> None:
        raise ZeroDivisionError("the relay broke")

    feature = Feature(
        "broken",
        tasks=(NamedTask("fails", ProcessRole.RELAY, fail),),
        resources=(resource,),
    )
    with pytest.RaisesGroup(ZeroDivisionError):
        await serve_for_ever(kit, feature)
    assert closed == ["resource"]


async def serve_for_ever(kit: Kit, feature: Feature) -> None:
    async with running(kit, [feature], frozenset({ProcessRole.RELAY})):
        await asyncio.Event().wait()


async def test_a_process_whose_redis_is_away_says_that_it_is_not_ready(settings: Settings):
    away = Settings(
        database_url=settings.database_url,
        redis_url="redis://127.0.0.1:1/0",
        data_dir=settings.data_dir,
        argon2_memory_kib=64,
    )
    async with open_kit(away) as kit, asgi_client(kit) as client:
        answer = await client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json() == {"status": "not_ready", "database": True, "redis": False}
        body = {"email": "ada@example.org", "password": "correct horse battery"}
        login = await client.post("/api/v1/auth/login", json=body)
        assert (login.status_code, login.json()["code"]) == (503, "unavailable")


@pytest.mark.parametrize(
    ("origin", "is_allowed"), [("https://a.org", True), ("https://b.org", False)]
)
async def test_only_the_named_origins_may_call_from_a_browser(
    settings: Settings, origin: str, is_allowed: bool
):
    open_to_a = Settings(
        database_url=settings.database_url,
        redis_url=settings.redis_url,
        data_dir=settings.data_dir,
        argon2_memory_kib=64,
        cors_origins=("https://a.org",),
    )
    async with open_kit(open_to_a) as kit, asgi_client(kit) as client:
        asked = {"origin": origin, "access-control-request-method": "POST"}
        answer = await client.options("/api/v1/auth/login", headers=asked)
        allowed = answer.headers.get("access-control-allow-origin")
        assert (allowed == origin) is is_allowed


async def test_while_the_database_is_away_requests_are_told_to_come_back(
    redis_url: str, tmp_path: Path
):
    with running_postgres() as server:
        url = server.create_database("away", template=migrated_template(server))
        settings = Settings(database_url=url, redis_url=redis_url, data_dir=tmp_path)
        async with open_kit(settings) as kit, asgi_client(kit) as client:
            body = {"refresh_token": "curbr_0123456789012345678901234567890123456789"}
            known = await client.post("/api/v1/auth/refresh", json=body)
            assert known.status_code == 401
            server.stop()
            for _ in range(3):
                answer = await client.post("/api/v1/auth/refresh", json=body)
                assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
                assert answer.headers["retry-after"] == "1"
                assert (await client.get("/readyz")).json()["database"] is False
