"""Traffic without end for a system that people look at: `curb up` runs it beside the cloud.

Real time, cars faster than life. Each driver with a card outside drives in sooner or later, parks a
while, and drives out; a few back out, hesitate or are followed. Drivers look at nothing but the
lane, as drivers do.
"""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from pathlib import Path

from protocols.portable import codes
from simulators.cards import CardBox
from simulators.drivers import pass_lane
from simulators.fleet import Fleet, running_fleet
from simulators.stage import Stage
from simulators.traffic import Behaviour
from simulators.world import Attempt, Card, GateWorld

PACE = 3.0
GAP_S = 3.0
"""Mean time between drivers who set out, whichever way."""
FULL_SHARE = 0.6
"""Of the cards that are inside at most."""

_BEHAVIOURS = (Behaviour.NORMAL,) * 17 + (
    Behaviour.BACKS_OUT,
    Behaviour.HESITATES,
    Behaviour.TAILGATES,
)


class Traffic:
    """Who is inside and who sets out next.

    draw: the run's chance. sleep: waits so many seconds. tell: hears of every attempt.
    """

    def __init__(
        self,
        fleet: Fleet,
        cards: CardBox,
        stage: Stage,
        *,
        draw: random.Random,
        sleep: Callable[[float], Awaitable[None]],
        tell: Callable[[Attempt], None],
    ) -> None:
        self._fleet = fleet
        self._cards = [cards.take(card.uid, card.level) for card in stage.cards]
        self._memory = Path(stage.folder) / "inside.json"
        parked = set(json.loads(self._memory.read_text()) if self._memory.exists() else ())
        self._inside = [n for n, card in enumerate(self._cards) if card.uid in parked]
        self._outside = [n for n, card in enumerate(self._cards) if card.uid not in parked]
        self._draw = draw
        self._sleep = sleep
        self._tell = tell
        self._locks = {world.gate: asyncio.Lock() for world in fleet.worlds.values()}
        self._number = 0

    async def run(self) -> None:
        """Send drivers to the lanes until cancelled."""
        async with asyncio.TaskGroup() as drivers:
            while True:
                await self._sleep(self._draw.expovariate(1 / GAP_S))
                waiting = sum(lock.locked() for lock in self._locks.values())
                if waiting < len(self._locks):
                    drivers.create_task(self._send_one())

    async def _send_one(self) -> None:
        self._number += 1
        goes_in = len(self._inside) < FULL_SHARE * len(self._cards) and (
            not self._inside or self._draw.random() < 0.55
        )
        pool = self._outside if goes_in else self._inside
        if not pool:
            return
        driver = pool.pop(self._draw.randrange(len(pool)))
        lanes = self._fleet.entries if goes_in else self._fleet.exits
        world = self._draw.choice(lanes)
        if not self._fleet.is_ready(world.gate):
            # Somebody has it in hand, or it restarts: drivers use another lane.
            pool.append(driver)
            return
        behaviour = self._draw.choice(_BEHAVIOURS) if goes_in else Behaviour.NORMAL
        attempt = await self._pass(world, self._cards[driver], behaviour)
        self._tell(attempt)
        if goes_in:
            # Refused for being inside already: this run was killed before it could note that.
            is_inside = attempt.has_passed or attempt.reason == codes.PASSBACK
        else:
            is_inside = not attempt.has_passed
        (self._inside if is_inside else self._outside).append(driver)
        self._memory.write_text(json.dumps([self._cards[n].uid for n in self._inside]))

    async def _pass(self, world: GateWorld, card: Card, behaviour: Behaviour) -> Attempt:
        name = f"car-{self._number}"
        async with self._locks[world.gate]:
            return await pass_lane(
                world, name, card, behaviour=behaviour, pause=lambda: self._sleep(1.5)
            )


async def run_live(stage: Stage, *, seed: int, tell: Callable[[Attempt], None]) -> None:
    """Switch the stage's gates on and let traffic flow until cancelled."""
    cards = await asyncio.to_thread(stage.card_box)
    async with running_fleet(stage.setups(), Path(stage.folder) / "consoles", pace=PACE) as fleet:
        await fleet.wait_ready()
        await fleet.wait_listed()
        draw = random.Random(seed)  # noqa: S311 - repeatable traffic, not a secret
        await Traffic(fleet, cards, stage, draw=draw, sleep=asyncio.sleep, tell=tell).run()
