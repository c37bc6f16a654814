"""One site's way down: a single task that sends it commands, its picture and its rights, in order.

What is to be sent is in the database; a word that something waits only sets a flag here. So words
may come twice or not at all, and a site that was away gets what is true now, not what was said.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from cloud.devices.commands.queue import CommandQueue
from cloud.devices.mqtt import metrics
from cloud.devices.rights.publisher import RightsPublisher
from cloud.devices.rights.rules import VERSIONS_KEPT, Head, Sent, Step, step_for
from cloud.devices.wake import Work
from cloud.kit.clock import Clock
from protocols import sealed
from protocols.portable import macs, topics
from protocols.site import RightsList, SiteDesired, SiteOnline, SiteReport

DEBOUNCE_S: Final = 0.1
"""Wishes for rights that come within this time of the first become one version."""
DESIRED_GRACE_S: Final = 5.0
REFRESH_S_MIN: Final = 20
REFRESH_S_DEFAULT: Final = 6 * 3_600

log = structlog.get_logger()

Publish = Callable[[str, bytes, bool], Awaitable[None]]
"""(topic, payload, retained); raises LinkDownError."""


class SiteSource(Protocol):
    """What a channel asks about its site."""

    async def key(self, site: str) -> bytes | None:
        """The site's key, None unless the site is enrolled."""
        ...

    async def picture(self, site: str) -> SiteDesired | None:
        """The site's current picture."""
        ...

    async def number_above(self, site: str, known: int) -> None:
        """The site has the picture of this version; ours must not have a lower one."""
        ...


class Reports(Protocol):
    """Who writes down what sites say of themselves."""

    async def record(self, report: SiteReport) -> None:
        """A report."""
        ...

    async def set_online(self, site: str, *, online: bool) -> bool:
        """Came or went; whether that was news."""
        ...


@dataclass(frozen=True)
class ChannelTools:
    """What all channels share."""

    source: SiteSource
    rights: RightsPublisher
    commands: CommandQueue
    reports: Reports
    publish: Publish
    clock: Clock


