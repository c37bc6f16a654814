"""A database and a Valkey with the event stream on them, without the rest of the cloud."""

import asyncio
import contextlib
import itertools
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from cloud.events.dead_letters import DeadLetters
from cloud.events.event import Event, Handler
from cloud.events.outbox import Outbox, Wakeup
from cloud.events.redis_streams import RedisStreamsBus
from cloud.events.relay import Relay
from cloud.kit.clock import SystemClock
from cloud.kit.database import Database, open_database
from cloud.kit.ids import TimeOrderedIds
from cloud.kit.redis import Redis, redis_client
from cloud.kit.settings import Settings


@dataclass
class Stage:
    """Everything a test of events may start and stop; one object, its parts real."""

    settings: Settings
    database: Database
    redis: Redis
    members: itertools.count = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.clock = SystemClock()
        self.ids = TimeOrderedIds(self.clock)
        self.wakeup = Wakeup(self.redis)
        self.outbox = Outbox(ids=self.ids, clock=self.clock, wakeup=self.wakeup)
        self.dead_letters = DeadLetters(self.database, self.clock, self.outbox)
        self.draw = random.Random(7).random
        self.streams = redis_client(self.settings.redis_url)
        self.streams.set_retry(Retry(NoBackoff(), 0))

    def bus(self, group: str = "", handler: Handler | None = None, **options) -> RedisStreamsBus:
        bus = RedisStreamsBus(
            redis=self.streams,
            dead_letters=self.dead_letters,
            clock=self.clock,
            member=f"member-{next(self.members)}",
            draw=self.draw,
            sleep=shorter_sleep,
            lease_ms=600,
            **options,
        )
        if handler is not None:
            bus.subscribe(group, handler, topics=["parking"])
        return bus

    def relay(self, bus: RedisStreamsBus | None = None) -> Relay:
        return Relay(
            database=self.database,
            redis=self.redis,
            bus=bus or self.bus(),
            wakeup=self.wakeup,
            draw=self.draw,
        )

    async def tell(self, *numbers: int, key: str = "lot:elm") -> list[Event]:
        """Commit one event for each number, each in its own transaction."""
        events = [self.outbox.event("parking", key, "numbered", {"n": n}) for n in numbers]
        for event in events:
            async with self.database.session() as session:
                self.outbox.add(session, event)
        return events


async def shorter_sleep(delay_s: float) -> None:
    """Retries of a test need not wait for seconds."""
    await asyncio.sleep(min(delay_s, 0.05))


@contextlib.asynccontextmanager
async def running(*jobs) -> AsyncIterator[None]:
    """Tasks that run while the block does; a failure of one ends the block with it."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(job) for job in jobs]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


async def eventually(is_so: Callable[[], object], within_s: float = 20.0) -> None:
    """Wait for a condition that real programs bring about; fails when they do not."""
    async with asyncio.timeout(within_s):
        while not is_so():  # noqa: ASYNC110 -- another program brings it about
            await asyncio.sleep(0.005)


async def eventually_counted(stage: Stage, is_so: str) -> None:
    """The same for a condition the database knows."""
    async with asyncio.timeout(20):
        while not await stage.database.pool.fetchval(is_so):  # noqa: ASYNC110 -- another program's doing
            await asyncio.sleep(0.01)


@pytest.fixture
async def stage(database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    settings = Settings(database_url=database_url, redis_url=redis_url, data_dir=tmp_path)
    redis = redis_client(redis_url)
    async with open_database(settings) as database:
        made = Stage(settings, database, redis)
        try:
            yield made
        finally:
            await made.streams.aclose()
            await redis.aclose()
