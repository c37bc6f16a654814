"""The link to the cloud: events up until it has them, lists, pictures and orders down.

Store first, send later. One batch is on its way at a time and is sent again unchanged until its ack
comes, so nothing overtakes; the cloud drops what it has by the events' own keys.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
import structlog

from edge_agent.clock import TrustedClock
from edge_agent.link import Link
from edge_agent.outbox import Batch, Outbox
from edge_agent.store import StoreError
from protocols.portable import topics, version
from protocols.site import EventsAck, SiteOnline, SiteReport

ACK_WITHIN_S: Final = 5.0
ACK_WITHIN_S_MAX: Final = 10.0
"""A cloud that restarts behind a broker that stays up gets the batch again within this time."""
SILENT_AFTER_MS: Final = 10_000
"""A cloud that leaves a batch unanswered for so long is not in touch, whatever its broker says."""
QUEUE_MAX: Final = 256
REPORT_GAP_S: Final = 0.2
DISK_PAUSE_S: Final = 1.0

_ACK: Final = msgspec.json.Decoder(EventsAck)

log = structlog.get_logger()

Worker = Callable[[bytes], Awaitable[None]]


def online_message(boot: int, *, online: bool) -> bytes:
    """The message `state/online`, also as the last will."""
    return msgspec.json.encode(SiteOnline(v=version.VERSION, online=online, boot=boot))


class CloudLink:
    """Speaks with the cloud (a link.Handler).

    workers: who takes the payloads of each `down/...` leaf, one at a time, in order.
    make_report: gives the site's report as it is now; set before `send_reports` runs.
    """

    def __init__(
        self,
        site: str,
        clock: TrustedClock,
        outbox: Outbox,
        *,
        workers: dict[str, Worker],
        report_every_s: float,
        ack_within_s: float = ACK_WITHIN_S,
    ) -> None:
        self._site = site
        self._clock = clock
        self._outbox = outbox
        self._workers = workers
        self._queues = {leaf: asyncio.Queue[bytes](QUEUE_MAX) for leaf in workers}
        self._report_every_s = report_every_s
        self._ack_within_s = ack_within_s
        self._up = asyncio.Event()
        self._report_due = asyncio.Event()
        self._acked: asyncio.Future[EventsAck] | None = None
        self._in_flight: int | None = None
        self._waiting_since_ms: int | None = None
        self.link: Link | None = None
        self.make_report: Callable[[], Awaitable[SiteReport]] | None = None

    @property
    def is_in_touch(self) -> bool:
        """Whether the cloud itself answers, not only its broker."""
        if not self._up.is_set():
            return False
        since_ms = self._waiting_since_ms
        return since_ms is None or self._clock.up_ms() - since_ms < SILENT_AFTER_MS

    def report_soon(self) -> None:
        """Something that the report shows has changed."""
        self._report_due.set()

    # --- link.Handler -----------------------------------------------------------------------

    async def on_up(self) -> None:
        """Say that the site is there; the senders go on where they were."""
        message = online_message(self._outbox.boot, online=True)
        await self._publish(topics.SITE_ONLINE, message, qos=1, retain=True)
        self._up.set()
        self.report_soon()

    async def on_down(self) -> None:
        """The senders wait; what was on its way is sent again."""
        self._up.clear()

    async def on_message(self, topic: str, payload: bytes, *, retained: bool) -> None:
        """Whatever the cloud said."""
        parsed = topics.parse(topic)
        if parsed is None or parsed[:2] != ("s", self._site):
            return
        leaf = parsed[2]
        if leaf == topics.SITE_EVENTS_ACK:
            self._on_ack(payload)
        elif leaf in self._queues:
            # When the worker lags, the broker's flow control holds the rest back.
            await self._queues[leaf].put(payload)

    # --- tasks ------------------------------------------------------------------------------

    async def work(self, leaf: str) -> None:
        """Take in the payloads of one leaf, until cancelled."""
        while True:
            payload = await self._queues[leaf].get()
            await self._workers[leaf](payload)

    async def send_events(self) -> None:
        """Bring events to the cloud, until cancelled."""
        while True:
            await self._up.wait()
            try:
                batch = await self._outbox.next_batch()
                if batch is None:
                    await self._outbox.filled.wait()
                    continue
                await self._deliver(batch)
            except StoreError as error:
                # Sent again it does no harm; the lanes go on meanwhile.
                log.warning("outbox_not_usable", why=str(error))
                await asyncio.sleep(DISK_PAUSE_S)

    async def send_reports(self) -> None:
        """Report now and then, and soon after every change that matters, until cancelled."""
        while True:
            await self._up.wait()
            self._report_due.clear()
            await self._send_report()
            await asyncio.sleep(REPORT_GAP_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._report_every_s):
                    await self._report_due.wait()

    async def _send_report(self) -> None:
        if self.make_report is None:
            return
        try:
            report = await self.make_report()
        except StoreError as error:
            log.warning("report_not_made", why=str(error))
            return
        await self._publish(topics.SITE_REPORT, msgspec.json.encode(report))

    # --- events -----------------------------------------------------------------------------

    async def _deliver(self, batch: Batch) -> None:
        payload = batch.payload()
        wait_s = self._ack_within_s
        self._in_flight = batch.number
        while True:
            await self._up.wait()
            self._acked = asyncio.get_running_loop().create_future()
            if self._waiting_since_ms is None:
                self._waiting_since_ms = self._clock.up_ms()
            await self._publish(topics.SITE_EVENTS, payload)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    ack = await self._acked
                break
            wait_s = min(ACK_WITHIN_S_MAX, wait_s * 2)
        self._in_flight = self._waiting_since_ms = None
        for refused in ack.quarantined:
            log.warning("event_quarantined_by_cloud", index=refused.index, reason=refused.reason)
        await self._outbox.forget(batch.number)

    def _on_ack(self, payload: bytes) -> None:
        try:
            ack = _ACK.decode(payload)
        except (msgspec.MsgspecError, ValueError) as error:
            log.warning("ack_unreadable", why=str(error))
            return
        # An ack of an earlier batch, delivered late, covers nothing that waits now.
        if (
            ack.v == version.VERSION
            and ack.batch == self._in_flight
            and self._acked is not None
            and not self._acked.done()
        ):
            self._acked.set_result(ack)

    async def _publish(
        self, leaf: str, payload: bytes, *, qos: int = 0, retain: bool = False
    ) -> bool:
        if self.link is None:
            return False
        topic = topics.site(self._site, leaf)
        return await self.link.publish(topic, payload, qos=qos, retain=retain)
