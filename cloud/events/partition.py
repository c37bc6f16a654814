"""One partition worked in order: retry what passes by itself, set aside what does not.

A failure that passes by itself (database away, deadlock lost) is retried for as long as it lasts:
the partition waits. Any other failure is tried a few times and then put among the dead letters, and
the partition goes on. Entries that a dead member had been given come before anything new.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final
from uuid import NAMESPACE_OID, uuid5

import msgspec
import structlog
from redis.exceptions import ResponseError

from cloud.events import metrics
from cloud.events.cancelled import end_if_cancelled
from cloud.events.dead_letters import DeadLetters
from cloud.events.event import Event, Handler
from cloud.events.retry import is_passing, retry_delay_s
from cloud.kit.clock import Clock
from cloud.kit.redis import Redis, RedisError

log = structlog.get_logger()

BLOCK_MS: Final = 1_000
READ_ENTRIES_MAX: Final = 64
ATTEMPTS_MAX: Final = 5
TAKEOVERS_MAX: Final = 10
"""An entry taken over this often has probably killed its members: it becomes a dead letter."""
HANDLER_TIMEOUT_S: Final = 30.0
MEASURE_EVERY_S: Final = 5.0

UNREADABLE: Final = "unreadable"
GROUPS_SEEN: Final = "curb:{events}:groups"
"""When each group was last at work, in seconds by Redis's clock."""

_decoder: Final = msgspec.json.Decoder(Event)
Fields = dict[bytes, bytes]


class HandlerTimeoutError(Exception):
    """The handler took longer than HANDLER_TIMEOUT_S."""


