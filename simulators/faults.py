"""What goes wrong, when: a seeded run of kills, freezes, cut and slow links, each undone in time.

A freeze is undone after its time also when the run ends first; a kill is undone by whoever
supervises the program.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping

from simulators.fleet import Fleet
from simulators.lines import Line
from simulators.scenario import Faults
from simulators.system import RunningSystem

FREEZE_S_MIN = 0.5
CLOCK_JUMP_MS = 7_200_000
DELAY_S = (0.05, 1.0)
# What each fault of a board is set to when it is over.
_MENDED: dict[str, str | bool | int | None] = {"reader": None, "wifi": True, "rtc_offset_ms": 0}

Fault = Callable[[], Awaitable[None]]


class FaultRun:
    """Faults until cancelled; `counts` says how many of each there were.

    draw: the run's chance. sleep: waits so many seconds.
    """

    def __init__(
        self,
        plan: Faults,
        system: RunningSystem,
        fleet: Fleet,
        *,
        lines: Mapping[str, Line],
        draw: random.Random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._plan = plan
        self._system = system
        self._fleet = fleet
        self._lines = lines
        self._draw = draw
        self._sleep = sleep

    async def run(self) -> None:
        """Let things go wrong, one after another; returns at once if the plan has no faults."""
        choices = self._choices()
        if not choices or self._plan.mean_gap_s <= 0:
            return
        while True:
            await self._sleep(self._draw.expovariate(1 / self._plan.mean_gap_s))
            name, fault = self._draw.choice(choices)
            self.counts[name] += 1
            await fault()

    def _choices(self) -> list[tuple[str, Fault]]:
        choices: list[tuple[str, Fault]] = []
        for program in self._plan.programs:
            choices.append((f"kill {program}", self._killer(program)))
        for program in self._plan.frozen:
            choices.append((f"freeze {program}", self._freezer(program)))
        for gate in self._fleet.worlds:
            if self._plan.gates:
                choices.append((f"kill {gate}", self._unplugger(gate)))
            if self._plan.readers:
                choices.append((f"hang reader of {gate}", self._gate_fault(gate, "reader", "hang")))
            if self._plan.wifi:
                choices.append((f"cut wifi of {gate}", self._gate_fault(gate, "wifi", value=False)))
            if self._plan.clocks:
                jump = self._gate_fault(gate, "rtc_offset_ms", CLOCK_JUMP_MS)
                choices.append((f"turn clock of {gate}", jump))
        for gate, line in self._lines.items():
            choices.append((f"delay line of {gate}", self._slower(line)))
        return choices

    def _duration_s(self) -> float:
        return self._draw.uniform(FREEZE_S_MIN, max(FREEZE_S_MIN, self._plan.freeze_s))

    def _killer(self, program: str) -> Fault:
        async def kill() -> None:
            self._system.kill(program)

        return kill

    def _freezer(self, program: str) -> Fault:
        async def freeze() -> None:
            duration_s = self._duration_s()
            try:
                self._system.freeze(program)
                await self._sleep(duration_s)
            finally:
                self._system.thaw(program)

        return freeze

    def _slower(self, line: Line) -> Fault:
        async def slow_down() -> None:
            duration_s = self._duration_s()
            line.delay_s = self._draw.uniform(*DELAY_S)
            try:
                await self._sleep(duration_s)
            finally:
                line.delay_s = 0.0

        return slow_down

    def _unplugger(self, gate: str) -> Fault:
        async def unplug() -> None:
            await self._fleet.kill(gate)

        return unplug

    def _gate_fault(self, gate: str, name: str, value: str | bool | int) -> Fault:
        async def break_it() -> None:
            duration_s = self._duration_s()
            self._set(gate, name, value)
            try:
                await self._sleep(duration_s)
            finally:
                self._set(gate, name, _MENDED[name])

        return break_it

    def _set(self, gate: str, name: str, value: str | bool | int | None) -> None:
        link = self._fleet.link(gate)
        if link is not None:
            link.send({"fault": {name: value}})
