"""The event stream of one process: what features write to, and what they subscribe to."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from cloud.events.bus import Bus
from cloud.events.dead_letters import DeadLetters, forget_old
from cloud.events.outbox import Outbox, Wakeup
from cloud.events.redis_streams import RedisStreamsBus
from cloud.events.relay import Relay
from cloud.kit.feature import Feature, Kit, NamedTask, ProcessRole
from cloud.kit.redis import Redis, redis_client

FORGET_EVERY_S: Final = 3_600.0


@dataclass(frozen=True)
class Events:
    """What higher features are given.

    outbox: say what happened, in the transaction of the fact.
    bus: subscribe a group before the tasks start.
    """

    outbox: Outbox
    bus: Bus
    dead_letters: DeadLetters


def wire(kit: Kit, *, member: str | None = None) -> tuple[Feature, Events]:
    """Build it. The relay stands by in every process with its role."""
    stream_redis = redis_client(kit.settings.events_url)
    stream_redis.set_retry(Retry(NoBackoff(), 0))
    wakeup = Wakeup(kit.redis)
    outbox = Outbox(ids=kit.ids, clock=kit.clock, wakeup=wakeup)
    dead_letters = DeadLetters(kit.database, kit.clock, outbox)
    draw = random.SystemRandom().random
    bus = RedisStreamsBus(
        redis=stream_redis,
        dead_letters=dead_letters,
        clock=kit.clock,
        member=member or str(kit.ids.new()),
        draw=draw,
    )
    relay = Relay(database=kit.database, redis=kit.redis, bus=bus, wakeup=wakeup, draw=draw)
    feature = Feature(
        "events",
        resources=(lambda: _closing(stream_redis),),
        tasks=(
            NamedTask("outbox-relay", ProcessRole.RELAY, relay.run),
            NamedTask("forget-events", ProcessRole.RELAY, _forgetting(kit)),
            NamedTask("event-groups", ProcessRole.PARKING, bus.run),
        ),
    )
    return feature, Events(outbox, bus, dead_letters)


def _forgetting(kit: Kit) -> Callable[[], Awaitable[None]]:
    async def forget_for_ever() -> None:
        while True:
            async with kit.database.session() as session:
                await forget_old(session)
            await asyncio.sleep(FORGET_EVERY_S)

    return forget_for_ever


@asynccontextmanager
async def _closing(redis: Redis) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await redis.aclose()
