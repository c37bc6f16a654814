"""A registry with two sites, and a real broker with the project's certificates."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from cloud.devices.enrolment.broker_certificates import (
    issue_broker_certificate,
    write_first_permissions,
)
from cloud.devices.gates.schemas import Direction, GateCreate, LaneCreate
from cloud.devices.sites.schemas import SiteCreate
from cloud.devices.wire import Devices
from cloud.events.outbox import Outbox, Wakeup
from cloud.kit.feature import Kit
from cloud.kit.settings import Settings
from launcher.engines.broker import BrokerTls, NatsBroker
from launcher.ports import free_port
from tests.cloud.devices.support import FakeLive, FakePolicies
from tests.support.engines import scratch_folder


@pytest.fixture
def outbox(kit: Kit) -> Outbox:
    """The outbox of the kit."""
    wakeup = Wakeup(kit.redis)
    wakeup.is_relay_here = True  # nobody has to be told
    return Outbox(ids=kit.ids, clock=kit.clock, wakeup=wakeup)


@pytest.fixture
def live() -> FakeLive:
    """Remembers what watchers were told."""
    return FakeLive()


@pytest.fixture
def policies() -> FakePolicies:
    """What parking would say about lots."""
    return FakePolicies()


@pytest.fixture
async def devices(
    kit: Kit, outbox: Outbox, live: FakeLive, policies: FakePolicies
) -> AsyncIterator[Devices]:
    """Sites `elm` (lanes and gates elm-in, elm-out) and `oak` (oak-in), none enrolled."""
    made = Devices(kit, outbox, live=live, policies=policies)
    async with kit.database.session() as session:
        sites, gates = made.sites(session), made.gates(session)
        for site, lanes in {"elm": ("elm-in", "elm-out"), "oak": ("oak-in",)}.items():
            await sites.create(None, SiteCreate(id=site, name=site.title()))
            for lane in lanes:
                way = Direction.EXIT if lane.endswith("out") else Direction.ENTRY
                new_lane = LaneCreate(id=lane, lot=site, name=lane, direction=way)
                await gates.create_lane(None, site, new_lane)
                await gates.create_gate(None, site, GateCreate(id=lane, lane=lane))
    async with made.open():
        yield made


@pytest.fixture
def pool(kit: Kit) -> "asyncpg.Pool[asyncpg.Record]":
    """The bare pool."""
    return kit.database.pool


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[NatsBroker]:
    """The cloud broker, which at first admits the cloud alone."""
    with scratch_folder() as folder:
        issue_broker_certificate(
            tmp_path / "data" / "ca", folder / "tls", "cloud-broker", ("127.0.0.1", "localhost")
        )
        tls = BrokerTls(
            ca=folder / "tls" / "ca.pem",
            certificate=folder / "tls" / "cert.pem",
            key=folder / "tls" / "key.pem",
            min_version="1.3",
        )
        server = NatsBroker(
            "cloud-broker",
            folder / "broker",
            port=free_port(),
            tls=tls,
            log_path=folder / "broker.log",
        )
        write_first_permissions(server.permissions_path)
        try:
            server.run()
            yield server
        finally:
            server.stop()


@pytest.fixture
def broker_settings(settings: Settings, broker: NatsBroker) -> Settings:
    """Settings of a cloud that uses this broker."""
    return replace(
        settings,
        mqtt_url=broker.url,
        mqtt_permissions_file=broker.permissions_path,
        mqtt_pid_file=broker.pid_path,
    )
