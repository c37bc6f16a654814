"""`curb gate`: one gate in the terminal, its lane drawn, a person's keys for hands and cars.

The gate is the real firmware in a MicroPython process; while a person has it, live traffic leaves
it alone and takes it back afterwards.
"""

import asyncio
import contextlib
import os
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from simulators.cards import CardBox
from simulators.fleet import Fleet, GateSetup, running_fleet
from simulators.lane_physics import ARMING_M, SAFETY_M, STOP_LINE_M, Intent, Lane
from simulators.power import PowerLock
from simulators.stage import Stage
from simulators.world import Card, GateWorld

HAND_OVER_WITHIN_S = 10.0
REDRAW_S = 0.1
CARDS_SHOWN = 6
_LEFT_M, _RIGHT_M, _COLUMNS_A_M = -6.0, 10.0, 4


class GateTakenError(Exception):
    """Another program has the gate and does not let go."""


@dataclass(slots=True)
class _Hand:
    """What the person holds and did last."""

    shown: int | None = None
    said: str = "Press a to let a car drive up."
    cars: int = 0


class GateConsole:
    """What the keys do to one gate's world."""

    def __init__(self, fleet: Fleet, world: GateWorld, cards: list[Card]) -> None:
        self._fleet = fleet
        self._world = world
        self._cards = cards
        self._hand = _Hand()

    async def press(self, key: str) -> bool:
        """Do what a key stands for; False when it means to leave."""
        act = self._acts().get(key)
        if key in ("q", "\x03", "\x04"):
            return False
        if act is not None:
            self._hand.said = act()
        elif key == "k":
            await self._fleet.kill(self._world.gate)
            self._hand.said = "The plug was pulled; the gate boots again."
        elif key.isdigit() and 0 < int(key) <= len(self._cards):
            self._hand.said = self._present(int(key) - 1)
        return True

    def _acts(self) -> dict[str, Callable[[], str]]:
        return {
            "a": self._arrive,
            "g": lambda: self._drive(Intent.GO, "The car drives on."),
            "b": lambda: self._drive(Intent.BACK_OUT, "The car backs out."),
            "f": self._follow,
            "0": self._withdraw,
            "t": self._present_two,
            "s": self._toggle_stuck,
        }

    def _arrive(self) -> str:
        self._hand.cars += 1
        self._world.arrive(f"car-{self._hand.cars}")
        return "A car drives up."

    def _follow(self) -> str:
        self._hand.cars += 1
        self._world.arrive(f"car-{self._hand.cars}", follows=True)
        return "A car follows close behind and does not mean to stop."

    def _drive(self, intent: Intent, said: str) -> str:
        if not self._world.lane.cars:
            return "There is no car in the lane."
        first = self._world.lane.cars[0]
        self._world.drive(first, intent)
        return said

    def _present(self, number: int) -> str:
        self._hand.shown = number
        card = self._cards[number]
        self._world.present(card)
        return f"Card {card.uid} is at the reader."

    def _present_two(self) -> str:
        self._world.present(*self._cards[:2])
        return "Two cards are at the reader at once."

    def _withdraw(self) -> str:
        self._hand.shown = None
        self._world.present()
        return "No card is at the reader."

    def _toggle_stuck(self) -> str:
        lane = self._world.lane
        lane.is_stuck = not lane.is_stuck
        return "The arm is stuck." if lane.is_stuck else "The arm moves freely."

    def draw(self) -> Group:
        """The picture of now."""
        world = self._world
        facts = Table.grid(padding=(0, 2))
        facts.add_row("lane", Text(world.lane_state or "booting"))
        facts.add_row("lamp", _lamp(world.lamp))
        facts.add_row("arm", f"{world.lane.arm:.0%} up" + (" STUCK" if world.lane.is_stuck else ""))
        facts.add_row("display", Text(world.display, style="bold"))
        last = f"{world.timings_us[-1] / 1000:.1f} ms" if world.timings_us else "-"
        facts.add_row("tag to relay", last)
        facts.add_row("passed", str(len(world.passed)))
        cards = Text("cards  ")
        for number, card in enumerate(self._cards):
            style = "reverse" if number == self._hand.shown else ""
            cards.append(f" {number + 1} ", style="bold cyan")
            cards.append(card.uid, style=style)
        keys = Text(
            "a car  g drive on  b back out  f follower  1-9 card  0 take away  t two cards  "
            "s stick arm  k pull plug  q leave",
            style="dim",
        )
        return Group(
            Text(world.gate, style="bold"), Text(""), *_picture(world.lane), Text(""), facts,
            Text(""), cards, keys, Text(self._hand.said, style="green"),
        )  # fmt: skip


