"""Every site's channel, and what wakes it: other processes, reports, and a slow poll as well."""

import asyncio
import time
from typing import Final

import structlog

from cloud.devices.database import Pool
from cloud.devices.enrolment.permissions import BrokerPermissions
from cloud.devices.keys import DeviceKeys
from cloud.devices.mqtt import metrics
from cloud.devices.mqtt.channel import Channel, ChannelTools
from cloud.devices.mqtt.link import LinkDownError
from cloud.devices.sites.desired import DesiredState
from cloud.devices.sites.tables import ENROLLED
from cloud.devices.wake import Work
from cloud.events.cancelled import end_if_cancelled
from cloud.kit.database import Database
from cloud.kit.outages import ASYNCPG_ERRORS
from protocols.site import SiteDesired, SiteOnline, SiteReport

POLL_S: Final = 0.5
SILENT_S: Final = 35.0
"""A site reports every 10 s; after this long without a word it counts as away."""
_RETRY_S: Final = 1.0

log = structlog.get_logger()


class RegistrySource:
    """Answers channels from the registry."""

    def __init__(self, database: Database, keys: DeviceKeys, desired: DesiredState) -> None:
        self._database = database
        self._keys = keys
        self._desired = desired

    async def key(self, site: str) -> bytes | None:
        """The site's key, None unless it is enrolled."""
        row = await self._database.pool.fetchrow(
            "SELECT site_key_sealed FROM sites WHERE id = $1 AND state = $2", site, ENROLLED
        )
        return None if row is None else self._keys.open_site_key(site, row["site_key_sealed"])

    async def picture(self, site: str) -> SiteDesired | None:
        """The site's current picture."""
        async with self._database.session() as session:
            return await self._desired.picture(session, site)

    async def number_above(self, site: str, known: int) -> None:
        """Number the site's picture above one that the site has and we do not know.

        It happens when the cloud was restored from a backup that is older than the picture.
        """
        await self._database.pool.execute(
            "UPDATE sites SET desired_version = $2 + 1 WHERE id = $1 AND desired_version < $2",
            site,
            known,
        )


class Downlink:
    """Owns the channels; all but `run` only set flags and return at once."""

    def __init__(self, pool: Pool, tools: ChannelTools, permissions: BrokerPermissions) -> None:
        self._pool = pool
        self._tools = tools
        self._permissions = permissions
        self._channels: dict[str, Channel] = {}
        self._new: asyncio.Queue[Channel] = asyncio.Queue()
        self._silent: set[str] = set()
        self._permissions_dirty = asyncio.Event()
        self._permissions_dirty.set()

    def tell(self, work: Work, site: str) -> None:
        """Something waits for a site; a listener of wake.Wake."""
        if work is Work.PERMISSIONS:
            self._permissions_dirty.set()
        self._channel(site).tell(work)

    def hear_report(self, report: SiteReport) -> None:
        """A site reported."""
        self._channel(report.site).hear_report(report)

    def hear_online(self, site: str, online: SiteOnline) -> None:
        """A site's agent came or went."""
        self._channel(site).hear_online(online)

    async def link_is_up(self) -> None:
        """The broker is connected (again): what it retained may be old, or gone."""
        async with self._pool.acquire() as connection:
            rows = await connection.fetch("SELECT id FROM sites WHERE state = $1", ENROLLED)
        for row in rows:
            self.tell(Work.DESIRED, row["id"])
            self.tell(Work.COMMAND, row["id"])

    async def run(self) -> None:
        """Serve every site until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._poll(), name="downlink-poll")
            tasks.create_task(self._keep_permissions(), name="broker-permissions")
            while True:
                channel = await self._new.get()
                tasks.create_task(self._serve(channel), name=f"site-{channel.site}")

    def _channel(self, site: str) -> Channel:
        channel = self._channels.get(site)
        if channel is None:
            channel = self._channels[site] = Channel(site, self._tools)
            self._new.put_nowait(channel)
        return channel

    async def _serve(self, channel: Channel) -> None:
        while True:
            end_if_cancelled()
            try:
                await channel.run_once()
            except LinkDownError:
                await asyncio.sleep(_RETRY_S)
            except (*ASYNCPG_ERRORS, OSError) as error:
                log.warning("site_not_served", site=channel.site, error=str(error))
                await asyncio.sleep(_RETRY_S)

    async def _poll(self) -> None:
        """The slow way, for words that were lost and commands that nobody answered."""
        while True:
            end_if_cancelled()
            try:
                for site in await self._tools.rights.sites_with_wishes():
                    self.tell(Work.RIGHTS, site)
                for site in await self._tools.commands.sites_waiting():
                    self.tell(Work.COMMAND, site)
                await self._tools.commands.give_up()
                await self._notice_silence()
            except (*ASYNCPG_ERRORS, OSError) as error:
                log.warning("downlink_poll_failed", error=str(error))
            await asyncio.sleep(POLL_S)

    async def _notice_silence(self) -> None:
        """A broker that died with a site's last will still leaves a site that says nothing."""
        now = time.monotonic()
        silent = {s for s, channel in self._channels.items() if now - channel.heard_at > SILENT_S}
        for site in sorted(silent - self._silent):
            await self._tools.reports.set_online(site, online=False)
        self._silent = silent
        metrics.SITES_ONLINE.set(len(self._channels) - len(silent))

    async def _keep_permissions(self) -> None:
        while True:
            await self._permissions_dirty.wait()
            self._permissions_dirty.clear()
            try:
                await self._permissions.write()
            except (*ASYNCPG_ERRORS, OSError) as error:
                log.warning("broker_permissions_not_written", error=str(error))
                self._permissions_dirty.set()
                await asyncio.sleep(_RETRY_S)
