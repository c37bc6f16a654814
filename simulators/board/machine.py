"""MicroPython's `machine` for a simulated gate: the names and manners the firmware uses.

Pins are wires to the world, the SPI bus ends at the register model of the reader, timers and the
watchdog run in threads, so that they keep time while the event loop stalls, as hardware does.
"""

import _thread
import os
import random
import struct
import sys
import time

from simulators.board import wiring
from simulators.board.reader_bench import BENCH
from simulators.board.world import WORLD, leave_reset_cause, now_us, take_reset_cause

PWRON_RESET = 1
HARD_RESET = 2
WDT_RESET = 3
DEEPSLEEP_RESET = 4
SOFT_RESET = 5

EXIT_RESET = 75

_BOARD = os.getenv("CURB_BOARD") or "esp32"
_WIRES = wiring.BOARDS[_BOARD]
_CAUSES = {"power_on": PWRON_RESET, "watchdog": WDT_RESET, "soft": SOFT_RESET}
_RESET_TEXT = take_reset_cause()
_2000_MS = 946684800000

random.seed(struct.unpack("<I", os.urandom(4))[0])


def unique_id():
    """The chip's serial number: the gate's id."""
    return (os.getenv("CURB_GATE") or "drawer").encode()


def freq(_hz=None):
    """The processor's clock."""
    return 160000000


def reset_cause():
    """Why this run started."""
    return _CAUSES.get(_RESET_TEXT, PWRON_RESET)


def reset():
    """Restart: whoever started this process starts it again."""
    leave_reset_cause("soft")
    sys.exit(EXIT_RESET)


soft_reset = reset


class Pin:
    """A pin; what hangs on it is in wiring.py."""

    IN = 0
    OUT = 1
    PULL_UP = 2
    PULL_DOWN = 3

    def __init__(self, number, mode=IN, pull=None, value=None):
        """Name the pin by its number."""
        self._name = _WIRES[number]
        self._mode = mode
        self._level = 0
        if self._name == "reader_cs":
            self.value = BENCH.cs.value
        elif self._name == "reader_rst":
            self.value = BENCH.rst.value
        if value is not None:
            self.value(value)

    def value(self, level=None):
        """Read, or drive."""
        if level is None:
            if self._mode == Pin.IN:
                # Contacts close to ground.
                return 0 if WORLD.sample(self._name) else 1
            return self._level
        level = 1 if level else 0
        if level != self._level:
            self._level = level
            _tell_output(self._name, level)
        return None

    def __call__(self, level=None):
        """See `value`."""
        return self.value(level)

    def on(self):
        """Drive high."""
        self.value(1)

    def off(self):
        """Drive low."""
        self.value(0)


_lamp = {"red": False, "green": False}


def _tell_output(name, level):
    if name == "relay":
        us = now_us()
        WORLD.tell({"pin": "relay", "on": bool(level), "us": us})
        first_us = BENCH.field.first_answer_us
        if level and first_us is not None:
            BENCH.field.first_answer_us = None
            brought_us = BENCH.field.brought_us
            WORLD.tell(
                {
                    "timing": {
                        "brought_us": brought_us,
                        "first_answer_us": first_us,
                        "relay_us": us,
                    }
                }
            )
    elif name == "buzzer":
        WORLD.tell({"buzzer": bool(level)})
    elif name.startswith("lamp_"):
        _lamp[name[5:]] = bool(level)
        WORLD.tell({"lamp": dict(_lamp)})


class SPI:
    """The reader's bus."""

    MSB = 0
    LSB = 1

    def __init__(self, bus, baudrate=1000000, **_settings):
        """Take what a board's constructor takes; the bus is the bench's."""
        self.write = BENCH.spi.write
        self.write_readinto = BENCH.spi.write_readinto
        self.readinto = BENCH.spi.readinto
        self.read = BENCH.spi.read


class UART:
    """The display's line."""

    def __init__(self, bus, baudrate=9600, **_settings):
        """Take what a board's constructor takes."""

    def write(self, data):
        """A sentence for the driver."""
        WORLD.tell({"display": bytes(data).decode().strip()})
        return len(data)


