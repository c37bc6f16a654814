"""The reader on this board: the register model of simulators/hardware on a bus that takes time."""

import os
import random
import time

from simulators.board.world import WORLD, now_us
from simulators.hardware.field import Field
from simulators.hardware.mfrc522 import Mfrc522
from simulators.hardware.spi import BusTime, Line, SpiBus
from simulators.hardware.tags import load

_WRITE_COMMANDS = (0xA0, 0xA2)
_NOISE = 0.02


class WatchedField(Field):
    """A field that knows when a card that was brought first answered, and tells of writes."""

    def __init__(self):
        """Start empty."""
        super().__init__()
        self.brought_us = 0
        self.first_answer_us = None
        self._is_waiting = False

    def replace(self, dumps):
        """These cards are at the reader now, and no others."""
        kept = []
        for dump in dumps:
            uid = bytes.fromhex(dump["uid"])
            known = [tag for tag in self.tags if tag.uid == uid]
            kept.append(known[0] if known else load(dump))
        for tag in list(self.tags):
            if tag not in kept:
                self.take(tag)
        for tag in kept:
            if tag not in self.tags:
                self._is_waiting = True
                self.brought_us = now_us()
                self.first_answer_us = None
                self.put(tag)

    def transmit(self, frame, bits, encrypted):
        """See Field.transmit."""
        heard = super().transmit(frame, bits, encrypted)
        if heard is None:
            return None
        if self._is_waiting:
            self._is_waiting = False
            self.first_answer_us = now_us()
        if frame and frame[0] in _WRITE_COMMANDS and len(frame) > 3:
            for tag in self.tags:
                WORLD.tell({"tag": tag.dump()})
        return heard


class Bench:
    """Chip, bus and field of one board."""

    def __init__(self):
        """Build it as the environment says; see simulators/board/__init__.py."""
        spi_us = int(os.getenv("CURB_SPI_US") or "60")
        sleep_us = time.sleep_us if spi_us else None
        started_us = time.ticks_us()
        real_us = lambda: time.ticks_diff(time.ticks_us(), started_us)  # noqa: E731
        self.field = WatchedField()
        bus_time = BusTime(real_us, sleep_us)
        version = int(os.getenv("CURB_READER") or "0x92", 0)
        self.chip = Mfrc522(self.field, bus_time, random.random, version)
        self.spi = SpiBus(self.chip, bus_time, spi_us, 8 if spi_us else 0)
        self.cs = Line(self.spi.chip_select)
        self.rst = Line(self.chip.reset_pin)

    def fault(self, kind):
        """Let the reader be "hang", "noise", "wiring", or None: in order again."""
        faults = self.chip.faults
        faults.stuck = 0xFF if kind == "hang" else None
        faults.wiring = 0x00 if kind == "wiring" else None
        faults.noise = _NOISE if kind == "noise" else 0.0


BENCH = Bench()
