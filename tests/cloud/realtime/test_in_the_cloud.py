"""`/ws` in the whole application: a real token, a real car park, a real wallet."""

import dataclasses
from collections.abc import AsyncIterator

import msgspec
import pytest

from cloud.app import build_asgi, running, wire_features
from cloud.kit.feature import Kit
from cloud.kit.settings import Settings
from cloud.realtime import connection as connection_module
from cloud.roles import ALL_ROLES
from protocols import realtime as wire
from tests.cloud.realtime.conftest import Client
from tests.support.serving import serving

pytestmark = pytest.mark.timeout(90)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return dataclasses.replace(settings, demo_payments=True)


@pytest.fixture
async def port(kit: Kit) -> AsyncIterator[int]:
    """The whole cloud in this process, behind a real web server."""
    features = wire_features(kit)
    async with running(kit, features, ALL_ROLES), serving(build_asgi(kit, features)) as port:
        yield port


async def test_a_driver_joins_their_own_room_and_no_room_that_is_not_there(port, client, sign_in):
    driver = await sign_in()
    token = driver["Authorization"].removeprefix("Bearer ")
    async with Client.open(port, token) as watcher:
        for room, code in (
            ("lot:nowhere", wire.Code.FORBIDDEN),
            ("moon:base", wire.Code.ROOM_UNKNOWN),
        ):
            refused = await watcher.ask(wire.Subscribe(room))
            assert isinstance(refused, wire.Refused)
            assert refused.code == code
        own = await watcher.ask(wire.Subscribe("user:me"))
        assert isinstance(own, wire.Subscribed)
        assert msgspec.json.decode(own.snapshot) == {"wallets": []}
        top_up = {"amount_minor": 500, "currency": "EUR", "provider": "demo-card", "card": "4242"}
        paid = await client.post("/api/v1/wallet/top-ups", json=top_up, headers=driver)
        assert paid.status_code == 201
        again = await watcher.ask(wire.Subscribe("user:me"))
        assert isinstance(again, wire.Subscribed)
    assert again.seq == own.seq


async def test_logging_out_cuts_the_connection(port, client, sign_in, monkeypatch):
    monkeypatch.setattr(connection_module, "RECHECK_S", 0.2)
    driver = await sign_in()
    async with Client.open(port, driver["Authorization"].removeprefix("Bearer ")) as watcher:
        assert (await client.post("/api/v1/auth/logout", headers=driver)).is_success
        assert await watcher.ending() == (wire.Code.REVOKED, 4403)
