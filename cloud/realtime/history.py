"""A room's history in Redis: where its events get their numbers, and where late readers find them.

Number, history and announcement are one atomic step, so every process hears every number once and
in order. A place in the history is (epoch, seq). The epoch changes whenever Redis may have
forgotten something: when it has restarted or failed over (another run id) or lost the room's keys.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cloud.kit.redis import Redis

HISTORY_EVENTS_MAX: Final = 1_000
RESUME_EVENTS_MAX: Final = 500
"""Who missed more gets a snapshot: it is smaller."""
ROOM_KEPT_S: Final = 86_400
"""A room nobody has published to for so long starts a new epoch."""

# KEYS: meta, log, seen. Sets `epoch`, making a new one if there is none of this run of the server.
_EPOCH: Final = """
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local known = redis.call('HMGET', KEYS[1], 'epoch', 'run', 'seq')
local epoch, seq = known[1], tonumber(known[3])
if not epoch or known[2] ~= run then
  local now = redis.call('TIME')
  epoch = string.format('%x-%x-%s', now[1], now[2], string.sub(run, 1, 6))
  seq = 0
  redis.call('DEL', KEYS[2], KEYS[3])
  redis.call('HSET', KEYS[1], 'epoch', epoch, 'run', run, 'seq', 0)
end
for i = 1, 3 do redis.call('EXPIRE', KEYS[i], ARGV[1]) end
"""
_APPEND: Final = (
    _EPOCH
    + """
local key, length, channel = ARGV[2], ARGV[3], ARGV[4]
if key ~= '' then
  if redis.call('ZADD', KEYS[3], 'NX', seq + 1, key) == 0 then return seq end
  redis.call('ZREMRANGEBYRANK', KEYS[3], 0, -1 - length)
end
seq = redis.call('HINCRBY', KEYS[1], 'seq', 1)
local number = string.format('%d', seq)
local frame = ARGV[5] .. number .. ARGV[6]
redis.call('XADD', KEYS[2], 'MAXLEN', '~', length, number .. '-0', 'f', frame)
redis.call('PUBLISH', channel, epoch .. ' ' .. number .. ' ' .. frame)
for i = 2, 3 do redis.call('EXPIRE', KEYS[i], ARGV[1]) end
return seq
"""
)
_READ: Final = (
    _EPOCH
    + """
local after, limit = tonumber(ARGV[3]), tonumber(ARGV[4])
if ARGV[2] ~= epoch or after > seq or seq - after > limit then return {epoch, seq} end
local frames = {}
for _, entry in ipairs(redis.call('XRANGE', KEYS[2], string.format('(%d-0', after), '+')) do
  frames[#frames + 1] = entry[2][2]
end
if #frames ~= seq - after then return {epoch, seq} end
return {epoch, seq, frames}
"""
)


@dataclass(frozen=True)
class Reading:
    """Where a room stands, and what happened after the place asked about.

    frames: finished frames, the last is number `seq`; None if that place is unknown or too far.
    """

    epoch: str
    seq: int
    frames: Sequence[str] | None


class RoomHistory:
    """The histories of all rooms."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._append = redis.register_script(_APPEND)
        self._read = redis.register_script(_READ)

    async def append(self, room: str, parts: tuple[bytes, bytes], *, key: str) -> int:
        """Number an event, keep it, and announce it to every process; gives the room's last number.

        parts: of protocols.realtime.event_frame_parts.
        key: an event with a key the room has had lately (a repetition) is dropped; "" never is.
        """
        arguments: list[bytes | str | int | float] = [
            ROOM_KEPT_S,
            key,
            HISTORY_EVENTS_MAX,
            channel_of(room),
        ]
        arguments += parts
        return int(await self._append(keys=_keys(room), args=arguments))

    async def read(self, room: str, *, epoch: str = "", after: int = 0) -> Reading:
        """Everything after that place, or just where the room stands now."""
        answer = await self._read(
            keys=_keys(room), args=[ROOM_KEPT_S, epoch, after, RESUME_EVENTS_MAX]
        )
        frames = [frame.decode() for frame in answer[2]] if len(answer) > 2 else None
        return Reading(answer[0].decode(), int(answer[1]), frames)

    async def places(self, rooms: Sequence[str]) -> list[tuple[str, int]]:
        """(epoch, seq) of each room; ("", 0) of one that has none."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for room in rooms:
                pipe.hmget(_keys(room)[0], ["epoch", "seq"])
            found = await pipe.execute()
        return [((epoch or b"").decode(), int(seq or 0)) for epoch, seq in found]


def channel_of(room: str) -> str:
    """Where a room's events are announced."""
    return f"curb:room:{room}"


def _keys(room: str) -> list[str]:
    # The braces keep a room's keys on one node of a cluster.
    return [f"curb:room:{{{room}}}:{part}" for part in ("meta", "log", "seen")]
