"""The world around one gate: its lane and cars, its reader's field, and the drivers' hands.

A board tells the world what it drives (relay, lamp, display) and the world tells the board what it
senses (loops, cards). Between the two stands `lane_physics`. One task a lane moves it, and only
while something is in it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from simulators.lane_physics import Car, Intent, Lane, Step

TICK_MS = 10

Send = Callable[[dict[str, Any]], Awaitable[None]]


@dataclass(slots=True)
class Card:
    """A card in a driver's hand; `dump` is its whole memory (simulators.hardware.tags)."""

    dump: dict[str, Any]

    @property
    def uid(self) -> str:
        """Lower-case hex."""
        return str(self.dump["uid"])


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one driver met at one lane."""

    gate: str
    car: str
    uid: str
    is_granted: bool
    reason: str
    """What the display said last, as a reason code; empty if it said nothing."""
    has_passed: bool
    to_relay_us: int | None
    """From the tag's first answer to the relay pulse, as the board measured it."""


@dataclass(slots=True)
class _Waiter:
    """Something a driver waits to see, looked at whenever the lane changes."""

    is_met: Callable[[], bool]
    done: asyncio.Event = field(default_factory=asyncio.Event)


class GateWorld:
    """One gate's surroundings.

    gate: its id.
    send: delivers a message to its board; raises ConnectionError while the board is away.
    pace: how many times faster than life cars and arm move.
    """

    def __init__(self, gate: str, send: Send, *, pace: float = 1.0) -> None:
        self.gate = gate
        self.lane = Lane(pace=pace)
        self.lamp: Any = None
        self.display = ""
        self.reason = ""
        self.lane_state = ""
        self.passed: list[str] = []
        self._send = send
        self._cards: dict[str, Card] = {}
        self._sensed = {"arming": False, "safety": False}
        self._stirred = asyncio.Event()
        self._waiters: list[_Waiter] = []
        self._timings_us: list[int] = []

    # What the board says.

    def hear(self, message: dict[str, Any]) -> None:
        """Take one message from the board in; unknown ones are for later boards."""
        if message.get("pin") == "relay" and message.get("on"):
            self.lane.pulse()
        if "lamp" in message:
            self.lamp = message["lamp"]
        if "display" in message:
            self.display = str(message["display"])
            self.reason = str(message.get("reason", ""))
        if "state" in message:
            self.lane_state = str(message["state"])
        if "timing" in message:
            timing = message["timing"]
            self._timings_us.append(int(timing["relay_us"]) - int(timing["first_answer_us"]))
        if "tag" in message:
            card = self._cards.get(str(message["tag"]["uid"]))
            if card is not None:
                card.dump = message["tag"]
        self._look()
        self._stirred.set()

    async def board_arrived(self) -> None:
        """A board (re)connected: it knows nothing, so tell it what it senses."""
        for loop, on in self._sensed.items():
            await self._send({"loop": loop, "on": on})
        await self._send({"field": [card.dump for card in self._cards.values()]})

    # The lane's own time.

    async def run(self) -> None:
        """Move the lane until cancelled; sleeps while nothing is in it."""
        last = time.monotonic()
        while True:
            if not self.lane.cars and self.lane.arm == 0 and not self._stirred.is_set():
                await self._stirred.wait()
                last = time.monotonic()
            self._stirred.clear()
            now = time.monotonic()
            step = self.lane.step((now - last) * 1_000)
            last = now
            self.passed += step.passed
            await self._tell(step)
            self._look()
            await asyncio.sleep(TICK_MS / 1_000)

    async def _tell(self, step: Step) -> None:
        for loop, on in (("arming", step.arming), ("safety", step.safety)):
            if self._sensed[loop] != on:
                self._sensed[loop] = on
                await self._try_send({"loop": loop, "on": on})

    async def _try_send(self, message: dict[str, Any]) -> None:
        """A board that is away hears it from `board_arrived` when it is back."""
        try:
            await self._send(message)
        except ConnectionError:
            return

    def _look(self) -> None:
        for waiter in self._waiters:
            if waiter.is_met():
                waiter.done.set()

    async def wait_until(self, is_met: Callable[[], bool], *, within_ms: int) -> bool:
        """Wait until something holds in this lane; False if it did not `within_ms` of our time."""
        if is_met():
            return True
        waiter = _Waiter(is_met)
        self._waiters.append(waiter)
        try:
            async with asyncio.timeout(within_ms / 1_000):
                await waiter.done.wait()
        except TimeoutError:
            return False
        finally:
            self._waiters.remove(waiter)
        return True

    # What drivers do.

    def arrive(self, name: str, *, follows: bool = False) -> Car:
        """A car drives up; `follows` close behind the one before, not meaning to stop."""
        car = self.lane.follow(name) if follows else self.lane.arrive(name)
        self._stirred.set()
        return car

    async def present(self, *cards: Card) -> None:
        """Hold cards to the reader."""
        self._cards = {card.uid: card for card in cards}
        await self._try_send({"field": [card.dump for card in cards]})

    async def withdraw(self) -> None:
        """Take every card away."""
        self._cards = {}
        await self._try_send({"field": []})

    def drive(self, car: Car, intent: Intent) -> None:
        """Change what a driver is doing."""
        car.intent = intent
        self._stirred.set()

    def last_timing_us(self) -> int | None:
        """The latest time from a tag's first answer to the relay, in microseconds."""
        return self._timings_us[-1] if self._timings_us else None

    def timings_us(self) -> list[int]:
        """All such times since the world began, in order."""
        return list(self._timings_us)
