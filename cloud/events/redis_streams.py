"""The event stream on Redis Streams: each topic in partitions, each partition in order.

An event's key chooses its partition, and a partition is worked by one member of a group at a time
(`leases`), so that events of one aggregate are handled in order although many processes share the
work. Redis itself would hand neighbouring entries of one stream to different members.
"""

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import msgspec

from cloud.events.bus import IncarnationChangedError, Standing
from cloud.events.consumer import GroupConsumer
from cloud.events.dead_letters import DeadLetters
from cloud.events.event import Event, Handler
from cloud.events.leases import Leases
from cloud.events.partition import GROUPS_SEEN, PartitionWorker
from cloud.kit.clock import Clock
from cloud.kit.redis import Redis

PARTITIONS: Final = 4
"""A topic's partitions. Changing it moves keys to other partitions: stop the relay, let every
group reach the end, then change it everywhere."""
STREAM_LENGTH_MAX: Final = 100_000
"""Entries a partition keeps (about). When a group is four fifths as far behind, more events wait in
the outbox, on disk, until it has caught up: cutting them off unread would lose them."""
GROUP_FORGOTTEN_S: Final = 7 * 86_400
"""A group nobody has worked for for a week is given up: nothing waits for it any more."""

# All keys of the event stream share one hash tag: a script may then touch them together.
_PREFIX: Final = "curb:{events}:"
_GENERATION: Final = _PREFIX + "generation"
_BATCH: Final = _PREFIX + "batch"

_INCARNATION: Final = """
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local generation = redis.call('GET', KEYS[1])
"""
# The generation makes an emptied store a new one too.
_STANDING: Final = (
    _INCARNATION
    + """
if not generation then
  local now = redis.call('TIME')
  generation = now[1] .. '.' .. now[2]
  redis.call('SET', KEYS[1], generation)
end
return {run .. '/' .. generation, redis.call('GET', KEYS[2])}
"""
)
_PUBLISH: Final = (
    _INCARNATION
    + """
if not generation or run .. '/' .. generation ~= ARGV[1] then return false end
-- A fifth is kept free for this batch, and for what groups were given but have not done.
local longest, now_s, full, is_full = tonumber(ARGV[3]), tonumber(redis.call('TIME')[1]), {}, {}
local enough = longest * 0.8
for k = 4, #KEYS do
  if redis.call('XLEN', KEYS[k]) >= enough then
    for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[k])) do
      local field = {}
      for f = 1, #group, 2 do field[group[f]] = group[f + 1] end
      local seen_s = tonumber(redis.call('HGET', KEYS[3], field['name']) or 0)
      if (tonumber(field['lag']) or 0) >= enough and now_s - seen_s < tonumber(ARGV[4]) then
        is_full[k - 3] = true
      end
    end
    if is_full[k - 3] then full[#full + 1] = k - 3 end
  end
end
for i = 5, #ARGV, 2 do
  local k = tonumber(ARGV[i])
  if not is_full[k] then
    redis.call('XADD', KEYS[3 + k], 'MAXLEN', '~', longest, '*', 'e', ARGV[i + 1])
  end
end
redis.call('SET', KEYS[2], ARGV[2])
return full
"""
)

_encoder: Final = msgspec.json.Encoder()


@dataclass(frozen=True)
class Subscription:
    """Which streams a group reads, and what is called for every event."""

    group: str
    handler: Handler
    streams: tuple[str, ...]


class RedisStreamsBus:
    """See `cloud.events.bus.Bus`.

    redis: a client that does not retry by itself (see `partition`).
    member: this process's name among its peers; nobody else's, ever.
    """

    def __init__(
        self,
        *,
        redis: Redis,
        dead_letters: DeadLetters,
        clock: Clock,
        member: str,
        draw: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        partitions: int = PARTITIONS,
        stream_length_max: int = STREAM_LENGTH_MAX,
        lease_ms: int = 6_000,
    ) -> None:
        self._redis = redis
        self._dead_letters = dead_letters
        self._clock = clock
        self._member = member
        self._draw = draw
        self._sleep = sleep
        self._partitions = partitions
        self._stream_length_max = stream_length_max
        self._lease_ms = lease_ms
        self._subscriptions: dict[str, Subscription] = {}
        self._publish_script = redis.register_script(_PUBLISH)
        self._standing_script = redis.register_script(_STANDING)

    async def publish(
        self, events: Sequence[Event], *, batch: int, incarnation: str
    ) -> Collection[UUID]:
        """See Bus; one atomic step."""
        names = [stream_name(event.topic, event.key, self._partitions) for event in events]
        streams = list(dict.fromkeys(names))
        position = {name: str(index + 1) for index, name in enumerate(streams)}
        arguments: list[str | bytes | int] = [
            incarnation,
            batch,
            self._stream_length_max,
            GROUP_FORGOTTEN_S,
        ]
        for name, event in zip(names, events, strict=True):
            arguments += (position[name], _encoder.encode(event))
        full = await self._publish_script(
            keys=[_GENERATION, _BATCH, GROUPS_SEEN, *streams], args=arguments
        )
        if full is None:
            raise IncarnationChangedError
        full_streams = {streams[index - 1] for index in full}
        return [e.id for e, name in zip(events, names, strict=True) if name in full_streams]

    async def standing(self) -> Standing:
        """See Bus."""
        incarnation, batch = await self._standing_script(keys=[_GENERATION, _BATCH])
        return Standing(incarnation.decode(), None if batch is None else int(batch))

    def subscribe(self, group: str, handler: Handler, *, topics: Collection[str]) -> None:
        """See Bus.

        Raises:
            ValueError: the group has a handler already, or no topic.
        """
        if group in self._subscriptions or not topics:
            raise ValueError(f"The group {group} needs topics, and one handler only.")
        streams = tuple(
            f"{_PREFIX}{topic}:{n}" for topic in sorted(topics) for n in range(self._partitions)
        )
        self._subscriptions[group] = Subscription(group, handler, streams)

    async def run(self) -> None:
        """See Bus."""
        async with asyncio.TaskGroup() as tasks:
            for subscription in self._subscriptions.values():
                consumer = self._consumer(subscription)
                tasks.create_task(consumer.run(), name=f"events-{subscription.group}")

    def _consumer(self, subscription: Subscription) -> GroupConsumer:
        worker = PartitionWorker(
            redis=self._redis,
            group=subscription.group,
            member=self._member,
            handler=subscription.handler,
            dead_letters=self._dead_letters,
            clock=self._clock,
            draw=self._draw,
            sleep=self._sleep,
        )
        leases = Leases(
            redis=self._redis,
            prefix=f"{_PREFIX}leases:{subscription.group}:",
            member=self._member,
            streams=subscription.streams,
            lease_ms=self._lease_ms,
        )
        return GroupConsumer(
            group=subscription.group,
            leases=leases,
            lease_s=self._lease_ms / 1000,
            work=worker.work,
            draw=self._draw,
            sleep=self._sleep,
        )


def stream_name(topic: str, key: str, partitions: int) -> str:
    """The stream an event belongs to; the same in every process and version (CRC-32 of the key)."""
    return f"{_PREFIX}{topic}:{zlib.crc32(key.encode()) % partitions}"
