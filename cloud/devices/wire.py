"""How devices join the others: `Devices` is what higher features are given."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import asyncpg
import structlog
from litestar.di import NamedDependency

from cloud.devices.alerts.book import AlertBook
from cloud.devices.alerts.routes import AlertsController
from cloud.devices.alerts.service import AlertService
from cloud.devices.commands.queue import CommandQueue
from cloud.devices.commands.service import CommandService
from cloud.devices.enrolment.broker_certificates import issue_cloud_client
from cloud.devices.enrolment.ca import load_or_create_ca
from cloud.devices.enrolment.permissions import BrokerPermissions
from cloud.devices.enrolment.service import EnrolmentService
from cloud.devices.gates.routes import CommandsController, GatesController
from cloud.devices.gates.service import GateService
from cloud.devices.health.recorder import HealthRecorder
from cloud.devices.keys import DeviceKeys
from cloud.devices.live import EventTeller, Live, NobodyWatches, SiteSnapshot
from cloud.devices.mqtt.channel import ChannelTools
from cloud.devices.mqtt.downlink import Downlink, RegistrySource
from cloud.devices.mqtt.ingress import Ingress
from cloud.devices.mqtt.link import Link, LinkSettings
from cloud.devices.mqtt.quarantine import Quarantine
from cloud.devices.mqtt.records import DeviceRecords
from cloud.devices.mqtt.retention import forget_for_ever
from cloud.devices.mqtt.store import EventStore
from cloud.devices.ports import LotPolicies, NoLots
from cloud.devices.rights.publisher import RightsPublisher
from cloud.devices.rights.service import RightsService
from cloud.devices.sites.desired import DesiredState
from cloud.devices.sites.routes import SitesController
from cloud.devices.sites.service import SiteService
from cloud.devices.wake import Wake
from cloud.events.outbox import Outbox
from cloud.kit.database import AsyncSession
from cloud.kit.feature import Feature, Kit, NamedTask, ProcessRole

# One process at a time holds the link; any constant that nobody else locks would do.
LINK_LOCK: Final = 0x63756264
_WATCH_S: Final = 1.0

log = structlog.get_logger()


class Devices:
    """What lives as long as the process, and the services it makes for one session each.

    rights: who may pass where, as the business above decides it.
    desired: tell it when a lot's policy or state changes (`desired.lot_changed`).
    """

    def __init__(
        self,
        kit: Kit,
        outbox: Outbox,
        *,
        policies: LotPolicies | None = None,
        live: Live | None = None,
    ) -> None:
        self._kit = kit
        self._outbox = outbox
        self._live = live or NobodyWatches()
        self._ca_folder = kit.settings.data_dir / "ca"
        self._authority = load_or_create_ca(self._ca_folder)
        self._keys = DeviceKeys(kit.cipher)
        self._wake = Wake(kit.redis)
        self.rights = RightsService(self._wake)
        self.desired = DesiredState(self._wake, policies or NoLots(), kit.clock)

    def sites(self, session: AsyncSession) -> SiteService:
        """Sites, within this session."""
        kit = self._kit
        return SiteService(session, keys=self._keys, acts=kit.acts, clock=kit.clock)

    def gates(self, session: AsyncSession) -> GateService:
        """Lanes and gates, within this session."""
        kit = self._kit
        return GateService(session, desired=self.desired, acts=kit.acts, clock=kit.clock)

    def commands(self, session: AsyncSession) -> CommandService:
        """Commands, within this session."""
        kit = self._kit
        return CommandService(
            session,
            gates=self.gates(session),
            wake=self._wake,
            acts=kit.acts,
            ids=kit.ids,
            clock=kit.clock,
        )

    def alerts(self, session: AsyncSession) -> AlertService:
        """Alerts, within this session."""
        kit = self._kit
        return AlertService(session, outbox=self._outbox, acts=kit.acts, clock=kit.clock)

    def enrolment(self, session: AsyncSession) -> EnrolmentService:
        """Enrolment, within this session."""
        return EnrolmentService(
            session,
            authority=self._authority,
            keys=self._keys,
            sites=self.sites(session),
            gates=self.gates(session),
            desired=self.desired,
            wake=self._wake,
            acts=self._kit.acts,
            broker_url=self._kit.settings.mqtt_url,
        )

    async def has_site(self, site: str) -> bool:
        """Whether there is a site of this id."""
        found = await self._kit.database.pool.fetchval("SELECT 1 FROM sites WHERE id = $1", site)
        return found is not None

    async def site_snapshot(self, site: str) -> SiteSnapshot:
        """A site with its gates and open alerts, as they are now: what its live room begins with.

        Raises:
            SiteMissingError: there is none.
        """
        async with self._kit.database.session() as session:
            return SiteSnapshot(
                site=await self.sites(session).get(site),
                gates=list(await self.gates(session).list_gates(site)),
                alerts=await self.alerts(session).open_at(site),
            )

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """A resource of the process: whatever is under way ends with the block."""
        try:
            yield
        finally:
            await self._wake.close()

    async def forget_for_ever(self) -> None:
        """Delete what devices said too long ago."""
        kit = self._kit
        await forget_for_ever(kit.database.pool, kit.settings, kit.clock)

    async def run_link(self) -> None:
        """Hold the link to the sites, or stand by until the process that holds it is gone."""
        if not self._kit.settings.mqtt_url:
            log.info("no_broker", meaning="CURB_MQTT_URL is not set; no site is served from here")
            await asyncio.Event().wait()
        connection = await asyncpg.connect(self._kit.settings.database_url)
        try:
            await connection.execute("SELECT pg_advisory_lock($1)", LINK_LOCK)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._hold_link(), name="link")
                tasks.create_task(_watch(connection), name="link-lock")
        finally:
            connection.terminate()

    async def _hold_link(self) -> None:
        await asyncio.to_thread(issue_cloud_client, self._ca_folder)
        kit, pool, settings = self._kit, self._kit.database.pool, self._kit.settings
        book = AlertBook(outbox=self._outbox, ids=kit.ids, clock=kit.clock)
        queue = CommandQueue(pool, kit.clock)
        quarantine = Quarantine(alerts=book, outbox=self._outbox, ids=kit.ids, clock=kit.clock)
        store = EventStore(
            pool,
            outbox=self._outbox,
            quarantine=quarantine,
            clock=kit.clock,
            followers=(book.follow, queue.follow),
        )
        link_settings = LinkSettings(
            settings.mqtt_url,
            settings.mqtt_ca_file,
            settings.mqtt_cert_file,
            settings.mqtt_key_file,
        )
        tools = ChannelTools(
            source=RegistrySource(kit.database, self._keys, self.desired),
            rights=RightsPublisher(pool, kit.clock),
            commands=queue,
            reports=HealthRecorder(
                pool, alerts=book, outbox=self._outbox, live=self._live, clock=kit.clock
            ),
            publish=lambda topic, payload, retained: link.publish(
                topic, payload, qos=int(retained), retain=retained
            ),
            clock=kit.clock,
        )
        permissions = BrokerPermissions(
            pool, settings.mqtt_permissions_file, settings.mqtt_pid_file
        )
        downlink = Downlink(pool, tools, permissions)
        teller = EventTeller(self._live)
        ingress = Ingress(
            store,
            publish=lambda topic, payload: link.publish(topic, payload),
            on_stored=teller.tell,
            on_bad=lambda site, bad: quarantine.add_one(pool, site, bad),
            on_report=downlink.hear_report,
            on_online=downlink.hear_online,
        )
        link = Link(link_settings, ingress.take, downlink.link_is_up)
        with self._wake.listening(downlink.tell):
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(ingress.run(), name="ingress")
                tasks.create_task(downlink.run(), name="downlink")
                tasks.create_task(self._wake.listen(downlink.tell), name="devices-wake")
                tasks.create_task(teller.run(), name="devices-watchers")
                tasks.create_task(link.run(), name="broker-link")


def wire(devices: Devices) -> Feature:
    """Routes, dependencies and the link's task."""

    async def provide_sites(session: NamedDependency[AsyncSession]) -> SiteService:
        return devices.sites(session)

    async def provide_gates(session: NamedDependency[AsyncSession]) -> GateService:
        return devices.gates(session)

    async def provide_commands(session: NamedDependency[AsyncSession]) -> CommandService:
        return devices.commands(session)

    async def provide_alerts(session: NamedDependency[AsyncSession]) -> AlertService:
        return devices.alerts(session)

    async def provide_enrolment(session: NamedDependency[AsyncSession]) -> EnrolmentService:
        return devices.enrolment(session)

    async def provide_records(session: NamedDependency[AsyncSession]) -> DeviceRecords:
        return DeviceRecords(session)

    return Feature(
        "devices",
        routes=(SitesController, GatesController, CommandsController, AlertsController),
        dependencies={
            "sites": provide_sites,
            "gates": provide_gates,
            "commands": provide_commands,
            "alerts": provide_alerts,
            "enrolment": provide_enrolment,
            "records": provide_records,
        },
        resources=(devices.open,),
        tasks=(
            NamedTask("site-link", ProcessRole.INGRESS, devices.run_link),
            NamedTask("forget-device-events", ProcessRole.INGRESS, devices.forget_for_ever),
        ),
    )


async def _watch(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """End (by raising) when the connection that holds the lock is lost: another may have it."""
    while True:
        await connection.fetchval("SELECT 1")
        await asyncio.sleep(_WATCH_S)
