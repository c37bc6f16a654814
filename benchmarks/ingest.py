"""Events of 50 sites into PostgreSQL exactly once, over the real broker with mutual TLS.

Each site has an agent of its own that sends batches as the edge agent does: the next one after the
ack of the last. Every tenth batch is sent again after its ack, as if that had been lost.
`p99_ack_ms` is from sending a batch to its ack, with all 50 sites sending as fast as they can.
"""

import asyncio
import time
from pathlib import Path
from typing import Any, Final

import asyncpg
import msgspec
from aiomqtt import Client

from benchmarks._cloud import Engines, running_cloud, running_engines
from cloud.app import open_kit
from cloud.devices.enrolment.ca import csr_pem, load_private_key, new_private_key_pem
from cloud.devices.gates.schemas import Direction, GateCreate, LaneCreate
from cloud.devices.mqtt.link import LinkSettings, tls_context
from cloud.devices.sites.schemas import SiteCreate
from cloud.devices.wire import Devices
from cloud.events.outbox import Outbox, Wakeup
from cloud.kit.settings import load_settings
from protocols.enrolment import SiteIdentity, site_common_name
from protocols.portable import codes, topics
from protocols.site import Event, EventsAck

SITES: Final = 50
GATES_A_SITE: Final = 2
EVENTS_A_SITE: Final = 3_000
EVENTS_A_BATCH: Final = 150
RESENT_EVERY: Final = 10
_NOW_MS: Final = 1_790_000_000_000


