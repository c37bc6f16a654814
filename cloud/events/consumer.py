"""One group's share of the work in one process: partitions come and go with their leases."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine

import structlog

from cloud.events.cancelled import end_if_cancelled
from cloud.events.leases import Leases
from cloud.events.retry import retry_delay_s
from cloud.kit.redis import RedisError

log = structlog.get_logger()


class GroupConsumer:
    """Keeps the leases of one group's partitions and a worker for each it holds.

    work: works one stream until cancelled.
    """

    def __init__(
        self,
        *,
        group: str,
        leases: Leases,
        lease_s: float,
        work: Callable[[str], Coroutine[None, None, None]],
        draw: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._group = group
        self._leases = leases
        self._lease_s = lease_s
        self._work = work
        self._draw = draw
        self._sleep = sleep
        self._workers: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Until cancelled; ends by itself only if a worker fails for a reason that is our bug."""
        try:
            async with asyncio.TaskGroup() as tasks:
                await self._settle_for_ever(tasks)
        finally:
            await self._leave()

    async def _settle_for_ever(self, tasks: asyncio.TaskGroup) -> None:
        loop = asyncio.get_running_loop()
        failures, good_until = 0, loop.time()
        while True:
            end_if_cancelled()
            try:
                await self._settle(tasks)
                failures, good_until = 0, loop.time() + self._lease_s
                await self._sleep(self._lease_s / 3)
            except (RedisError, OSError) as error:
                failures += 1
                if failures == 1:
                    log.warning("event_leases_away", group=self._group, error=repr(error))
                if loop.time() >= good_until:
                    # Others may hold our partitions by now.
                    await self._stop(list(self._workers))
                await self._sleep(min(self._lease_s / 3, retry_delay_s(failures, self._draw())))

    async def _settle(self, tasks: asyncio.TaskGroup) -> None:
        holding = await self._leases.settle()
        await self._stop([name for name in self._workers if name not in holding.held])
        if holding.surplus:
            await self._stop(list(holding.surplus))
            await self._leases.release(list(holding.surplus))
        for stream in holding.held - holding.surplus - self._workers.keys():
            self._workers[stream] = tasks.create_task(
                self._work(stream), name=f"{self._group}@{stream}"
            )

    async def _stop(self, streams: list[str]) -> None:
        stopping = [self._workers.pop(name) for name in streams if name in self._workers]
        for worker in stopping:
            worker.cancel()
        if stopping:
            await asyncio.wait(stopping)

    async def _leave(self) -> None:
        """Hand over at once on a clean stop, instead of letting the leases run out."""
        streams = list(self._workers)
        await self._stop(streams)
        try:
            async with asyncio.timeout(1):
                await self._leases.release(streams, leave=True)
        except (RedisError, OSError, TimeoutError):
            log.info("event_leases_run_out", group=self._group)
