"""The price that traders believe in: from one real close to the next, along a seeded bridge.

The real days decide where the price goes and how wildly; the bridge between two closes is drawn.
Floats are fine here: a belief is no money. What leaves this module is whole ticks.
"""

import math
import random
from collections.abc import Sequence

from simulators.market.anchors import Anchor

# The variance of a day's log price is its squared log range
# over 4 ln 2. Source: M. Parkinson, Journal of Business 53 (1980).
_PARKINSON = 1 / (2 * math.sqrt(math.log(2)))


class ReferencePath:
    """One stock's belief over time.

    start_ticks: the price at step 0, which the venue last knew. steps_per_day: from close to close.
    When the recorded days run out the path goes back over them, so it never jumps and never leaves
    the range the stock once had.
    """

    def __init__(
        self, anchors: Sequence[Anchor], *, seed: str, start_ticks: int, steps_per_day: int
    ) -> None:
        if len(anchors) < 2 or start_ticks <= 0 or steps_per_day <= 0:
            raise ValueError("A path needs two days, a price and steps between them.")
        self._anchors = anchors
        self._seed = seed
        self._steps = steps_per_day
        self._start_ticks = start_ticks
        self._first = random.Random(seed).randrange(len(anchors) - 1)  # noqa: S311 - no secret
        self._bridge_day = -1
        self._bridge: list[float] = []

    def day(self, step: int) -> str:
        """The real day whose close the path is leaving."""
        return self._anchor(step // self._steps).day

    def price_ticks(self, step: int) -> int:
        """The belief at a step, 0 or later; at least 1."""
        day, within = divmod(step, self._steps)
        if day != self._bridge_day:
            self._bridge, self._bridge_day = self._drawn(day), day
        level = self._start_ticks / self._anchor(0).close
        return max(1, round(level * math.exp(self._bridge[within])))

    def _anchor(self, day: int) -> Anchor:
        last = len(self._anchors) - 1
        place = (self._first + day) % (2 * last)
        return self._anchors[place if place <= last else 2 * last - place]

    def _drawn(self, day: int) -> list[float]:
        """Log prices of the day's steps: a Brownian bridge between two closes."""
        draw = random.Random(f"{self._seed}/{day}")  # noqa: S311 - repeatable, not a secret
        here, there = self._anchor(day), self._anchor(day + 1)
        sigma = math.log1p(there.range_share) * _PARKINSON / math.sqrt(self._steps)
        walk = [0.0]
        for _ in range(self._steps):
            walk.append(walk[-1] + draw.gauss(0.0, sigma))
        start, end = math.log(here.close), math.log(there.close)
        drift = (end - start - walk[-1]) / self._steps
        return [start + value + drift * number for number, value in enumerate(walk[:-1])]