def run() -> dict[str, float]:
    """Figures by name."""
    with running_engines() as engines:
        identities = asyncio.run(_enrol(engines))
        with running_cloud(engines, "ingress"):
            took_s, waits_ms = asyncio.run(_send(engines, identities))
        stored, told, told_once = asyncio.run(_count(engines))
    waits_ms.sort()
    expected = SITES * EVENTS_A_SITE
    return {
        "events_per_s": round(expected / took_s),
        "stored": stored,
        "lost": expected - min(stored, told_once),
        # A row a key is the table's own promise; what is told on must be so too.
        "stored_twice": told - told_once,
        "sent_twice": SITES * (EVENTS_A_SITE // EVENTS_A_BATCH // RESENT_EVERY) * EVENTS_A_BATCH,
        "p50_ack_ms": round(waits_ms[len(waits_ms) // 2], 1),
        "p99_ack_ms": round(waits_ms[len(waits_ms) * 99 // 100], 1),
    }


async def _enrol(engines: Engines) -> list[tuple[SiteIdentity, LinkSettings]]:
    settings = load_settings(engines.environment)
    enrolled = []
    async with open_kit(settings) as kit:
        wakeup = Wakeup(kit.redis)
        wakeup.is_relay_here = True
        devices = Devices(kit, Outbox(ids=kit.ids, clock=kit.clock, wakeup=wakeup))
        async with devices.open(), kit.database.session() as session:
            sites, gates = devices.sites(session), devices.gates(session)
            for number in range(SITES):
                site = f"site{number:02}"
                await sites.create(None, SiteCreate(id=site, name=site))
                for gate in _gates(site):
                    lane = LaneCreate(id=gate, lot=site, name=gate, direction=Direction.ENTRY)
                    await gates.create_lane(None, site, lane)
                    await gates.create_gate(None, site, GateCreate(id=gate, lane=gate))
                key = new_private_key_pem()
                request = csr_pem(load_private_key(key), site)
                identity = await devices.enrolment(session).enrol_site(kit.ids.new(), site, request)
                enrolled.append(
                    (identity, agent_files(settings.data_dir / "agents", identity, key))
                )
    return enrolled


def agent_files(folder: Path, identity: SiteIdentity, key: bytes) -> LinkSettings:
    """An agent's key and certificate, in files as TLS wants them."""
    folder.mkdir(exist_ok=True)
    files = LinkSettings(
        f"mqtts://{identity.broker_host}:{identity.broker_port}",
        folder / "ca.pem",
        folder / f"{identity.site}.pem",
        folder / f"{identity.site}.key",
    )
    files.ca_file.write_text(identity.ca_pem)
    files.cert_file.write_text(identity.certificate_pem)
    files.key_file.write_bytes(key)
    return files


def _gates(site: str) -> list[str]:
    return [f"{site}-g{number}" for number in range(GATES_A_SITE)]


async def _send(
    engines: Engines, identities: list[tuple[SiteIdentity, LinkSettings]]
) -> tuple[float, list[float]]:
    await _wait_permitted(engines)
    agents = [_Agent(identity, files) for identity, files in identities]
    ready = asyncio.Barrier(SITES + 1)
    async with asyncio.TaskGroup() as tasks:
        for agent in agents:
            tasks.create_task(agent.run(ready))
        await ready.wait()
        started_s = time.perf_counter()
    return time.perf_counter() - started_s, [wait for agent in agents for wait in agent.waits_ms]


async def _wait_permitted(engines: Engines) -> None:
    """Until the cloud has written the broker's list of clients and the broker has read it."""
    async with asyncio.timeout(30):
        while "Reloaded server configuration" not in engines.broker.log_since_start():
            await asyncio.sleep(0.05)


class _Agent:
    """Stop and wait, as the edge agent does it."""

    def __init__(self, identity: SiteIdentity, files: LinkSettings) -> None:
        self._site = identity.site
        self._host, self._port = identity.broker_host, identity.broker_port
        self._files = files
        self._batches = _batches(identity.site)
        self.waits_ms: list[float] = []

    async def run(self, ready: asyncio.Barrier) -> None:
        """Send every batch; each tenth a second time."""
        async with Client(
            self._host,
            self._port,
            identifier=site_common_name(self._site),
            tls_context=tls_context(self._files),
            timeout=30,
        ) as client:
            await client.subscribe(topics.site(self._site, "down/#"), qos=1)
            await ready.wait()
            for number, payload in enumerate(self._batches):
                await self._deliver(client, number, payload)
                if number % RESENT_EVERY == RESENT_EVERY - 1:
                    await self._deliver(client, number, payload)

    async def _deliver(self, client: Client, number: int, payload: bytes) -> None:
        sent_s = time.perf_counter()
        await client.publish(topics.site(self._site, topics.SITE_EVENTS), payload)
        async for message in client.messages:
            if not message.topic.value.endswith(topics.SITE_EVENTS_ACK):
                continue
            ack = msgspec.json.decode(_bytes(message.payload), type=EventsAck)
            assert not ack.quarantined
            if ack.batch == number:
                break
        self.waits_ms.append((time.perf_counter() - sent_s) * 1_000)


def _bytes(payload: Any) -> bytes:  # noqa: ANN401 - paho's payloads are of many types
    assert isinstance(payload, bytes)
    return payload


def _batches(site: str) -> list[bytes]:
    gates = _gates(site)
    events = [_event(gates[seq % GATES_A_SITE], seq) for seq in range(EVENTS_A_SITE)]
    starts = range(0, EVENTS_A_SITE, EVENTS_A_BATCH)
    return [
        msgspec.json.encode(
            {"v": 1, "batch": number, "events": events[start : start + EVENTS_A_BATCH]}
        )
        for number, start in enumerate(starts)
    ]


def _event(gate: str, seq: int) -> Event:
    """Every other one an access, every other one its passage, as a busy lane makes them."""
    access = {
        "tap": seq,
        "uid": "04a1b2c3d4e5f6",
        "level": 1,
        "counter": 17,
        "read": 0,
        "admit": True,
        "reason": codes.RIGHT_VALID,
        "mode": codes.AGENT,
        "right": f"booking-{seq}",
        "list_version": 42,
        "direction": codes.ENTRY,
        "vehicle": True,
        "took_ms": 9,
    }
    is_access = seq // GATES_A_SITE % 2 == 0
    return Event(
        device=gate,
        boot=1,
        seq=seq,
        at_ms=_NOW_MS + seq,
        heard_ms=_NOW_MS + seq + 3,
        clock=codes.CLOCK_SET,
        kind=codes.ACCESS if is_access else codes.PASSAGE,
        data=access if is_access else {"direction": codes.ENTRY, "tap": seq},
    )


async def _count(engines: Engines) -> tuple[int, int, int]:
    connection = await asyncpg.connect(engines.environment["CURB_DATABASE_URL"])
    try:
        stored = await connection.fetchval("SELECT count(*) FROM device_events")
        told = await connection.fetchrow(
            "SELECT count(*), count(DISTINCT (payload::json->>'device', payload::json->>'seq'))"
            " FROM outbox WHERE type = 'devices.event'"
        )
        assert told is not None
        return stored, told[0], told[1]
    finally:
        await connection.close()
