"""Redis (or Valkey): cache, counters and fan-out; never the only place where a fact is kept."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import RedisError

from cloud.kit.settings import Settings

__all__ = ["Redis", "RedisError", "is_redis_ready", "open_redis"]

CONNECT_TIMEOUT_S: Final = 2.0
ANSWER_TIMEOUT_S: Final = 5.0
HEALTH_CHECK_S: Final = 15


@asynccontextmanager
async def open_redis(settings: Settings) -> AsyncIterator[Redis]:
    """A client whose answers are bytes; closed when the block ends.

    Blocking reads (XREADGROUP, pub/sub) longer than ANSWER_TIMEOUT_S need a client of their own.
    """
    client = redis_client(settings.redis_url)
    try:
        yield client
    finally:
        await client.aclose()


def redis_client(url: str, *, answer_timeout_s: float = ANSWER_TIMEOUT_S) -> Redis:
    """A client with every default that matters set; the caller closes it with `aclose()`."""
    return Redis.from_url(
        url,
        protocol=3,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        socket_timeout=answer_timeout_s,
        socket_keepalive=not url.startswith("unix:"),
        health_check_interval=HEALTH_CHECK_S,
        retry=Retry(ExponentialWithJitterBackoff(base=0.05, cap=0.5), retries=3),
        max_connections=200,
    )


async def is_redis_ready(client: Redis) -> bool:
    """Whether it answers within two seconds."""
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            await client.ping()
    except (OSError, TimeoutError, RedisError):
        return False
    return True
