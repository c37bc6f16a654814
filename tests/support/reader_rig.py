"""The firmware's reader driver on a simulated chip; runs on CPython and MicroPython."""

from firmware.cards.reader import run
from firmware.drivers.mfrc522 import MFRC522
from simulators.hardware.bench import ReaderBench


class Chance:
    """A small seeded generator, so that both interpreters draw the same numbers."""

    def __init__(self, seed=1):
        self._state = seed * 2654435761 % 4294967296

    def __call__(self):
        self._state = (self._state * 1664525 + 1013904223) % 4294967296
        return self._state / 4294967296


class Rig:
    """Bench and driver; `field`, `chip` and `time` as of the bench."""

    def __init__(self, seed=1, version=0x92, rst=True):
        self.bench = ReaderBench(Chance(seed), version)
        self.field = self.bench.field
        self.chip = self.bench.chip
        self.time = self.bench.time
        self.driver = MFRC522(
            self.bench.spi,
            self.bench.cs,
            self.bench.rst if rst else None,
            self.time.ticks_us,
            self.time.ticks_diff,
        )

    def tend_for(self, ms):
        """Tend every millisecond until ready, at most so long; whether it got ready."""
        for _ in range(ms):
            if self.driver.tend(self.time.ticks_ms()):
                return True
            self.time.charge_us(1000)
        return False

    def ready(self):
        """Wake the chip; gives self."""
        assert self.tend_for(200)
        return self

    def do(self, steps):
        """Drive steps to their end."""
        return run(steps)

    def timed(self, steps):
        """Drive steps; gives (result, ms they took, ms of the longest step)."""
        began_us = step_us = self.time.now_us()
        longest_us = 0
        while True:
            try:
                next(steps)
            except StopIteration as end:
                now_us = self.time.now_us()
                longest_us = max(longest_us, now_us - step_us)
                return end.value, (now_us - began_us) / 1000, longest_us / 1000
            now_us = self.time.now_us()
            longest_us = max(longest_us, now_us - step_us)
            step_us = now_us
