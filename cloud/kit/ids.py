"""Row ids: made by the program, not the database, so that a replay from a seed repeats them."""

import secrets
from collections.abc import Callable
from typing import Final, Protocol
from uuid import UUID

from cloud.kit.clock import Clock

_LOW: Final = (1 << 62) - 1


class Ids(Protocol):
    """A source of ids nobody else uses."""

    def new(self) -> UUID:
        """The next one."""
        ...


class TimeOrderedIds:
    """UUID version 7: new rows go to the end of an index, and ids sort by the time they were made.

    random_bits: given a number of bits, returns that many random ones; a seeded one replays.
    Source: RFC 9562, section 5.7.
    """

    def __init__(self, clock: Clock, random_bits: Callable[[int], int] = secrets.randbits) -> None:
        self._clock = clock
        self._random_bits = random_bits

    def new(self) -> UUID:
        """The next one."""
        drawn = self._random_bits(74)
        high = (self._clock.now_ms() & 0xFFFF_FFFF_FFFF) << 16 | 0x7000 | drawn >> 62
        low = 0b10 << 62 | drawn & _LOW
        return UUID(int=high << 64 | low)
