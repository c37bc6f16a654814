"""Takes committed outbox rows to the event stream, in order, at least once, within milliseconds.

Ids are drawn before their transactions commit, so a lower id may appear after a higher one. The
relay therefore keeps no position: it publishes whatever rows are still unmarked, lowest id first,
and marks exactly those. A late row is simply found by the next look. (Waiting until all older
transactions have ended would keep strict id order, but one long report would then stop every
event.) Two facts about one aggregate are in order because their transactions wait for each other
on the aggregate's row.

One relay leads, holding an advisory lock; the others wait for it in the database. A leader that
dies between publishing and marking publishes again: consumers know events by their id.

Rows stay for a while after they are published. When the stream's store comes back from a restart
or a fail-over it may have forgotten the last of them; it says which batch it remembers, and what
came after goes out again.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

import asyncpg
import msgspec
import structlog

from cloud.events import metrics
from cloud.events.bus import Bus, IncarnationChangedError
from cloud.events.cancelled import end_if_cancelled
from cloud.events.event import Event
from cloud.events.outbox import WAKE_CHANNEL, Wakeup
from cloud.events.retry import is_passing, retry_delay_s
from cloud.kit.database import Database
from cloud.kit.outages import ASYNCPG_ERRORS
from cloud.kit.redis import Redis, RedisError

log = structlog.get_logger()

RELAY_LOCK: Final = 0x6F757462
"""Key of the advisory lock; any constant that nothing else uses."""
BATCH_EVENTS_MAX: Final = 500
POLL_S: Final = 0.1
FULL_TOPIC_WAITS_S: Final = 1.0
LISTEN_S: Final = 1.0
STANDING_CHECK_S: Final = 2.0
PURGE_EVERY_S: Final = 1.0
PURGE_ROWS_MAX: Final = 2_000
KEPT_MINUTES: Final = 30

_FETCH: Final = """
SELECT id, event_id, topic, key, type, payload, at, only_group, correlation_id,
       extract(epoch FROM clock_timestamp() - written_at)::float8 AS age_s
