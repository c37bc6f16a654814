"""How a fact is told: a row in the same transaction, so there is never one without the other."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

import asyncpg
import msgspec
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy.orm import Session

from cloud.events.cancelled import end_if_cancelled
from cloud.events.event import Event
from cloud.events.tables import OutboxRow
from cloud.kit.clock import Clock
from cloud.kit.database import AsyncSession
from cloud.kit.ids import Ids
from cloud.kit.logs import correlation_id
from cloud.kit.redis import Redis, RedisError

WAKE_CHANNEL: Final = "curb:outbox:wake"
TELL_EVERY_S: Final = 0.02
"""The exchange commits hundreds of times a second, and a message costs as much as an order."""

_INSERT: Final = """
INSERT INTO outbox (event_id, topic, key, type, payload, at, only_group, correlation_id)
SELECT * FROM unnest(
    $1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[],
    $7::text[], $8::text[]
)
"""


class Wakeup:
    """Tells the relay, wherever it runs, that committed rows wait: so nobody waits for a poll.

    NOTIFY would do the same, but it makes PostgreSQL commit one transaction at a time, sync
    included. A lost wake-up costs one poll period of the relay, nothing else.
    """

    def __init__(
        self, redis: Redis, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._redis = redis
        self._sleep = sleep
        self._waiting = asyncio.Event()
        self._is_telling = False
        self._tell_again = False
        self._tasks: set[asyncio.Task[None]] = set()
        self.is_relay_here = False
        """Set by the relay while it leads in this process: then no message has to leave it."""

    def notify(self) -> None:
        """Rows were committed. Cheap, never blocks, never fails; call it from the event loop."""
        self._waiting.set()
        if self.is_relay_here:
            return
        self._tell_again = True
        if not self._is_telling:
            self._is_telling = True
            task = asyncio.get_running_loop().create_task(self._tell(), name="outbox-wake")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def wake(self) -> None:
        """The message of another process has come."""
        self._waiting.set()

    async def wait(self, timeout_s: float) -> None:
        """Return when rows may wait, or after so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._waiting.wait()
        self._waiting.clear()

    async def _tell(self) -> None:
        # The first is told at once. However many transactions commit in the time after it, one
        # message follows.
        try:
            while self._tell_again:
                end_if_cancelled()
                self._tell_again = False
                with contextlib.suppress(RedisError, OSError):
                    await self._redis.publish(WAKE_CHANNEL, b"")
                await self._sleep(TELL_EVERY_S)
        finally:
            self._is_telling = False


class Outbox:
    """Where services say what happened. Nothing is published unless their transaction commits."""

    def __init__(self, *, ids: Ids, clock: Clock, wakeup: Wakeup) -> None:
        self._ids = ids
        self._clock = clock
        self.wakeup = wakeup

    def event(self, topic: str, key: str, type: str, payload: object) -> Event:  # noqa: A002 -- the column's name
        """A new event of this instant. `payload` is anything msgspec writes as a JSON object."""
        return Event(
            id=self._ids.new(),
            topic=topic,
            key=key,
            type=type,
            at=self._clock.now(),
            payload=msgspec.Raw(msgspec.json.encode(payload)),
            correlation_id=correlation_id() or None,
        )

    def add(self, session: AsyncSession, *events: Event) -> None:
        """Write the events with whatever else this session commits; in this order."""
        if session.in_nested_transaction():
            # They go with the savepoint if that is rolled back.
            for event in events:
                session.add(to_row(event))
        else:
            session.info.setdefault(_TOLD, []).extend(events)
        if not session.info.get(_HOOKED):
            session.info[_HOOKED] = True
            sqlalchemy_event.listen(session.sync_session, "before_commit", _write)
            sqlalchemy_event.listen(session.sync_session, "after_rollback", _forget)
            sqlalchemy_event.listen(session.sync_session, "after_commit", _hook(self.wakeup))

    async def add_many(
        self, connection: "asyncpg.Connection[Any]", events: Iterable[Event]
    ) -> None:
        """The same for a transaction on a bare connection; call `committed` after its commit."""
        # No OutboxRow: making one costs 0.3 ms, and devices send thousands of events a second.
        told = list(events)
        if not told:
            return
        await connection.execute(_INSERT, *_columns(told))

    def committed(self) -> None:
        """Say that a transaction with `add_many` has been committed."""
        self.wakeup.notify()


_HOOKED: Final = "curb_outbox_hooked"
_TOLD: Final = "curb_outbox_told"


def _columns(told: list[Event]) -> tuple[list[Any], ...]:
    return (
        [event.id for event in told],
        [event.topic for event in told],
        [event.key for event in told],
        [event.type for event in told],
        [bytes(event.payload).decode() for event in told],
        [event.at for event in told],
        [event.only_group for event in told],
        [event.correlation_id for event in told],
    )


def _write(session: Session) -> None:
    """All events of the transaction in one statement, right before its commit."""
    told = session.info.pop(_TOLD, None)
    if told:
        session.connection().exec_driver_sql(_INSERT, _columns(told))


def _forget(session: Session) -> None:
    session.info.pop(_TOLD, None)


def _hook(wakeup: Wakeup) -> Callable[[Session], None]:
    def after_commit(session: Session) -> None:
        wakeup.notify()

    return after_commit


def to_row(event: Event) -> OutboxRow:
    """The row of an event that waits to be published."""
    return OutboxRow(
        event_id=event.id,
        topic=event.topic,
        key=event.key,
        type=event.type,
        payload=bytes(event.payload).decode(),
        at=event.at,
        only_group=event.only_group,
        correlation_id=event.correlation_id,
    )
