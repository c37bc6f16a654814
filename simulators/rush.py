"""Cars in and out as fast as the lanes take them: what kill storms and taps a second need."""

import asyncio
import random
from collections.abc import Callable

from protocols.portable import codes
from simulators.drivers import pass_lane
from simulators.fleet import Fleet
from simulators.world import Attempt, Card, GateWorld

RETRY_S = 0.5


class Rush:
    """Every lane works without a pause until enough cards were shown.

    draw: chooses the next driver. say: hears of the progress.
    """

    def __init__(
        self, fleet: Fleet, cards: list[Card], *, draw: random.Random, say: Callable[[str], None]
    ) -> None:
        self._fleet = fleet
        self._outside = list(cards)
        self._inside: list[Card] = []
        self._draw = draw
        self._say = say
        self._attempts: list[Attempt] = []
        self._wanted = 0

    async def run(self, *, taps: int) -> list[Attempt]:
        """Until `taps` drivers held up a card; what each of them met."""
        self._wanted = taps
        async with asyncio.TaskGroup() as lanes:
            for world in self._fleet.entries:
                lanes.create_task(self._work(world, is_entry=True))
            for world in self._fleet.exits:
                lanes.create_task(self._work(world, is_entry=False))
        return self._attempts

    async def _work(self, world: GateWorld, *, is_entry: bool) -> None:
        source, target = (
            (self._outside, self._inside) if is_entry else (self._inside, self._outside)
        )
        while len(self._attempts) < self._wanted:
            if not source or not self._fleet.is_ready(world.gate):
                await asyncio.sleep(RETRY_S)
                continue
            card = source.pop(self._draw.randrange(len(source)))
            number = len(self._attempts)
            attempt = await pass_lane(world, f"{world.gate}-{number}", card)
            self._attempts.append(attempt)
            went = attempt.has_passed or (is_entry and attempt.reason == codes.PASSBACK)
            (target if went else source).append(card)
            if len(self._attempts) % 100 == 0:
                self._say(f"{len(self._attempts)} of {self._wanted} taps")
