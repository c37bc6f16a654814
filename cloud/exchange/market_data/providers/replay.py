"""A recording played again, at its own pace or faster, as if it happened now; feed `replay`."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final

import structlog

from cloud.events.cancelled import end_if_cancelled
from cloud.exchange.market_data.feed import Feed
from cloud.exchange.market_data.providers.recordings import Step, read_recording
from cloud.kit.clock import Clock
from trading.market_data import MarketData

log = structlog.get_logger()

WAIT_S_MAX: Final = 5.0
"""However long nothing was recorded, listeners hear something this often at least."""
AGAIN_S: Final = 60.0
_MS_NS: Final = 1_000_000
_AT_ONCE: Final = 500
_NS: Final = 1_000_000_000


class ReplayProvider:
    """Plays a recording to its end, then begins again.

    speed: 2 is twice as fast as it was recorded. sleep: the tests' own way to wait.
    """

    def __init__(
        self,
        feed: Feed,
        clock: Clock,
        path: Path,
        *,
        speed: float = 1.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._feed = feed
        self._clock = clock
        self._path = path
        self._speed = speed
        self._sleep = sleep

    async def run(self) -> None:
        """Play until cancelled; a recording that cannot be read is tried again now and then."""
        while True:
            end_if_cancelled()
            try:
                await self.play()
            except (OSError, EOFError, ValueError, KeyError) as error:
                log.warning("recording_not_played", path=str(self._path), error=repr(error))
                await self._sleep(AGAIN_S)

    async def play(self) -> None:
        """Play it once.

        Raises:
            OSError, EOFError: it cannot be read. ValueError, KeyError: it is no such recording.
        """
        now_ns = self._clock.now_ms() * _MS_NS
        self._feed.begin(MarketData(), now_ns)
        steps = read_recording(self._path)
        first_ns = last_ns = 0
        for number, step in enumerate(_timed(steps), 1):
            first_ns = first_ns or step.at_ns
            wait_s = (step.at_ns - (last_ns or step.at_ns)) / _NS / self._speed
            last_ns = step.at_ns
            if wait_s > 0 or number % _AT_ONCE == 0:
                await self._sleep(min(wait_s, WAIT_S_MAX))
                end_if_cancelled()
            at_ns = now_ns + int((step.at_ns - first_ns) / self._speed)
            self._feed.take(step.events, at_ns)


def _timed(steps: Iterator[Step]) -> Iterator[Step]:
    """The book when it began has no time: it gets that of the first message that has one."""
    waiting: list[Step] = []
    for step in steps:
        if step.at_ns == 0:
            waiting.append(step)
            continue
        for one in waiting:
            yield Step(step.at_ns, one.events)
        waiting.clear()
        yield step
    yield from waiting
