"""Tells the process that holds the broker link that something waits in the database for a site.

What waits is always in the database: a lost wake-up costs one poll period, nothing else. NOTIFY
would make PostgreSQL commit one transaction at a time, so it is Redis that carries the word.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from enum import StrEnum
from typing import Final

import structlog
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy.orm import Session

from cloud.events.cancelled import end_if_cancelled
from cloud.kit.database import AsyncSession
from cloud.kit.redis import Redis, RedisError

CHANNEL: Final = "curb:devices:wake"
_RECONNECT_S: Final = 1.0
_WAITING: Final = "curb_devices_wake"

log = structlog.get_logger()


class Work(StrEnum):
    """What may wait for a site."""

    RIGHTS = "rights"
    DESIRED = "desired"
    COMMAND = "command"
    PERMISSIONS = "permissions"
    """Certificates were given or taken: the broker's list of clients, and the site's key."""


Listener = Callable[[Work, str], None]


class Wake:
    """One for each process; call `after_commit` in a session, or `tell` once committed."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._listener: Listener | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def after_commit(self, session: AsyncSession, work: Work, site: str) -> None:
        """Tell as soon as this session has committed; nothing if it rolls back."""

        if _WAITING not in session.info:
            session.info[_WAITING] = set()

            def hook(inner: Session) -> None:
                # The end of a savepoint calls this too, and then nothing is committed yet.
                if not inner.in_nested_transaction():
                    words, inner.info[_WAITING] = inner.info[_WAITING], set()
                    for word in words:
                        self.tell(*word)

            sqlalchemy_event.listen(session.sync_session, "after_commit", hook)
        session.info[_WAITING].add((work, site))

    def tell(self, work: Work, site: str) -> None:
        """Something was committed. Cheap, never blocks, never fails."""
        if self._listener is not None:
            self._listener(work, site)
            return
        task = asyncio.get_running_loop().create_task(self._publish(work, site))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _publish(self, work: Work, site: str) -> None:
        with contextlib.suppress(RedisError, OSError):
            await self._redis.publish(CHANNEL, f"{work}:{site}")

    async def close(self) -> None:
        """Wait for words that are still on their way; call it before Redis is closed."""
        await asyncio.gather(*self._tasks)

    @contextlib.contextmanager
    def listening(self, listener: Listener) -> Iterator[None]:
        """While the block runs, words of this process go to `listener` directly."""
        self._listener = listener
        try:
            yield
        finally:
            self._listener = None

    async def listen(self, listener: Listener) -> None:
        """Hand over what other processes tell, until cancelled; a lost link is made anew."""
        while True:
            end_if_cancelled()
            with contextlib.suppress(RedisError, OSError):
                async for work, site in self._words():
                    listener(work, site)
            await asyncio.sleep(_RECONNECT_S)

    async def _words(self) -> AsyncIterator[tuple[Work, str]]:
        async with self._redis.pubsub(ignore_subscribe_messages=True) as pubsub:
            await pubsub.subscribe(CHANNEL)
            while True:
                end_if_cancelled()
                # The timeout is below the client's own, which would end the subscription.
                message = await pubsub.get_message(timeout=2.0)
                if message is None:
                    continue
                work, _, site = message["data"].decode().partition(":")
                if work in Work.__members__.values():
                    yield Work(work), site
