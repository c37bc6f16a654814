"""One lane as a place: cars with a length, two loops in the ground, an arm that takes its time.

Distances in metres along the lane, 0 at the near edge of the arming loop; a car's place is that of
its nose. Pure: `step` takes the milliseconds that went by and moves everything.

    -------- arming loop 0 .. 2 ------ stop line 3.0 | safety loop 3.2 .. 4.8 (arm at 4.0) ------>

The barrier operator's own hardware closes the arm: when the safety loop has been clear for a while
after a car, or when nobody came. It never closes on a covered safety loop. The firmware only pulses
"open" and senses, as with a real barrier.
"""

from dataclasses import dataclass, field
from enum import StrEnum

ARMING_M = (0.0, 2.0)
SAFETY_M = (3.2, 4.8)
STOP_LINE_M = 3.0
QUEUE_M = -0.6
GONE_M = 6.0
CAR_LENGTH_M = 4.3
# Shorter than both loops would hide the second car from any loop: real lanes have this limit too.
TAILGATE_GAP_M = 2.2
SPEED_M_S = 2.5

ARM_MOVES_MS = 1_200
CLOSE_AFTER_CLEAR_MS = 600
CLOSE_UNUSED_MS = 12_000


class Intent(StrEnum):
    """What a driver is doing."""

    APPROACH = "approach"
    WAIT = "wait"
    GO = "go"
    BACK_OUT = "back_out"
    FOLLOW = "follow"


@dataclass(slots=True)
class Car:
    """A car in the lane; `name` is whatever the caller knows it by."""

    name: str
    nose_m: float = QUEUE_M
    intent: Intent = Intent.APPROACH
    length_m: float = CAR_LENGTH_M

    @property
    def tail_m(self) -> float:
        """Where the car ends."""
        return self.nose_m - self.length_m

    def covers(self, zone: tuple[float, float]) -> bool:
        """Whether any of the car is over a stretch of the lane."""
        return self.tail_m < zone[1] and self.nose_m > zone[0]


@dataclass(slots=True)
class Step:
    """What changed in one step, for whoever feeds the loops of a board and counts cars."""

    arming: bool
    safety: bool
    arm: float
    """0 down to 1 up."""
    passed: list[str] = field(default_factory=list)
    left_backwards: list[str] = field(default_factory=list)
    struck: list[str] = field(default_factory=list)
    """Cars that drove into an arm that was not up: must never happen."""


class Lane:
    """The arm, the loops and the cars of one lane.

    pace: how many times faster than life everything moves (cars, arm, operator's timers).
    """

    def __init__(self, *, pace: float = 1.0) -> None:
        self.pace = pace
        self.cars: list[Car] = []
        self.arm = 0.0
        self.is_stuck = False
        self.pulses = 0
        self._opening = False
        self._held_ms = 0.0
        self._was_covered = False

    def arrive(self, name: str) -> Car:
        """A car drives up behind whatever stands there and stops at the line."""
        behind = min((car.tail_m for car in self.cars), default=GONE_M)
        car = Car(name, nose_m=min(QUEUE_M, behind - 0.5))
        self.cars.append(car)
        return car

    def follow(self, name: str) -> Car:
        """A car that keeps close behind the last one and does not mean to stop."""
        car = self.arrive(name)
        car.intent = Intent.FOLLOW
        return car

    def pulse(self) -> None:
        """The relay closed: the operator opens the arm, unless it is stuck."""
        self.pulses += 1
        if not self.is_stuck:
            self._opening = True
            self._held_ms = 0.0

    def is_at_line(self, car: Car) -> bool:
        """Whether a car stands where its driver can reach the reader."""
        return car in self.cars and car.nose_m >= STOP_LINE_M - 0.05

    def step(self, elapsed_ms: float) -> Step:
        """Let `elapsed_ms` of real time go by (`pace` times that in the lane)."""
        moved_ms = elapsed_ms * self.pace
        struck = self._move_cars(moved_ms)
        passed = [car.name for car in self.cars if car.tail_m > SAFETY_M[1]]
        left = [
            car.name for car in self.cars if car.intent is Intent.BACK_OUT and car.nose_m <= QUEUE_M
        ]
        gone = {*passed, *left}
        self.cars = [car for car in self.cars if car.name not in gone]
        safety = any(car.covers(SAFETY_M) for car in self.cars)
        self._move_arm(moved_ms, safety)
        return Step(
            arming=any(car.covers(ARMING_M) for car in self.cars),
            safety=safety,
            arm=self.arm,
            passed=passed,
            left_backwards=left,
            struck=struck,
        )

    def _move_cars(self, moved_ms: float) -> list[str]:
        struck = []
        ahead_tail_m = GONE_M * 10
        for car in self.cars:
            reach_m = SPEED_M_S * moved_ms / 1_000
            if car.intent is Intent.BACK_OUT:
                car.nose_m -= reach_m
            elif car.intent in (Intent.APPROACH, Intent.WAIT):
                limit_m = min(STOP_LINE_M, ahead_tail_m - 0.5)
                car.nose_m = max(car.nose_m, min(car.nose_m + reach_m, limit_m))
            else:
                gap_m = TAILGATE_GAP_M if car.intent is Intent.FOLLOW else 0.5
                limit_m = ahead_tail_m - gap_m
                if self.arm < 1.0 and car.nose_m <= SAFETY_M[0]:
                    limit_m = min(limit_m, STOP_LINE_M)
                car.nose_m = max(car.nose_m, min(car.nose_m + reach_m, limit_m))
                under_arm = car.tail_m < SAFETY_M[1] and car.nose_m > SAFETY_M[0]
                if under_arm and self.arm < 0.5:
                    struck.append(car.name)
            # Whoever stands behind a car that backs out makes room for it.
            car.nose_m = min(car.nose_m, ahead_tail_m)
            ahead_tail_m = car.tail_m
        return struck

    def _move_arm(self, moved_ms: float, safety: bool) -> None:
        travel = moved_ms / ARM_MOVES_MS
        if self._opening:
            self.arm = min(1.0, self.arm + travel)
            if self.arm < 1.0:
                return
            if safety:
                self._was_covered = True
                self._held_ms = 0.0
                return
            self._held_ms += moved_ms
            limit_ms = CLOSE_AFTER_CLEAR_MS if self._was_covered else CLOSE_UNUSED_MS
            if self._held_ms >= limit_ms:
                self._opening = False
                self._was_covered = False
        elif safety and self.arm > 0:
            self._opening = True
        else:
            self.arm = max(0.0, self.arm - travel)
