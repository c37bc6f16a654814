"""How fast the cloud brings rights to a site: 100,000 to a fresh agent, then one change at a time.

The cloud is a process of its own; this program commits bookings' rights in another, as an API
process does, and plays the agent over the real broker with mutual TLS: it checks MACs and hashes
and reports, but keeps no database. `sync` has the real agent, and the gate's answer behind it.
`fresh_agent_s` counts from the agent's first report to its last part applied; `change_...` from
before the transaction of one changed right to its version applied, the cloud's gathering of
bursts (100 ms) included.
"""

import asyncio
import statistics
import time
from pathlib import Path
from typing import Final

import msgspec
from aiomqtt import Client

from benchmarks._cloud import Engines, running_cloud, running_engines
from benchmarks.ingest import agent_files
from cloud.app import open_kit
from cloud.devices.enrolment.ca import csr_pem, load_private_key, new_private_key_pem
from cloud.devices.mqtt.link import LinkSettings, tls_context
from cloud.devices.sites.schemas import SiteCreate
from cloud.devices.wire import Devices
from cloud.events.outbox import Outbox, Wakeup
from cloud.kit.feature import Kit
from cloud.kit.settings import load_settings
from protocols.enrolment import SiteIdentity, site_common_name
from protocols.portable import codes, topics
from protocols.site import Right
from tests.cloud.devices.agent import AgentModel

SITE: Final = "elm"
RIGHTS: Final = 100_000
CHANGES: Final = 100
_BOTH_WAYS: Final = 0x0C


def run() -> dict[str, float]:
    """Figures by name."""
    with running_engines() as engines:
        identity, files, commit_s = asyncio.run(_prepare(engines))
        with running_cloud(engines, "ingress"):
            figures = asyncio.run(_measure(engines, identity, files))
    return {"rights": RIGHTS, "commit_s": round(commit_s, 2)} | figures


async def _prepare(engines: Engines) -> tuple[SiteIdentity, LinkSettings, float]:
    """A site, enrolled, with its rights committed and not yet published."""
    async with open_kit(load_settings(engines.environment)) as kit:
        devices = _devices(kit)
        key = new_private_key_pem()
        request = csr_pem(load_private_key(key), SITE)
        async with devices.open(), kit.database.session() as session:
            await devices.sites(session).create(None, SiteCreate(id=SITE, name="Elm"))
            identity = await devices.enrolment(session).enrol_site(kit.ids.new(), SITE, request)
        began_s = time.perf_counter()
        async with devices.open(), kit.database.session() as session:
            rights = {str(number): _right(number, 2_000_000_000) for number in range(RIGHTS)}
            await devices.rights.replace_many(session, SITE, dict(rights))
        took_s = time.perf_counter() - began_s
        return identity, agent_files(Path(kit.settings.data_dir / "agents"), identity, key), took_s


async def _measure(
    engines: Engines, identity: SiteIdentity, files: LinkSettings
) -> dict[str, float]:
    await _wait_published(engines)
    async with (
        Client(
            identity.broker_host,
            identity.broker_port,
            identifier=site_common_name(SITE),
            tls_context=tls_context(files),
            timeout=30,
        ) as client,
        open_kit(load_settings(engines.environment)) as kit,
    ):
        await client.subscribe(topics.site(SITE, "down/#"), qos=1)
        agent = _Agent(client, AgentModel(SITE, bytes.fromhex(identity.site_key)))
        began_s = time.perf_counter()
        await agent.report(want_full=True)
        await agent.receive_until(RIGHTS)
        figures = {"fresh_agent_s": round(time.perf_counter() - began_s, 2)}
        devices = _devices(kit)
        async with devices.open():
            waits_ms = [await _change(kit, devices, agent, n) for n in range(CHANGES)]
    waits_ms.sort()
    return figures | {
        "change_p50_ms": round(statistics.median(waits_ms), 1),
        "change_p99_ms": round(waits_ms[CHANGES * 99 // 100], 1),
    }


async def _wait_published(engines: Engines) -> None:
    """Until the cloud has made a version of the last wish."""
    async with open_kit(load_settings(engines.environment)) as kit, asyncio.timeout(60):
        while await kit.database.pool.fetchval("SELECT count(*) FROM site_rights") < RIGHTS:
            await asyncio.sleep(0.1)


async def _change(kit: Kit, devices: Devices, agent: "_Agent", number: int) -> float:
    began_s = time.perf_counter()
    async with kit.database.session() as session:
        changed = _right(number, 2_000_000_001)
        await devices.rights.replace(session, SITE, changed.id, changed)
    while agent.model.rights[changed.id] != changed:
        await agent.receive()
    return (time.perf_counter() - began_s) * 1_000


class _Agent:
    """Takes lists and reports after each, as the edge agent does."""

    def __init__(self, client: Client, model: AgentModel) -> None:
        self._client = client
        self.model = model

    async def report(self, *, want_full: bool = False) -> None:
        """Say how it stands."""
        payload = msgspec.json.encode(self.model.report(want_full=want_full))
        await self._client.publish(topics.site(SITE, topics.SITE_REPORT), payload)

    async def receive_until(self, count: int) -> None:
        """Take messages until the list has so many rights."""
        while len(self.model.rights) < count:
            await self.receive()

    async def receive(self) -> None:
        """Take one message."""
        async for message in self._client.messages:
            payload = message.payload
            is_list = message.topic.value.endswith(topics.SITE_RIGHTS)
            if is_list and isinstance(payload, bytes) and self.model.take_rights(payload):
                await self.report()
            return


def _devices(kit: Kit) -> Devices:
    wakeup = Wakeup(kit.redis)
    wakeup.is_relay_here = True  # no relay runs, and nobody has to be told
    return Devices(kit, Outbox(ids=kit.ids, clock=kit.clock, wakeup=wakeup))


def _right(number: int, until_s: int) -> Right:
    return Right(
        id=str(number),
        tag=f"{number:014x}",
        lot="elm",
        flags=codes.BOOKING | _BOTH_WAYS,
        from_s=0,
        until_s=until_s,
    )
