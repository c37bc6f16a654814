"""Who of a group works which partition: leases in Redis that end with their owner.

Members share evenly: each counts the living, takes free partitions up to its share and gives the
surplus back. Every step is one round trip and any number of members may take it at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cloud.kit.redis import Redis

# KEYS: the members' set, then one key a lease. ARGV: member, lease ms.
# Returns how many members live, and for each lease: 1 ours (renewed), 0 free, -1 another's.
_RENEW: Final = """
local now = redis.call('TIME')
local now_ms = now[1] * 1000 + math.floor(now[2] / 1000)
redis.call('ZADD', KEYS[1], now_ms + ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now_ms)
redis.call('PEXPIRE', KEYS[1], ARGV[2] * 2)
local result = {redis.call('ZCARD', KEYS[1])}
for i = 2, #KEYS do
  local owner = redis.call('GET', KEYS[i])
  if owner == ARGV[1] then
    redis.call('PEXPIRE', KEYS[i], ARGV[2])
    result[i] = 1
  else
    result[i] = owner and -1 or 0
  end
end
return result
"""
_RELEASE: Final = """
for i = 2, #KEYS do
  if redis.call('GET', KEYS[i]) == ARGV[1] then redis.call('DEL', KEYS[i]) end
end
if ARGV[2] == 'leave' then redis.call('ZREM', KEYS[1], ARGV[1]) end
return 1
"""


@dataclass(frozen=True)
class Holding:
    """What this member should do now.

    held: leases it has, renewed.
    surplus: some of `held`, more than its share: stop their work, then release them.
    """

    held: frozenset[str]
    surplus: frozenset[str]


class Leases:
    """One member's view of the leases of one group."""

    def __init__(
        self, *, redis: Redis, prefix: str, member: str, streams: Sequence[str], lease_ms: int
    ) -> None:
        self._redis = redis
        self._prefix = prefix
        self._member = member
        self._streams = list(streams)
        self._lease_ms = lease_ms
        self._renew = redis.register_script(_RENEW)
        self._release = redis.register_script(_RELEASE)

    async def settle(self) -> Holding:
        """Renew what is ours, take what is free up to our share."""
        members, *owners = await self._renew(
            keys=self._keys(self._streams), args=[self._member, self._lease_ms]
        )
        share = -(-len(self._streams) // members)
        held = [s for s, owner in zip(self._streams, owners, strict=True) if owner == 1]
        for stream, owner in zip(self._streams, owners, strict=True):
            if owner == 0 and len(held) < share and await self._take(stream):
                held.append(stream)
        return Holding(frozenset(held), frozenset(held[share:]))

    async def release(self, streams: Sequence[str], *, leave: bool = False) -> None:
        """Give leases back at once; `leave` also stops counting this member among the living."""
        await self._release(
            keys=self._keys(streams), args=[self._member, "leave" if leave else "stay"]
        )

    async def _take(self, stream: str) -> bool:
        key = self._prefix + stream
        return bool(await self._redis.set(key, self._member, nx=True, px=self._lease_ms))

    def _keys(self, streams: Sequence[str]) -> list[str]:
        return [self._prefix + "members", *(self._prefix + stream for stream in streams)]