class Timer:
    """A hardware timer: it fires on time whatever the event loop does."""

    ONE_SHOT = 0
    PERIODIC = 1

    def __init__(self, number=-1, **settings):
        """Make a timer; with settings it starts."""
        self._generation = 0
        if settings:
            self.init(**settings)

    def init(self, mode=ONE_SHOT, period=-1, callback=None, **_settings):
        """Start it anew; period in ms."""
        self._generation += 1
        _thread.start_new_thread(self._run, (self._generation, mode, period, callback))

    def deinit(self):
        """Stop it."""
        self._generation += 1

    def _run(self, generation, mode, period, callback):
        due_ms = time.ticks_add(time.ticks_ms(), period)
        while True:
            left_ms = time.ticks_diff(due_ms, time.ticks_ms())
            if left_ms > 0:
                _sleep(left_ms)
                continue
            if generation != self._generation:
                return
            callback(self)
            if mode == Timer.ONE_SHOT:
                return
            due_ms = time.ticks_add(due_ms, period)


class WDT:
    """The watchdog: once started it is fed, or the process is killed by SIGALRM."""

    def __init__(self, id=0, timeout=5000):  # noqa: A002 - machine's own name
        """Start it; timeout in ms."""
        if _BOARD == "rp2" and timeout > 8388:
            raise ValueError("timeout exceeds 8388")
        self._timeout_ms = timeout
        self.feed()
        _thread.start_new_thread(self._run, ())

    def feed(self):
        """Put it off."""
        self._fed_ms = time.ticks_ms()

    def _run(self):
        while True:
            left_ms = self._timeout_ms - time.ticks_diff(time.ticks_ms(), self._fed_ms)
            if left_ms <= 0:
                leave_reset_cause("watchdog")
                # A thread cannot end the process from within MicroPython.
                os.system("kill -s ALRM $PPID")  # noqa: S605, S607
                return
            _sleep(left_ms)


def _sleep(ms):
    # In a thread `sleep_ms` wakes up every 0.5 ms; with twenty gates that is most of a processor.
    time.sleep(ms / 1000)


class RTC:
    """The clock of the chip: lost at power-on, as on boards without a battery."""

    _set_by_ms = None
    fault_ms = 0
    _started_ms = None

    def __init__(self):
        """There is only one."""
        if RTC._started_ms is None:
            RTC._started_ms = true_ms()

    def datetime(self, value=None):
        """Read or set (year, month, day, weekday, hour, minute, second, subseconds)."""
        if value is not None:
            year, month, day, _, hour, minute, second, sub = value
            seconds = (_days(year, month, day) * 24 + hour) * 3600 + minute * 60 + second
            wanted_ms = seconds * 1000 + _ms_of(sub)
            RTC._set_by_ms = wanted_ms - true_ms()
            RTC.fault_ms = 0
            return None
        if RTC._set_by_ms is None:
            now_ms = _2000_MS + true_ms() - RTC._started_ms
        else:
            now_ms = true_ms() + RTC._set_by_ms
        now_ms += RTC.fault_ms
        date = time.gmtime(now_ms // 1000)
        year, month, day, hour, minute, second, weekday = date[:7]
        sub = 0 if _BOARD == "rp2" else now_ms % 1000 * 1000
        return year, month, day, weekday, hour, minute, second, sub


def _days(year, month, day):
    """Days from 1970-01-01 to a date."""
    days = sum(366 if _is_leap(y) else 365 for y in range(1970, year))
    lengths = (31, 29 if _is_leap(year) else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    return days + sum(lengths[: month - 1]) + day - 1


def _is_leap(year):
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _ms_of(subseconds):
    return 0 if _BOARD == "rp2" else subseconds // 1000


def true_ms():
    """The true time in ms since 1970: CURB_CLOCK_FILE's, else the host's."""
    path = os.getenv("CURB_CLOCK_FILE")
    if path:
        with open(path, "rb") as file:
            return struct.unpack("<q", file.read(8))[0]
    return time.time_ns() // 1000000


def _on_fault(fault):
    if "reader" in fault:
        BENCH.fault(fault["reader"])
    if "rtc_offset_ms" in fault:
        RTC.fault_ms = fault["rtc_offset_ms"]


WORLD.on_fault = _on_fault
WORLD.on_field = BENCH.field.replace


def hello():
    """What the board says first."""
    return {"hello": unique_id().decode(), "board": _BOARD, "reset": _RESET_TEXT}