class Channel:
    """See the module. `run` is its task; all other methods only set flags."""

    def __init__(self, site: str, tools: ChannelTools) -> None:
        self.site = site
        self._tools = tools
        self._key: bytes | None = None
        self._dirty: set[Work] = set(Work)
        self._report: SiteReport | None = None
        self._online: SiteOnline | None = None
        self._wake = asyncio.Event()
        self._rights_due = 0.0
        self._sent: Sent | None = None
        self._has_unsent_version = False
        self._desired_sent: tuple[int, float] = (0, 0.0)
        self._refresh_s = REFRESH_S_DEFAULT
        self.heard_at = time.monotonic()
        self._wake.set()

    def tell(self, work: Work) -> None:
        """Something waits in the database."""
        if work is Work.RIGHTS and work not in self._dirty:
            self._rights_due = time.monotonic() + DEBOUNCE_S
        self._dirty.add(work)
        self._wake.set()

    def hear_report(self, report: SiteReport) -> None:
        """The site reported; an older report that still waits is worth nothing any more."""
        self.heard_at = time.monotonic()
        self._report = report
        self._wake.set()

    def hear_online(self, online: SiteOnline) -> None:
        """The site's agent came or went."""
        self.heard_at = time.monotonic()
        self._online = online
        self._wake.set()

    async def run_once(self) -> None:
        """Wait for something to do, and do it.

        Raises:
            LinkDownError, asyncpg errors, OSError: what was to do is still to do; call again.
        """
        await self._wait()
        self._wake.clear()
        await self._site_key()
        await self._send_commands()
        if (online := self._online) is not None:
            # Whatever was on its way to an earlier connection is lost with that.
            self._sent = None
            await self._tools.reports.set_online(self.site, online=online.online)
            if self._online is online:
                self._online = None
        if Work.DESIRED in self._dirty:
            self._dirty.discard(Work.DESIRED)
            await self._or_again(Work.DESIRED, self._send_desired)
        if Work.RIGHTS in self._dirty and time.monotonic() >= self._rights_due:
            self._dirty.discard(Work.RIGHTS)
            await self._or_again(Work.RIGHTS, self._publish_rights)
        if (report := self._report) is not None:
            self._report = None
            await self._tools.reports.record(report)
            await self._answer_report(report)

    async def _wait(self) -> None:
        """Until there is something to do: a flag is set, or the rights' debounce has passed."""
        now = self._dirty - {Work.RIGHTS} or self._report is not None or self._online is not None
        if now:
            return
        waits = Work.RIGHTS in self._dirty
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._rights_due - time.monotonic() if waits else None):
                await self._wake.wait()
        self._wake.clear()

    async def _site_key(self) -> bytes | None:
        """The site's key; None while it is not enrolled."""
        if self._key is None or Work.PERMISSIONS in self._dirty:
            self._dirty.discard(Work.PERMISSIONS)
            self._key = await self._tools.source.key(self.site)
        return self._key

    async def _or_again(self, work: Work, do: Callable[[], Awaitable[None]]) -> None:
        try:
            await do()
        except BaseException:
            self._dirty.add(work)
            raise

    async def _send_commands(self) -> None:
        if Work.COMMAND not in self._dirty:
            return
        self._dirty.discard(Work.COMMAND)
        await self._or_again(Work.COMMAND, self._send_queued)

    async def _send_queued(self) -> None:
        if (key := await self._site_key()) is None:
            return
        for queued in await self._tools.commands.queued(self.site):
            if queued.is_expired:
                await self._tools.commands.mark_expired(queued.body)
                continue
            payload = sealed.seal(key, macs.COMMAND, queued.body)
            # Marked first: sent twice would be refused as a replay, but why tempt it.
            await self._tools.commands.mark_sent(queued.body)
            await self._publish(topics.SITE_COMMAND, payload)

    async def _send_desired(self) -> None:
        picture = await self._tools.source.picture(self.site)
        key = await self._site_key()
        if picture is None or key is None:
            return
        ages = [lot.max_age_s for lot in picture.lots]
        self._refresh_s = max(REFRESH_S_MIN, min(ages) // 3) if ages else REFRESH_S_DEFAULT
        payload = sealed.seal(key, macs.DESIRED, picture)
        await self._publish(topics.SITE_DESIRED, payload, retained=True)
        self._desired_sent = (picture.version, time.monotonic())

    async def _publish_rights(self) -> None:
        published = await self._tools.rights.publish(self.site)
        if published is not None and published.more:
            # What is not told of on its own needs the whole list after the last of them.
            self._has_unsent_version = True
            self.tell(Work.RIGHTS)
        elif self._has_unsent_version or (published is not None and published.message is None):
            await self._send_full()
            self._has_unsent_version = False
        elif published is not None and published.message is not None:
            await self._send_list(published.message)

    async def _answer_report(self, report: SiteReport) -> None:
        """Bring a site that lags to what is true."""
        version, sent_at = self._desired_sent
        if report.desired_version != version and time.monotonic() - sent_at > DESIRED_GRACE_S:
            await self._tools.source.number_above(self.site, report.desired_version)
            self.tell(Work.DESIRED)
        head = await self._tools.rights.head(self.site)
        deltas_from = max(1, head.version - VERSIONS_KEPT + 1)
        step = step_for(report, head, self._sent, _monotonic_ms(), deltas_from)
        if step is Step.JUMP:
            log.warning("rights_jump", site=self.site, above=report.rights_version)
            await self._tools.rights.jump(self.site, report.rights_version)
            await self._send_full()
        elif step is Step.FULL:
            await self._send_full()
        elif step is Step.DELTAS:
            await self._send_deltas(report)
        elif report.rights_version == head.version:
            await self._refresh(head)

    async def _refresh(self, head: Head) -> None:
        """Say from time to time that the list is still good, or it would grow stale in use."""
        issued_ms = await self._tools.rights.issued_at_ms(self.site)
        now_ms = self._tools.clock.now_ms()
        if issued_ms is not None and 0 <= now_ms - issued_ms < self._refresh_s * 1_000:
            return
        published = await self._tools.rights.publish(self.site, refresh=True)
        if published is not None and published.message is not None:
            await self._send_list(published.message)

    async def _send_deltas(self, report: SiteReport) -> None:
        lists = await self._tools.rights.deltas(self.site, report.rights_version)
        if not lists:
            await self._send_full()
        for message in lists:
            await self._send_list(message)

    async def _send_full(self) -> None:
        for message in await self._tools.rights.full(self.site):
            await self._send_list(message)
            # A list of 100,000 takes a second: a barrier must not wait for it.
            await self._send_commands()

    async def _send_list(self, message: RightsList) -> None:
        if (key := await self._site_key()) is None:
            return
        payload = sealed.seal(key, macs.RIGHTS, message)
        await self._publish(topics.SITE_RIGHTS, payload)
        is_full = message.base_version is None
        self._sent = Sent(message.version, is_full, _monotonic_ms())
        metrics.LISTS_SENT.labels("full" if is_full else "delta").inc()

    async def _publish(self, leaf: str, payload: bytes, *, retained: bool = False) -> None:
        await self._tools.publish(topics.site(self.site, leaf), payload, retained)


def _monotonic_ms() -> int:
    return int(time.monotonic() * 1_000)
