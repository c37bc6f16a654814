"""How simulated traders decide: pure rules, one class a kind, chance passed in.

`decide` is called again and again with what the trader sees now; the answer is what it wishes for,
often nothing. A strategy remembers only what it was shown and drew, so the same seed and the same
views give the same wishes.
"""

import random
from enum import StrEnum
from typing import Protocol

from simulators.market.makers import Maker, Quoting
from simulators.market.takers import Momentum, Noise, Taker
from simulators.market.view import View, Wish


class Strategy(Protocol):
    """One trader's mind for one instrument."""

    def decide(self, view: View) -> list[Wish]:
        """What to do now; empty: nothing."""
        ...


class Kind(StrEnum):
    """The kinds of simulated traders."""

    MAKER = "maker"
    NOISE = "noise"
    TAKER = "taker"
    MOMENTUM = "momentum"


def strategy_of(kind: Kind, symbol: str, seed: int) -> Strategy:
    """A fresh mind of that kind for one instrument; equal arguments, equal minds."""
    draw = random.Random(f"{seed}/{kind}/{symbol}")  # noqa: S311 - repeatable, not a secret
    match kind:
        case Kind.MAKER:
            return Maker(Quoting())
        case Kind.NOISE:
            return Noise(draw)
        case Kind.TAKER:
            return Taker(draw)
        case Kind.MOMENTUM:
            return Momentum()
