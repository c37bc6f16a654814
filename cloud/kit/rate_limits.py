"""How often something may be tried, counted in Redis so that all processes count together.

`limits` counts with Lua scripts, so two processes cannot both take the last place.
"""

from typing import Final

from limits import RateLimitItemPerSecond
from limits.aio.storage import RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from redis.asyncio import Redis

from cloud.kit.errors import RateLimitedError

_PREFIX: Final = "curb:limits"


class RateLimits:
    """Sliding windows over the process's Redis connections."""

    def __init__(self, redis: Redis) -> None:
        storage = RedisStorage(
            "async+redis://",
            implementation="redispy",
            key_prefix=_PREFIX,
            connection_pool=redis.connection_pool,  # type: ignore[arg-type] # passed on to redis-py
        )
        self._limiter = SlidingWindowCounterRateLimiter(storage)

    async def take(self, what: str, who: str, *, tries: int, window_s: int) -> None:
        """Count one try of `what` by `who`.

        Raises:
            RateLimitedError: there were `tries` in the last `window_s` seconds already.
        """
        item = RateLimitItemPerSecond(tries, window_s)
        if await self._limiter.hit(item, what, who):
            return
        raise RateLimitedError(
            f"Too many tries; at most {tries} in {window_s} seconds. Wait a little.",
            retry_after_s=window_s,
        )

    async def forget(self, what: str, who: str, *, tries: int, window_s: int) -> None:
        """Start the count anew, after a success; same figures as in `take`."""
        await self._limiter.clear(RateLimitItemPerSecond(tries, window_s), what, who)
