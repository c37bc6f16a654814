"""The whole way over a real broker with mutual TLS: enrol, connect, store, acknowledge, order."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from aiomqtt import MqttError

from cloud.devices.wire import Devices
from cloud.events.outbox import Outbox
from cloud.kit.clock import ManualClock
from cloud.kit.feature import Kit
from cloud.kit.settings import Settings
from launcher.engines.broker import NatsBroker
from protocols.enrolment import SiteIdentity
from protocols.portable import codes, topics
from tests.cloud.devices.agent import Agent, Keys, connected, right
from tests.cloud.devices.support import FakeLive, batch, event, eventually, running

SOMEBODY = UUID(int=7)
Enrol = Callable[[str], Awaitable[tuple[SiteIdentity, Keys]]]


@pytest.fixture
def settings(broker_settings: Settings) -> Settings:
    """With a broker."""
    return broker_settings


@pytest.fixture
async def link(devices: Devices, broker: NatsBroker) -> AsyncIterator[None]:
    """The cloud's side, connected."""
    async with running(devices.run_link):
        yield


@pytest.fixture
def enrol(kit: Kit, devices: Devices, broker: NatsBroker, tmp_path: Path) -> Enrol:
    """Enrol a site's agent, and wait until the broker has read of it."""

    async def make(site: str) -> tuple[SiteIdentity, Keys]:
        keys = Keys(tmp_path / "agents", site)
        async with kit.database.session() as session:
            identity = await devices.enrolment(session).enrol_site(SOMEBODY, site, keys.csr)
        keys.keep(identity.certificate_pem, identity.ca_pem)

        async def is_known() -> bool:
            known = f"CN=site-{site}" in broker.permissions_path.read_text()
            return known and broker.log_since_start().count("Reloaded server configuration") > 0

        await eventually(is_known)
        return identity, keys

    return make


async def enrol_gate(kit: Kit, devices: Devices, keys: Keys, gate: str) -> None:
    async with kit.database.session() as session:
        await devices.enrolment(session).enrol_gate(SOMEBODY, gate, keys.csr)


async def connect_and_batch(agent: Agent) -> None:
    ack = await agent.send_batch(batch(1, [event(seq=0), {"x": 1}, event("oak-in")]))
    assert (ack.batch, [(q.index, q.reason) for q in ack.quarantined]) == (
        1,
        [(1, "malformed"), (2, "foreign_device")],
    )


async def test_an_enrolled_agent_connects_and_its_events_are_stored_before_the_ack(
    link: None, enrol: Enrol, pool: Any, live: FakeLive
) -> None:
    async with connected(*await enrol("elm")) as agent:
        await connect_and_batch(agent)
        assert await pool.fetchval("SELECT count(*) FROM device_events") == 1
        await agent.send_batch(batch(2, [event(seq=0), event(seq=1)]))
        assert await pool.fetchval("SELECT count(*) FROM device_events") == 2

        async def both_are_told() -> bool:
            rooms = [room for room, name, _ in live.told if name == "device.event"]
            return rooms == ["site:elm"] * 2

        await eventually(both_are_told)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b'{"v":1,"batch":7,"events":{}}', "malformed"),
        (b'{"v":9,"batch":7,"events":[]}', "wrong_version"),
        (b'{"v":1,"batch":7,"events":[' + b"1," * 500 + b"1]}", "oversized"),
    ],
)
async def test_a_batch_that_cannot_be_read_is_set_aside_and_acked(
    link: None, enrol: Enrol, pool: Any, payload: bytes, reason: str
) -> None:
    async with connected(*await enrol("elm")) as agent:
        ack = await agent.send_batch(payload)
    assert (ack.batch, [(q.index, q.reason) for q in ack.quarantined]) == (7, [(-1, reason)])
    assert await pool.fetchval("SELECT reason FROM device_quarantine") == reason


async def test_a_revoked_site_is_cut_off_and_refused_from_then_on(
    link: None, enrol: Enrol, kit: Kit, devices: Devices
) -> None:
    identity, keys = await enrol("elm")
    async with connected(identity, keys) as agent:
        await agent.send_batch(batch(1, [event()]))
        async with kit.database.session() as session:
            await devices.enrolment(session).revoke_site(SOMEBODY, "elm", "stolen")

        async def is_cut_off() -> bool:
            return agent.client._disconnected.done()

        await eventually(is_cut_off)
    with pytest.raises(MqttError):
        async with connected(identity, keys):
            pass


async def test_a_site_learns_its_lots_and_enrolled_gates(
    link: None, enrol: Enrol, kit: Kit, devices: Devices
) -> None:
    identity, keys = await enrol("elm")
    async with connected(identity, keys) as agent:
        async with asyncio.timeout(10):
            first = await agent.desired.get()
        assert [lot.lot for lot in first.lots] == ["elm"]
        assert first.gates == []
        await enrol_gate(kit, devices, keys, "elm-in")
        async with asyncio.timeout(10):
            second = await agent.desired.get()
        assert second.version > first.version
        assert [(g.gate, g.lane, g.direction) for g in second.gates] == [
            ("elm-in", "elm-in", codes.ENTRY)
        ]


