"""Plays a scenario on a whole system and judges what it left behind.

A stepped run freezes simulated time while each car passes, so every program stamps the same
instant, and the same seed gives the same stays and fees to the cent.
"""

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec

from simulators.api import RefusedError
from simulators.clock import SimulatedClock
from simulators.drivers import pass_lane
from simulators.faults import FaultRun
from simulators.fleet import Fleet, running_fleet
from simulators.lines import Line, running_lines
from simulators.report import Facts, Report, Stay, StoredEvent, judge
from simulators.rush import Rush
from simulators.scenario import Scenario, visits_of
from simulators.stage import Stage
from simulators.system import RunningSystem, started_system
from simulators.traffic import Passage, Visit, passages
from simulators.world import Attempt, Card, GateWorld

CLOCK_LEAD_MS = 3_600_000
IDLE_WITHIN_MS = 30_000
# What a kept run was judged by, for whoever asks why.
FACTS_FILE = "facts.json"
GATES_WITHIN_S = 90.0
# A rush on a busy machine leaves the cloud minutes of work.
SETTLE_WITHIN_S = 600.0
SETTLE_EVERY_S = 0.5

Say = Callable[[str], None]


class NotSettledError(Exception):
    """After the run something still waited to be stored; the message says what."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one play needs: a scenario, its seed, and where it may write."""

    name: str
    scenario: Scenario
    seed: int
    folder: Path


async def play(run: Run, say: Say) -> Report:
    """Start a system, let the scenario happen, and judge it.

    Raises:
        ScenarioError, NotUpError, FleetError, NotSettledError: it could not be played.
    """
    visits = visits_of(run.scenario, run.seed)
    environment: dict[str, str] = {}
    clock = None
    if run.scenario.clock.stepped:
        run.folder.mkdir(parents=True, exist_ok=True)
        first_ms = visits[0].arrives_at_ms if visits else 0
        clock = SimulatedClock(run.folder / "clock", first_ms - CLOCK_LEAD_MS)
        environment["CURB_CLOCK_FILE"] = str(clock.path)
    say("starting the system")
    async with started_system(run.folder / "data", environment=environment) as system:
        stage = system.stage()
        async with _fleet_of(run, stage, environment) as (fleet, lines):
            if clock is None:
                return await _act_rush(run, system, stage, fleet, lines, say)
            cards = await _all_cards(stage)
            day = SteppedDay(fleet, cards, clock, say)
            attempts = await day.drive(visits)
            return await _judge(run, system, stage, attempts, say, is_disturbed=False)


async def play_rush(run: Run, system: RunningSystem, stage: Stage, say: Say) -> Report:
    """The same for a rush on a system that runs already, with whatever gates the stage has."""
    async with _fleet_of(run, stage, {}) as (fleet, lines):
        return await _act_rush(run, system, stage, fleet, lines, say)


@contextlib.asynccontextmanager
async def _fleet_of(
    run: Run, stage: Stage, environment: Mapping[str, str]
) -> AsyncIterator[tuple[Fleet, Mapping[str, Line]]]:
    async with contextlib.AsyncExitStack() as stack:
        setups, lines = stage.setups(), dict[str, Line]()
        if run.scenario.faults.lines:
            setups, lines = await stack.enter_async_context(running_lines(setups))
        fleet = await stack.enter_async_context(
            running_fleet(
                setups,
                run.folder / "consoles",
                pace=run.scenario.pace,
                environment=environment,
            )
        )
        await fleet.wait_ready(within_s=GATES_WITHIN_S)
        await fleet.wait_listed(within_s=GATES_WITHIN_S)
        yield fleet, lines


async def _act_rush(
    run: Run,
    system: RunningSystem,
    stage: Stage,
    fleet: Fleet,
    lines: Mapping[str, Line],
    say: Say,
) -> Report:
    """Cars in and out under the scenario's faults, then the judgement."""
    draw = random.Random(run.seed)  # noqa: S311 - a repeatable run, not a secret
    faults = FaultRun(run.scenario.faults, system, fleet, lines=lines, draw=draw)
    troubles = asyncio.create_task(faults.run(), name="faults")
    try:
        rush = Rush(fleet, await _all_cards(stage), draw=draw, say=say)
        attempts = await rush.run(taps=run.scenario.traffic.taps)
    finally:
        troubles.cancel()
        await asyncio.gather(troubles, return_exceptions=True)
    for fault, count in sorted(faults.counts.items()):
        say(f"{count} times: {fault}")
    return await _judge(run, system, stage, attempts, say, is_disturbed=bool(faults.counts))


async def _judge(
    run: Run,
    system: RunningSystem,
    stage: Stage,
    attempts: list[Attempt],
    say: Say,
    *,
    is_disturbed: bool,
) -> Report:
    say("waiting until everything is stored")
    await _wait_settled(system, stage)
    facts = await _collect(system, stage, attempts, is_disturbed=is_disturbed)
    (run.folder / FACTS_FILE).write_bytes(msgspec.json.encode(facts))
    return judge(run.name, run.seed, facts)


async def _all_cards(stage: Stage) -> list[Card]:
    box = await asyncio.to_thread(stage.card_box)
    return [box.take(card.uid, card.level) for card in stage.cards]


