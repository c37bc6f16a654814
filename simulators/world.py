"""The world around one gate: its lane and cars, its reader's field, and the drivers' hands.

A board tells the world what it drives (relay, lamp, display) and the world tells the board what it
senses (loops, cards). Between the two stands `lane_physics`. One task a lane moves it, and only
while something is in it.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from protocols.portable import codes
from simulators.lane_physics import Car, Intent, Lane, Step
from simulators.world_link import CardDump, Message

TICK_MS = 10
# How long the lane stands still for a board that runs and has not sampled its loops.
SEEN_WITHIN_S = 10.0

Send = Callable[[Message], None]

# The prompt for a card is what a waiting lane shows, no answer to anybody.
_REASON_OF = {
    sentence: reason for reason, (_, sentence) in codes.REASONS.items() if reason != codes.NO_CARD
}


@dataclass(slots=True)
class Card:
    """A card in a driver's hand; `dump` is its whole memory (simulators/hardware/tags.py).

    on_write: told when a gate wrote to it.
    """

    dump: CardDump
    on_write: Callable[["Card"], None] | None = None

    @property
    def uid(self) -> str:
        """Lower-case hex."""
        return self.dump["uid"]

    def write(self, dump: CardDump) -> None:
        """Take on a new memory."""
        self.dump = dump
        if self.on_write is not None:
            self.on_write(self)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one driver met at one lane."""

    gate: str
    car: str
    uid: str
    is_granted: bool
    reason: str
    """The reason code of the answer on the display; empty if there was none."""
    has_passed: bool
    to_relay_us: int | None
    """From the tag's first answer to the relay pulse, as the board measured it."""


@dataclass(slots=True)
class _Waiter:
    """Something a driver waits to see, looked at whenever the lane changes."""

    is_met: Callable[[], bool]
    done: asyncio.Event = field(default_factory=asyncio.Event)


class GateWorld:
    """One gate's surroundings; `board_came` connects the board they surround.

    gate: its id.
    pace: how many times faster than life cars and arm move.
    """

    def __init__(self, gate: str, *, pace: float = 1.0) -> None:
        self.gate = gate
        self.lane = Lane(pace=pace)
        self.lamp: dict[str, bool] = {}
        self.display = ""
        self.reason = ""
        """The last answer the display gave, as a reason code."""
        self.lane_state = ""
        self.passed: list[str] = []
        self.timings_us: list[int] = []
        """Times from a tag's first answer to the relay, in order."""
        self.first_answers_ms: list[float] = []
        """Times from bringing a card to its first answer, of the cards that opened."""
        self._send: Send = _nobody_listens
        self._cards: dict[str, Card] = {}
        self._sensed: Message = {"arming": False, "safety": False, "arm": "down"}
        self._unseen: dict[str, float] = {}
        self._stirred = asyncio.Event()
        self._waiters: list[_Waiter] = []

    # What the board says.

    def board_came(self, send: Send) -> None:
        """A board (re)started: it knows nothing, so tell it what it senses."""
        self._send = send
        for name in self._sensed:
            self._tell_sensed(name)
        self._tell_field()

    def board_went(self) -> None:
        """The board lost its power: nobody is waited for."""
        self._send = _nobody_listens
        self._unseen = {}

    def hear(self, message: Message) -> None:
        """Take one message from the board in; unknown ones are for later boards."""
        if message.get("pin") == "relay" and message["on"]:
            self.lane.pulse()
        elif "lamp" in message:
            self.lamp = message["lamp"]
        elif "display" in message:
            self.display = message["display"]
        elif message.get("buzzer"):
            # Each answer is beeped, also one whose sentence is on the display already.
            self.reason = _REASON_OF.get(self.display, self.reason)
        elif "state" in message:
            self.lane_state = message["state"]
        elif "seen" in message:
            self._unseen.pop(message["seen"], None)
        elif "timing" in message:
            timing = message["timing"]
            self.timings_us.append(timing["relay_us"] - timing["first_answer_us"])
            self.first_answers_ms.append((timing["first_answer_us"] - timing["brought_us"]) / 1_000)
        elif "tag" in message and message["tag"]["uid"] in self._cards:
            self._cards[message["tag"]["uid"]].write(message["tag"])
        self._look()
        self._stirred.set()

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
            if self._is_seen(now):
                step = self.lane.step((now - last) * 1_000)
                self.passed += step.passed
                self._sense(step)
                self._look()
            last = now
            await asyncio.sleep(TICK_MS / 1_000)

    def _is_seen(self, now: float) -> bool:
        """Whether the board knows of its loops; cars faster than life stand still until it does.

        At eight times life a car is over a loop for a third of a second, and a board whose process
        is kept waiting for a processor would miss what no real one can.
        """
        return all(now - told > SEEN_WITHIN_S for told in self._unseen.values())

    def _sense(self, step: Step) -> None:
        arm = "down" if step.arm == 0 else "up" if step.arm == 1 else "moving"
        now = {"arming": step.arming, "safety": step.safety, "arm": arm}
        changed = [name for name in now if self._sensed[name] != now[name]]
        self._sensed = now
        for name in changed:
            self._tell_sensed(name)

    def _tell_sensed(self, name: str) -> None:
        value = self._sensed[name]
        if name != "arm" and self._send is not _nobody_listens:
            self._unseen[name] = time.monotonic()
        self._send({"arm": value} if name == "arm" else {"loop": name, "on": value})

    def _tell_field(self) -> None:
        self._send({"field": [card.dump for card in self._cards.values()]})

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

    def present(self, *cards: Card) -> None:
        """Hold these cards to the reader, and no others; none takes all away."""
        self._cards = {card.uid: card for card in cards}
        self._tell_field()

    def drive(self, car: Car, intent: Intent) -> None:
        """Change what a driver is doing."""
        car.intent = intent
        self._stirred.set()


def _nobody_listens(_message: Message) -> None:
    """Where messages go while no board is there: it is told everything when it comes."""