async def test_a_remote_open_reaches_the_site_once_and_its_result_comes_back(
    link: None, enrol: Enrol, kit: Kit, devices: Devices, pool: Any
) -> None:
    identity, keys = await enrol("elm")
    await enrol_gate(kit, devices, keys, "elm-in")
    async with connected(identity, keys) as agent:
        async with kit.database.session() as session:
            command = await devices.commands(session).open(SOMEBODY, "elm-in", "lost ticket")
        async with asyncio.timeout(10):
            body = await agent.commands.get()
        assert (body.id, body.device, body.op) == (str(command.id), "elm-in", "open")
        assert 0 < body.expires_at_ms - body.issued_at_ms <= 10_000
        answer = event(kind=codes.COMMAND, id=body.id, op="open", result="done")
        await agent.send_batch(batch(1, [answer]))
        async with kit.database.session() as session:
            finished = await devices.commands(session).get(command.id)
        assert (finished.state, finished.result) == ("done", "done")
        assert agent.commands.empty()


async def test_a_command_that_waited_too_long_for_the_link_is_never_sent(
    enrol: Enrol, kit: Kit, devices: Devices, clock: ManualClock, broker: NatsBroker
) -> None:
    async with running(devices.run_link):
        identity, keys = await enrol("elm")
        await enrol_gate(kit, devices, keys, "elm-in")
    async with kit.database.session() as session:
        command = await devices.commands(session).open(SOMEBODY, "elm-in", "lost ticket")
    clock.advance(timedelta(seconds=11))

    async def is_expired() -> bool:
        async with kit.database.session() as session:
            return (await devices.commands(session).get(command.id)).state == "expired"

    async with connected(identity, keys) as agent, running(devices.run_link):
        await eventually(is_expired)
        assert agent.commands.empty()


async def test_a_changed_right_reaches_the_agent_as_the_next_version(
    link: None, enrol: Enrol, kit: Kit, devices: Devices
) -> None:
    async with connected(*await enrol("elm")) as agent:
        for number in range(3):
            agent.changed.clear()
            async with kit.database.session() as session:
                await devices.rights.replace(session, "elm", f"b{number}", right(f"b{number}"))
            async with asyncio.timeout(5):
                await agent.changed.wait()
        assert set(agent.model.rights) == {"b0", "b1", "b2"}
        assert agent.model.problem is None
        agent.changed.clear()
        async with kit.database.session() as session:
            await devices.rights.replace(session, "elm", "b1", None)
        async with asyncio.timeout(5):
            await agent.changed.wait()
        assert set(agent.model.rights) == {"b0", "b2"}


async def test_an_agent_that_lost_everything_gets_the_whole_list(
    link: None, enrol: Enrol, kit: Kit, devices: Devices
) -> None:
    rights = {f"r{n:04}": right(f"r{n:04}", tag=f"{n:014x}") for n in range(2_500)}
    async with kit.database.session() as session:
        await devices.rights.replace_many(session, "elm", dict(rights))
    async with connected(*await enrol("elm")) as agent:
        await agent.say_report(want_full=True)

        async def has_all() -> bool:
            return agent.model.rights == rights

        await eventually(has_all)


async def test_coming_and_going_is_told_and_an_absent_site_is_an_alert(
    link: None, enrol: Enrol, pool: Any
) -> None:
    async with connected(*await enrol("elm")) as agent:
        await agent.say_report()

        async def is_online() -> bool:
            return bool(await pool.fetchval("SELECT online FROM site_health WHERE site = 'elm'"))

        await eventually(is_online)
        agent.client._client._sock_close()  # as a cut cable; the broker publishes the last will

        async def is_alerted() -> bool:
            return bool(
                await pool.fetchval(
                    "SELECT count(*) FROM device_alerts"
                    " WHERE kind = 'site_offline' AND cleared_at IS NULL"
                )
            )

        await eventually(is_alerted)


async def test_what_is_no_report_is_set_aside_and_the_site_goes_on(
    link: None, enrol: Enrol, pool: Any
) -> None:
    async with connected(*await enrol("elm")) as agent:
        await agent.say(topics.SITE_REPORT, b"\xff\x00 not json")
        await agent.say(topics.SITE_REPORT, b'{"v":1}')

        async def is_set_aside() -> bool:
            return bool(await pool.fetchval("SELECT count(*) = 2 FROM device_quarantine"))

        await eventually(is_set_aside)
        await agent.send_batch(batch(1, [event()]))


async def test_events_are_stored_once_while_processes_come_and_go(
    kit: Kit, outbox: Outbox, devices: Devices, enrol: Enrol, pool: Any
) -> None:
    """Two processes with the role: one holds the link, the other takes over when it is gone."""
    standby = Devices(kit, outbox)
    batches = [batch(n, [event(seq=n * 10 + i) for i in range(10)]) for n in range(12)]

    async def send(agent: Agent) -> None:
        for number, payload in enumerate(batches):
            while True:
                await agent.say(topics.SITE_EVENTS, payload)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.5):
                        while (await agent.acks.get()).batch != number:
                            pass
                    break

    async with asyncio.TaskGroup() as group:
        first = group.create_task(devices.run_link())
        identity, keys = await enrol("elm")
        async with connected(identity, keys) as agent:
            sending = group.create_task(send(agent))
            second = group.create_task(standby.run_link())
            await eventually(lambda: pool.fetchval("SELECT count(*) > 20 FROM device_events"))
            first.cancel()
            async with asyncio.timeout(30):
                await sending
        second.cancel()
    rows = await pool.fetch("SELECT seq FROM device_events ORDER BY position")
    assert [row["seq"] for row in rows] == list(range(120))
    told = await pool.fetchval("SELECT count(*) FROM outbox WHERE type = 'devices.event'")
    assert told == 120
