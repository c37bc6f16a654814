"""How often something may be tried, counted in Redis so that all processes count together.

`limits` counts with Lua scripts, so two processes cannot both take the last place.
"""

import contextlib
from typing import Final

from limits import RateLimitItemPerSecond
from limits.aio.storage import RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from redis.asyncio import Redis
from redis.exceptions import RedisError

from cloud.kit.errors import RateLimitedError, UnavailableError

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
            UnavailableError: it cannot be counted.
        """
        item = RateLimitItemPerSecond(tries, window_s)
        try:
            is_free = await self._limiter.hit(item, what, who)
        except (OSError, RedisError) as error:
            # Without the count a password could be guessed without end.
            raise UnavailableError("Tries cannot be counted now; try again soon.") from error
        if is_free:
            return
        raise RateLimitedError(
            f"Too many tries; at most {tries} in {window_s} seconds. Wait a little.",
            retry_after_s=window_s,
        )

    async def forget(self, what: str, who: str, *, tries: int, window_s: int) -> None:
        """Start the count anew, after a success; same figures as in `take`."""
        # If Redis is gone by now, the count only stays as it is, until its window ends.
        with contextlib.suppress(OSError, RedisError):
            await self._limiter.clear(RateLimitItemPerSecond(tries, window_s), what, who)
