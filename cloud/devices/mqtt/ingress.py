"""What comes up from the sites: events to the store, reports to health, both at their own pace.

Each site sends its next batch after the ack of the last, so the batches that wait here are never
more than the sites, and storing all of them in one commit makes the many as quick as the one.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import asyncpg
import msgspec
import structlog

from cloud.devices.events import StoredEvent
from cloud.devices.mqtt import metrics
from cloud.devices.mqtt.decode import BadPayload, DecodedBatch, decode_batch, decode_message
from cloud.devices.mqtt.link import LinkDownError
from cloud.devices.mqtt.store import EventStore, Outcome, is_poison
from cloud.events.cancelled import end_if_cancelled
from cloud.kit.outages import ASYNCPG_ERRORS
from protocols.portable import topics, version
from protocols.site import EventsAck, SiteOnline, SiteReport

WAITING_MAX: Final = 1_000
"""Batches that may wait; one more is dropped, and its site sends it again."""
GROUP_EVENTS_MAX: Final = 2_000
"""In one commit. More would make it a little cheaper and everybody's ack much later."""
STORERS: Final = 2
"""So that one group is decoded while another is written. Order holds: a site has one batch on its
way, and what it sends twice meets its first copy in the database."""
REFUSALS_MAX: Final = 3
"""So often a group is tried whole although PostgreSQL refuses something in it."""
_RETRY_S: Final = 0.5

Publish = Callable[[str, bytes], Awaitable[None]]

log = structlog.get_logger()


class Ingress:
    """Give it every message; it acknowledges what is committed, never anything else.

    on_stored: told the new events of a commit, after its acks; must not block.
    on_report, on_online: told in the order the site said it.
    """

    def __init__(
        self,
        store: EventStore,
        *,
        publish: Publish,
        on_stored: Callable[[list[StoredEvent]], None],
        on_bad: Callable[[str, BadPayload], Awaitable[None]],
        on_report: Callable[[SiteReport], None],
        on_online: Callable[[str, SiteOnline], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._publish = publish
        self._on_stored = on_stored
        self._on_bad = on_bad
        self._on_report = on_report
        self._on_online = on_online
        self._sleep = sleep
        self._batches: asyncio.Queue[tuple[str, bytes, float]] = asyncio.Queue(WAITING_MAX)
        self._refused: asyncio.Queue[tuple[str, BadPayload]] = asyncio.Queue(WAITING_MAX)

    def take(self, topic: str, payload: bytes) -> None:
        """One message from the broker; returns at once."""
        parsed = topics.parse(topic)
        if parsed is None or parsed[0] != "s" or not topics.is_slug(parsed[1]):
            log.warning("message_on_foreign_topic", topic=topic[:200])
            return
        _, site, leaf = parsed
        if leaf == topics.SITE_EVENTS:
            self._enqueue(site, payload)
        elif leaf == topics.SITE_REPORT:
            self._take_report(site, payload)
        elif leaf == topics.SITE_ONLINE:
            self._take_online(site, payload)

    async def run(self) -> None:
        """Store groups of batches until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for number in range(STORERS):
                tasks.create_task(self._store_batches(), name=f"ingress-store-{number}")
            tasks.create_task(self._set_aside(), name="ingress-quarantine")

    def _enqueue(self, site: str, payload: bytes) -> None:
        try:
            self._batches.put_nowait((site, payload, time.monotonic()))
        except asyncio.QueueFull:
            metrics.DROPPED.inc()
            log.warning("ingress_full", site=site)

    def _take_report(self, site: str, payload: bytes) -> None:
        report = decode_message(payload, SiteReport)
        if isinstance(report, BadPayload):
            self._refuse(site, report)
        elif report.site != site:
            detail = f"It speaks of {report.site}."
            self._refuse(site, BadPayload(-1, "foreign_site", detail, payload))
        else:
            self._on_report(report)

    def _take_online(self, site: str, payload: bytes) -> None:
        if not payload:  # a retained message that was taken back
            return
        online = decode_message(payload, SiteOnline)
        if isinstance(online, BadPayload):
            self._refuse(site, online)
        else:
            self._on_online(site, online)

    def _refuse(self, site: str, bad: BadPayload) -> None:
        try:
            self._refused.put_nowait((site, bad))
        except asyncio.QueueFull:
            metrics.DROPPED.inc()

    async def _set_aside(self) -> None:
        while True:
            site, bad = await self._refused.get()
            try:
                await self._on_bad(site, bad)
            except (*ASYNCPG_ERRORS, OSError) as error:
                log.warning("quarantine_failed", site=site, error=str(error))

    async def _store_batches(self) -> None:
        while True:
            end_if_cancelled()
            group, arrived = await self._next_group()
            outcome = await self._store_until_stored(group)
            await self._acknowledge(group, outcome)
            for at in arrived:
                metrics.STORED_AFTER.observe(time.monotonic() - at)
            self._on_stored(outcome.new)

    async def _next_group(self) -> tuple[list[DecodedBatch], list[float]]:
        """Whatever waits, at least one batch, up to GROUP_EVENTS_MAX events."""
        group, arrived, events = [], [], 0
        site, payload, at = await self._batches.get()
        while True:
            batch = decode_batch(site, payload)
            group.append(batch)
            arrived.append(at)
            events += len(batch.events)
            if self._batches.empty() or events >= GROUP_EVENTS_MAX:
                return group, arrived
            site, payload, at = self._batches.get_nowait()

    async def _store_until_stored(self, group: Sequence[DecodedBatch]) -> Outcome:
        failures = refusals = 0
        while True:
            try:
                # A group that is refused again and again holds up every site behind it: then the
                # events to blame are found and set aside. An outage is waited out.
                outcome = await self._store.store(group, is_patient=refusals < REFUSALS_MAX)
            except (*ASYNCPG_ERRORS, OSError) as error:
                if not failures:
                    log.warning("events_not_stored", error=str(error))
                failures += 1
                if isinstance(error, asyncpg.PostgresError) and is_poison(error):
                    refusals += 1
                await self._sleep(_RETRY_S)
            else:
                if failures:
                    log.info("events_stored_again")
                return outcome

    async def _acknowledge(self, group: Sequence[DecodedBatch], outcome: Outcome) -> None:
        metrics.STORED.inc(len(outcome.new))
        metrics.DOUBLED.inc(outcome.doubled)
        for place, batch in enumerate(group):
            quarantined = outcome.quarantined.get(place, ())
            for bad in quarantined:
                metrics.QUARANTINED.labels(bad.reason).inc()
            if batch.site in outcome.unknown_sites:
                log.warning("batch_of_unknown_site", site=batch.site)
                continue
            if batch.batch is None:
                log.warning("batch_without_number", site=batch.site)
                continue
            ack = EventsAck(
                v=version.VERSION,
                batch=batch.batch,
                quarantined=[bad.told() for bad in quarantined],
            )
            try:
                await self._publish(
                    topics.site(batch.site, topics.SITE_EVENTS_ACK), msgspec.json.encode(ack)
                )
            except LinkDownError:
                return  # the sites ask again once the link is back