class SteppedDay:
    """A planned day, one car at a time, each at its own simulated instant."""

    def __init__(self, fleet: Fleet, cards: list[Card], clock: SimulatedClock, say: Say) -> None:
        self._fleet = fleet
        self._cards = cards
        self._clock = clock
        self._say = say
        self._holds: dict[int, Card] = {}

    async def drive(self, visits: list[Visit]) -> list[Attempt]:
        """Every arrival and departure in order; a car that was refused never leaves."""
        attempts: list[Attempt] = []
        plan = passages(visits)
        for number, passage in enumerate(plan, 1):
            if (attempt := await self._pass(number, passage)) is not None:
                attempts.append(attempt)
            if number % 25 == 0 or number == len(plan):
                self._say(f"{number} of {len(plan)} passages")
        return attempts

    async def _pass(self, number: int, passage: Passage) -> Attempt | None:
        card = self._card_for(passage)
        if card is None:
            return None
        self._clock.set(passage.at_ms)
        lanes = self._fleet.entries if passage.is_entry else self._fleet.exits
        world = lanes[number % len(lanes)]
        attempt = await pass_lane(
            world, f"car-{passage.car}", card, behaviour=passage.visit.behaviour
        )
        # The gate tells of a passage once its loops have settled; that is still this instant.
        await world.wait_until(lambda: is_at_rest(world), within_ms=IDLE_WITHIN_MS)
        if passage.is_entry != attempt.has_passed:
            del self._holds[passage.car]
        return attempt

    def _card_for(self, passage: Passage) -> Card | None:
        """The first free card for an arrival; for a departure the one the car came with."""
        if not passage.is_entry:
            return self._holds.get(passage.car)
        held = {card.uid for card in self._holds.values()}
        card = next((card for card in self._cards if card.uid not in held), None)
        if card is not None:
            self._holds[passage.car] = card
        return card


def is_at_rest(world: GateWorld) -> bool:
    """Whether nothing moves in a lane and its gate knows it."""
    return world.lane_state == "idle" and world.lane.arm == 0 and not world.lane.cars


async def _wait_settled(system: RunningSystem, stage: Stage) -> None:
    """Wait until gates, agent and cloud have passed on and worked off every event."""
    before: object = None
    waited_s = 0.0
    while waited_s < SETTLE_WITHIN_S:
        waiting = {gate.gate: _outbox_bytes(Path(gate.flash)) for gate in stage.gates}
        waiting["edge-agent"] = _agent_outbox(system, stage)
        now = await _progress(system, stage)
        if now is not None and now == before and not any(waiting.values()):
            return
        before = now
        await asyncio.sleep(SETTLE_EVERY_S)
        waited_s += SETTLE_EVERY_S
    raise NotSettledError(
        f"After {SETTLE_WITHIN_S:.0f} s not all was stored; still waiting: {waiting}."
    )


def _outbox_bytes(flash: Path) -> int:
    """Bytes of events on a gate's flash that its agent has not acked."""
    return sum(path.stat().st_size for path in (flash / "outbox").glob("*.log"))


def _agent_outbox(system: RunningSystem, stage: Stage) -> int:
    """Events that the agent holds for the cloud; 1 while it does not say."""
    path = system.folder / "site" / stage.site / "agent" / "health.json"
    try:
        return int(json.loads(path.read_text())["outbox"])
    except (FileNotFoundError, json.JSONDecodeError, KeyError):
        return 1


async def _progress(system: RunningSystem, stage: Stage) -> tuple[int, ...] | None:
    """How far the cloud has got; None while it is not there (it may come back from a kill)."""
    try:
        async with system.person("operator") as api:
            stays = await api.every(f"/api/v1/lots/{stage.lot}/stays")
            logs = await api.every(f"/api/v1/lots/{stage.lot}/access-log")
    except (httpx.HTTPError, RefusedError, KeyError):
        return None
    return len(stays), sum(stay["state"] == "open" for stay in stays), len(logs)


async def _collect(
    system: RunningSystem, stage: Stage, attempts: Iterable[Attempt], *, is_disturbed: bool
) -> Facts:
    events: list[StoredEvent] = []
    async with system.person("operator") as api:
        for gate in stage.gates:
            events += map(_event, await api.every(f"/api/v1/gates/{gate.gate}/events"))
        stays = [_stay(row) for row in await api.every(f"/api/v1/lots/{stage.lot}/stays")]
    return Facts(list(attempts), events, stays, is_disturbed=is_disturbed)


def _event(row: dict[str, Any]) -> StoredEvent:
    keys = ("device", "boot", "seq", "kind", "at_ms", "data")
    return StoredEvent(place=row["position"], **{key: row[key] for key in keys})


def _stay(row: dict[str, Any]) -> Stay:
    left_at = row["exit_at"]
    return Stay(
        tag=row["tag_key"],
        entered_at_ms=_ms(row["entry_at"]),
        left_at_ms=None if left_at is None else _ms(left_at),
        fee_cents=None if left_at is None else row["fee_cents"],
        is_abandoned=row["state"] == "abandoned",
    )


def _ms(instant: str) -> int:
    return round(datetime.fromisoformat(instant).timestamp() * 1_000)