class PartitionWorker:
    """Works partitions of one group; `work` is called once for each, they run side by side.

    redis: must not retry by itself. The lost answer of an XREADGROUP leaves entries given to us
        that we never saw, and only an error makes us look for them.
    """

    def __init__(
        self,
        *,
        redis: Redis,
        group: str,
        member: str,
        handler: Handler,
        dead_letters: DeadLetters,
        clock: Clock,
        draw: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._redis = redis
        self._group = group
        self._member = member
        self._handler = handler
        self._dead_letters = dead_letters
        self._clock = clock
        self._draw = draw
        self._sleep = sleep

    async def work(self, stream: str) -> None:
        """Handle the stream's entries one after the other until cancelled."""
        failures = 0
        is_takeover = True
        while True:
            try:
                await self._make_group(stream)
                await self._finish_pending(stream, is_takeover=is_takeover)
                failures, is_takeover = 0, False
                await self._follow(stream)
            except (RedisError, OSError) as error:
                failures += 1
                if failures == 1:
                    log.warning("event_stream_away", stream=stream, error=repr(error))
                await self._sleep(retry_delay_s(failures, self._draw()))

    async def _make_group(self, stream: str) -> None:
        """From the oldest entry: after a loss of the store, events may come before the group."""
        try:
            await self._redis.xgroup_create(stream, self._group, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    async def _finish_pending(self, stream: str, *, is_takeover: bool) -> None:
        """Handle what any member was given and did not acknowledge: the stream is ours now."""
        while pending := await self._pending(stream):
            ids: list[Any] = [entry_id for entry_id, _ in pending]
            # JUSTID leaves the count of deliveries alone; only a change of hands counts.
            await self._redis.xclaim(
                stream, self._group, self._member, 0, ids, justid=not is_takeover
            )
            for entry_id, times_delivered in pending:
                end_if_cancelled()
                await self._finish(stream, entry_id, times_delivered)

    async def _pending(self, stream: str) -> list[tuple[bytes, int]]:
        """Entry ids and how often each changed hands, oldest first."""
        answer: Any = await self._redis.xpending_range(
            stream, self._group, "-", "+", READ_ENTRIES_MAX
        )
        return [(item["message_id"], item["times_delivered"]) for item in answer]

    async def _finish(self, stream: str, entry_id: bytes, times_delivered: int) -> None:
        found: Any = await self._redis.xrange(stream, entry_id, entry_id)
        if not found:
            self._lost(stream, 1)
            await self._redis.xack(stream, self._group, entry_id)
        elif times_delivered > TAKEOVERS_MAX:
            event = read_entry(stream, entry_id, found[0][1], self._clock)
            await self._set_aside(event, "Its members died over it.", times_delivered)
            await self._redis.xack(stream, self._group, entry_id)
        else:
            await self._handle_all(stream, [(entry_id, found[0][1])])

    async def _follow(self, stream: str) -> None:
        loop = asyncio.get_running_loop()
        measure_at = loop.time()
        while True:
            end_if_cancelled()
            if loop.time() >= measure_at:
                await self._measure(stream)
                measure_at = loop.time() + MEASURE_EVERY_S
            answer = await self._redis.xreadgroup(
                self._group, self._member, {stream: ">"}, count=READ_ENTRIES_MAX, block=BLOCK_MS
            )
            await self._handle_all(stream, list(entries_of(answer)))

    async def _handle_all(self, stream: str, entries: list[tuple[bytes, Fields]]) -> None:
        """Handle entries in order; acknowledged together, because each one costs a round trip."""
        handled: list[bytes] = []
        try:
            for entry_id, fields in entries:
                end_if_cancelled()
                await self._handle(stream, entry_id, fields)
                handled.append(entry_id)
        finally:
            if handled:
                await self._redis.xack(stream, self._group, *handled)

    async def _handle(self, stream: str, entry_id: bytes, fields: Fields) -> None:
        event = read_entry(stream, entry_id, fields, self._clock)
        if event.type == UNREADABLE:
            await self._set_aside(event, "This entry of the stream is no event.", 1)
        elif event.only_group in (None, self._group):
            with structlog.contextvars.bound_contextvars(
                correlation_id=event.correlation_id or "", event_id=str(event.id)
            ):
                await self._handle_or_set_aside(event)

    async def _handle_or_set_aside(self, event: Event) -> None:
        attempts = waits = 0
        while error := await self._try(event):
            if is_passing(error):
                waits += 1
                self._count("waited")
            else:
                attempts += 1
                self._count("failed")
            if attempts + waits == 1:
                log.warning(
                    "event_not_handled", group=self._group, type=event.type, error=repr(error)
                )
            if attempts == ATTEMPTS_MAX:
                log.error("event_set_aside", group=self._group, type=event.type, exc_info=error)
                await self._set_aside(event, f"{type(error).__name__}: {error}", attempts)
                return
            await self._sleep(retry_delay_s(attempts + waits, self._draw()))
        self._count("handled")

    async def _try(self, event: Event) -> Exception | None:
        """Run the handler; its failure is a value here, whatever it is."""
        with metrics.HANDLING.labels(self._group).time():
            task = asyncio.ensure_future(self._handler(event))
            try:
                await asyncio.wait({task}, timeout=HANDLER_TIMEOUT_S)
            finally:
                if is_late := not task.done():
                    task.cancel()
                    await asyncio.wait({task})
        if is_late or task.cancelled():
            return HandlerTimeoutError(f"Not done within {HANDLER_TIMEOUT_S:.0f} s.")
        error = task.exception()
        if error is not None and not isinstance(error, Exception):
            raise error
        return error

    async def _set_aside(self, event: Event, reason: str, attempts: int) -> None:
        """Keep the dead letter; while that fails by itself, wait: dropping it is no choice."""
        waits = 0
        while True:
            try:
                await self._dead_letters.keep(self._group, event, reason=reason, attempts=attempts)
            except Exception as error:
                if not is_passing(error):
                    raise
                waits += 1
                await self._sleep(retry_delay_s(waits, self._draw()))
            else:
                self._count("set_aside")
                return

    async def _measure(self, stream: str) -> None:
        seen_s, _ = await self._redis.time()
        await self._redis.hset(GROUPS_SEEN, self._group, str(seen_s))
        length = await self._redis.xlen(stream)
        for group in await self._redis.xinfo_groups(stream):
            if group["name"] == self._group.encode() and group["lag"] is not None:
                metrics.LAG.labels(self._group, stream).set(group["lag"])
                if group["lag"] > length:
                    self._lost(stream, group["lag"] - length)

    def _lost(self, stream: str, count: int) -> None:
        metrics.TRIMMED_UNREAD.labels(self._group).inc(count)
        log.error("events_cut_before_read", group=self._group, stream=stream, count=count)

    def _count(self, outcome: str) -> None:
        metrics.HANDLED.labels(self._group, outcome).inc()


def entries_of(answer: Any) -> Iterator[tuple[bytes, Fields]]:  # noqa: ANN401 -- redis-py's type is a union of three protocols
    """The entries in an answer to XREADGROUP (protocol 3: stream -> batches of entries)."""
    for batches in answer.values():
        for batch in batches:
            yield from batch


def read_entry(stream: str, entry_id: bytes, fields: Fields, clock: Clock) -> Event:
    """The event of an entry; of one that is none, an event of type UNREADABLE with its text."""
    body = fields.get(b"e", b"")
    try:
        return _decoder.decode(body)
    except msgspec.MsgspecError:
        text = body.decode(errors="replace")
        return Event(
            id=uuid5(NAMESPACE_OID, f"{stream} {entry_id.decode()}"),
            topic=stream,
            key=entry_id.decode(),
            type=UNREADABLE,
            at=clock.now(),
            payload=msgspec.Raw(msgspec.json.encode({"text": text})),
        )
