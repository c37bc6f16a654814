"""A reader on the bench: chip, bus, pins and field wired together as on a board."""

from simulators.hardware.field import Field
from simulators.hardware.mfrc522 import Mfrc522
from simulators.hardware.spi import BusTime, Line, SpiBus


class ReaderBench:
    """Everything the firmware's driver needs, ready to hand over.

    spi, cs, rst: for the driver; time: its `ticks_us` and `ticks_diff`; field: put cards here;
    chip: faults are set on `chip.faults`.
    """

    def __init__(self, chance, version=0x92, time=None):
        self.time = BusTime() if time is None else time
        self.field = Field()
        self.chip = Mfrc522(self.field, self.time, chance, version)
        self.spi = SpiBus(self.chip, self.time)
        self.cs = Line(self.spi.chip_select)
        self.rst = Line(self.chip.reset_pin)
