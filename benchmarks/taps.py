"""From the tag's first answer to the relay pulse, on 20 gates over TLS, in fair weather and foul.

A whole system runs on this machine: `curb up`, and 20 gates as MicroPython processes with the
firmware that ships, half of them entries. Each gate gets a card a second, 20 in all, half bare
UIDs and half Level 1 cards whose counter is written in the same tap. The board itself takes both
times, on one clock. Bus transactions cost 60 us of real time each. The cloud's programs run at a
lower priority than the site's, since in the field they are on other machines.

`poll_period_ms` is the longest time between bringing a card and its first answer but for the
slowest hundredth: how often the reader is asked while a car stands there. `wan_cut`: the cloud's
broker is frozen. `agent_dead`: the edge agent is frozen, so the gates wait 150 ms and decide from
their own list. `cold_boot`: gates and agent were killed, and the first tap of each gate counts.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from statistics import median

from benchmarks._site import running_wide_site
from simulators.drivers import pass_lane
from simulators.fleet import Fleet, running_fleet
from simulators.report import percentile
from simulators.stage import Stage
from simulators.system import RunningSystem
from simulators.world import Attempt, Card, GateWorld

GATES = 20
PACE = 12.0
TAP_EVERY_S = 1.0
WARM_UP_TAPS = 5
TAPS = 25
FOUL_TAPS = 10
AGENT = "edge-agent"
WAN = "cloud-broker"


def run() -> dict[str, float]:
    """Figures by name."""
    return asyncio.run(_measure())


async def _measure() -> dict[str, float]:
    async with running_wide_site(GATES) as (system, stage):
        cards = await asyncio.to_thread(_cards, stage)
        async with running_fleet(stage.setups(), system.folder / "consoles", pace=PACE) as fleet:
            await fleet.wait_ready(within_s=90)
            await fleet.wait_listed(within_s=90)
            return await _Bench(system, fleet, cards).measure()


def _cards(stage: Stage) -> list[Card]:
    box = stage.card_box()
    return [box.take(card.uid, card.level) for card in stage.cards]


class _Bench:
    """The phases, one after another, on one running fleet."""

    def __init__(self, system: RunningSystem, fleet: Fleet, cards: list[Card]) -> None:
        self._system = system
        self._fleet = fleet
        # Two cards a gate, so that no card is in two hands: one as sold, one secured.
        half = len(cards) // 2
        self._pairs = list(zip(cards[:half], cards[half:], strict=True))
        self._draw = random.Random(1)  # noqa: S311 - repeatable phases, not a secret

    async def measure(self) -> dict[str, float]:
        await self._tap_all(WARM_UP_TAPS)
        began = asyncio.get_running_loop().time()
        fair = await self._tap_all(TAPS)
        took_s = asyncio.get_running_loop().time() - began
        brought = [ms for world in self._fleet.worlds.values() for ms in world.first_answers_ms]
        figures = {
            "p50_ms": _p50(fair),
            "p99_ms": _p99(fair),
            "max_ms": max(fair),
            "taps": len(fair),
            "taps_per_s": round(len(fair) / took_s, 1),
            "poll_period_ms": round(percentile(brought, 0.99) or 0.0, 1),
        }
        wan = await self._frozen(WAN, lambda: self._tap_all(FOUL_TAPS))
        figures |= {"wan_cut_p50_ms": _p50(wan), "wan_cut_p99_ms": _p99(wan)}
        dead = await self._frozen(AGENT, lambda: self._tap_all(FOUL_TAPS))
        figures |= {"agent_dead_p50_ms": _p50(dead), "agent_dead_p99_ms": _p99(dead)}
        figures["cold_boot_p99_ms"] = _p99(await self._cold_boot(with_agent=True))
        figures["cold_boot_agent_dead_p99_ms"] = _p99(await self._cold_boot(with_agent=False))
        return figures

    async def _frozen(
        self, program: str, work: Callable[[], Awaitable[list[float]]]
    ) -> list[float]:
        self._system.freeze(program)
        try:
            return await work()
        finally:
            self._system.thaw(program)

    async def _cold_boot(self, *, with_agent: bool) -> list[float]:
        """The first tap of each gate after everything on site was killed."""
        before = self._system.pid(AGENT)
        self._system.kill(AGENT)
        await self._wait(lambda: self._system.pid(AGENT) not in (None, before))
        if not with_agent:
            self._system.freeze(AGENT)
        for gate in self._fleet.worlds:
            await self._fleet.kill(gate)
        try:
            await self._fleet.wait_ready(within_s=90)
            return await self._tap_all(1)
        finally:
            self._system.thaw(AGENT)

    async def _wait(self, is_met: Callable[[], bool], within_s: float = 60.0) -> None:
        async with asyncio.timeout(within_s):
            while not is_met():
                await asyncio.sleep(0.05)

    async def _tap_all(self, taps: int) -> list[float]:
        """Every gate takes `taps` cards, one a second, out of step; gives the granted ones' ms."""
        lanes = []
        for world, pair in zip(self._fleet.worlds.values(), self._pairs, strict=True):
            lanes.append(self._tap_lane(world, pair, taps, self._draw.uniform(0, TAP_EVERY_S)))
        attempts = [attempt for lane in await asyncio.gather(*lanes) for attempt in lane]
        times = [a.to_relay_us / 1_000 for a in attempts if a.to_relay_us is not None]
        if len(times) < 0.9 * len(attempts):
            refused = {attempt.reason for attempt in attempts if not attempt.is_granted}
            raise RuntimeError(
                f"Of {len(attempts)} taps only {len(times)} opened; reasons of refusal: {refused}."
            )
        return times

    async def _tap_lane(
        self, world: GateWorld, pair: tuple[Card, Card], taps: int, after_s: float
    ) -> list[Attempt]:
        loop = asyncio.get_running_loop()
        due_s = loop.time() + after_s
        attempts = []
        for number in range(taps):
            await asyncio.sleep(max(0.0, due_s - loop.time()))
            due_s += TAP_EVERY_S
            card = pair[number % 2]
            attempts.append(await pass_lane(world, f"{world.gate}-{number}", card))
        return attempts


def _p50(times: list[float]) -> float:
    return round(median(times), 1)


def _p99(times: list[float]) -> float:
    return round(percentile(times, 0.99) or 0.0, 1)