FROM outbox WHERE batch IS NULL AND topic <> ALL($2) ORDER BY id LIMIT $1
"""
_MARK: Final = (
    "UPDATE outbox SET batch = $2, published_at = clock_timestamp() WHERE id = ANY($1::bigint[])"
)
_UNMARK: Final = "UPDATE outbox SET batch = NULL, published_at = NULL WHERE batch > $1"
_REMEMBER: Final = """
INSERT INTO outbox_stream (incarnation) VALUES ($1)
ON CONFLICT (is_the_row) DO UPDATE SET incarnation = excluded.incarnation
"""
_PURGE: Final = """
DELETE FROM outbox WHERE id IN (
    SELECT id FROM outbox
    WHERE published_at < clock_timestamp() - make_interval(mins => $1) LIMIT $2
)
"""

Sleep = Callable[[float], Awaitable[None]]
Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[Any]"


class Relay:
    """The relay of one process; `run` stands by until it may lead.

    draw: uniform in [0, 1), spreads the retries of several relays.
    """

    def __init__(
        self,
        *,
        database: Database,
        redis: Redis,
        bus: Bus,
        wakeup: Wakeup,
        draw: Callable[[], float],
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._database = database
        self._redis = redis
        self._bus = bus
        self._wakeup = wakeup
        self._draw = draw
        self._sleep = sleep
        self._incarnation = ""
        self._failures = 0
        self._full: dict[str, float] = {}
        self._check_at = self._purge_at = 0.0

    async def run(self) -> None:
        """Lead whenever the lock is free, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen(), name="relay-listen")
            tasks.create_task(self._lead_for_ever(), name="relay-lead")

    async def _lead_for_ever(self) -> None:
        while True:
            try:
                async with self._database.pool.acquire() as connection:
                    await self._lead(connection)
            except (OSError, RedisError, *ASYNCPG_ERRORS) as error:
                if not is_passing(error):
                    raise
                self._failures += 1
                if self._failures == 1:
                    log.warning("relay_interrupted", error=repr(error))
            await self._sleep(retry_delay_s(max(1, self._failures), self._draw()))

    async def _lead(self, connection: Connection) -> None:
        """Hold the lock and relay until something fails; the pool's reset gives the lock back."""
        await connection.execute("SET statement_timeout = 0")
        await connection.execute("SELECT pg_advisory_lock($1)", RELAY_LOCK)
        await connection.execute("SET statement_timeout = '15s'")
        # Losing marks in a crash of PostgreSQL only repeats events, so do not wait for the disk.
        await connection.execute("SET synchronous_commit = off")
        self._incarnation = await connection.fetchval("SELECT incarnation FROM outbox_stream") or ""
        try:
            await self._check_store(connection)
            self._wakeup.is_relay_here = True
            metrics.IS_LEADING.set(1)
            log.info("relay_leads", after_failures=self._failures)
            self._failures = 0
            await self._relay_for_ever(connection)
        finally:
            self._wakeup.is_relay_here = False
            metrics.IS_LEADING.set(0)

    async def _relay_for_ever(self, connection: Connection) -> None:
        while True:
            end_if_cancelled()
            try:
                if not await self._relay_once(connection):
                    await self._wakeup.wait(POLL_S)
                await self._do_chores(connection)
            except IncarnationChangedError:
                await self._check_store(connection)

    async def _relay_once(self, connection: Connection) -> int:
        """Publish one batch of what waits; returns how many rows it had."""
        now_s = asyncio.get_running_loop().time()
        self._full = {topic: until_s for topic, until_s in self._full.items() if until_s > now_s}
        rows = await connection.fetch(_FETCH, BATCH_EVENTS_MAX, list(self._full))
        metrics.WAITING_AGE.set(rows[0]["age_s"] if rows else 0)
        if not rows:
            return 0
        batch = await connection.fetchval("SELECT nextval('outbox_batch_seq')")
        left = await self._bus.publish(
            [_event(row) for row in rows], batch=batch, incarnation=self._incarnation
        )
        if left:
            # Their whole topic waits a while, so that the others are not held up by them.
            left = frozenset(left)
            held_up = {row["topic"] for row in rows if row["event_id"] in left}
            log.error("events_wait_for_a_group", topics=sorted(held_up), hint="see its lag")
            self._full |= dict.fromkeys(held_up, now_s + FULL_TOPIC_WAITS_S)
            rows = [row for row in rows if row["event_id"] not in left]
        await connection.execute(_MARK, [row["id"] for row in rows], batch)
        for topic, count in Counter(row["topic"] for row in rows).items():
            metrics.PUBLISHED.labels(topic).inc(count)
        return len(rows)

    async def _do_chores(self, connection: Connection) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._check_at:
            await self._check_store(connection)
            self._check_at = now + STANDING_CHECK_S
        if now >= self._purge_at:
            done = await connection.execute(_PURGE, KEPT_MINUTES, PURGE_ROWS_MAX)
            is_more = done == f"DELETE {PURGE_ROWS_MAX}"
            self._purge_at = now if is_more else now + PURGE_EVERY_S

    async def _check_store(self, connection: Connection) -> None:
        """If the stream's store has restarted, let what it forgot wait again."""
        standing = await self._bus.standing()
        if standing.incarnation == self._incarnation:
            return
        done = await connection.execute(_UNMARK, standing.batch or 0)
        await connection.execute(_REMEMBER, standing.incarnation)
        self._incarnation = standing.incarnation
        count = int(done.removeprefix("UPDATE "))
        metrics.REPUBLISHED.inc(count)
        log.info("event_stream_is_new", remembers_batch=standing.batch, publish_again=count)

    async def _listen(self) -> None:
        """Pass wake-ups of other processes on; a lost one is made up for by the poll."""
        failures = 0
        while True:
            try:
                async with self._redis.pubsub(ignore_subscribe_messages=True) as channel:
                    await channel.subscribe(WAKE_CHANNEL)
                    failures = 0
                    while True:
                        end_if_cancelled()
                        await channel.get_message(timeout=LISTEN_S)
                        self._wakeup.wake()
            except (RedisError, OSError):
                failures += 1
                await self._sleep(retry_delay_s(failures, self._draw()))


def _event(row: "asyncpg.Record") -> Event:
    return Event(
        id=row["event_id"],
        topic=row["topic"],
        key=row["key"],
        type=row["type"],
        at=row["at"],
        payload=msgspec.Raw(row["payload"].encode()),
        only_group=row["only_group"],
        correlation_id=row["correlation_id"],
    )