def _lamp(lamp: dict[str, bool]) -> Text:
    match (lamp.get("red", False), lamp.get("green", False)):
        case (True, True):
            return Text("amber", style="black on yellow")
        case (True, False):
            return Text("red", style="white on red")
        case (False, True):
            return Text("green", style="black on green")
    return Text("dark", style="dim")


def _picture(lane: Lane) -> list[Text]:
    """The lane from the side: cars, then the ground with its loops, the stop line and the arm."""
    width = int((_RIGHT_M - _LEFT_M) * _COLUMNS_A_M)

    def column(place_m: float) -> int:
        return max(0, min(width - 1, int((place_m - _LEFT_M) * _COLUMNS_A_M)))

    arm = [" "] * width
    arm[column(4.0)] = "|" if lane.arm == 1 else "/" if lane.arm > 0 else "_"
    road = [" "] * width
    for car in lane.cars:
        for place in range(column(car.tail_m), column(car.nose_m)):
            road[place] = "█"
        road[column(car.nose_m) - 1] = "▶"
    ground = ["─"] * width
    for zone in (ARMING_M, SAFETY_M):
        for place in range(column(zone[0]), column(zone[1])):
            ground[place] = "═"
    ground[column(STOP_LINE_M)] = "╎"
    return [Text("".join(arm)), Text("".join(road), style="yellow"), Text("".join(ground))]


@contextlib.contextmanager
def _raw_terminal() -> Iterator[None]:
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor)
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


async def _take(setup: GateSetup, wanted: PowerLock) -> None:
    """Make whoever runs the gate let go of it."""
    power = PowerLock.power(setup.flash)
    if not wanted.take():
        raise GateTakenError(f"Somebody else has {setup.gate} in a `curb gate` already.")
    try:
        async with asyncio.timeout(HAND_OVER_WITHIN_S):
            while power.is_held_elsewhere():  # noqa: ASYNC110 - the lock is another program's
                await asyncio.sleep(REDRAW_S)
    except TimeoutError as error:
        raise GateTakenError(
            f"Another simulation runs {setup.gate} and does not hand it over. Stop it first."
        ) from error


async def run_console(stage: Stage, gate: str, *, pace: float = 1.0) -> None:
    """Give a person one gate of the stage until they leave.

    Raises:
        KeyError: the stage has no such gate.
        GateTakenError: another program keeps it.
    """
    setup = {setup.gate: setup for setup in stage.setups()}[gate]
    wanted = PowerLock.wanted(setup.flash)
    await _take(setup, wanted)
    try:
        box: CardBox = await asyncio.to_thread(stage.card_box)
        some = [*stage.cards[: CARDS_SHOWN // 2], *stage.cards[-CARDS_SHOWN // 2 :]]
        cards = [box.take(card.uid, card.level) for card in some]
        consoles = Path(stage.folder) / "consoles"
        async with running_fleet([setup], consoles, pace=pace, is_by_hand=True) as fleet:
            console = GateConsole(fleet, fleet.worlds[gate], cards)
            with _raw_terminal():
                await _attend(console)
    finally:
        wanted.release()


async def _attend(console: GateConsole) -> None:
    keys: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    descriptor = sys.stdin.fileno()

    def read() -> None:
        for key in os.read(descriptor, 64).decode(errors="replace"):
            keys.put_nowait(key)

    loop.add_reader(descriptor, read)
    try:
        with Live(console.draw(), console=Console(), refresh_per_second=1 / REDRAW_S) as live:
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(REDRAW_S):
                        if not await console.press(await keys.get()):
                            return
                live.update(console.draw())
    finally:
        loop.remove_reader(descriptor)
