"""Puts a gate together from a pin map, the same way on every board."""

from firmware.drivers.buzzer import Buzzer
from firmware.drivers.display import Display
from firmware.drivers.lamp import Lamp
from firmware.drivers.loop_input import ArmSwitches, LoopInput
from firmware.drivers.mfrc522 import MFRC522
from firmware.drivers.relay import Relay

# Both chips allow it: the RP2040's hardware watchdog ends at 8,388 ms.
WATCHDOG_MS = 8000


class Board:
    """What the firmware needs of a board; see `assemble` for what each part is."""

    def __init__(self, machine, wlan, rtc_subseconds_per_ms):
        """Take the machine module and the station interface."""
        self._machine = machine
        self.wlan = wlan
        self.rtc = machine.RTC()
        self.rtc_subseconds_per_ms = rtc_subseconds_per_ms
        self.reader = None
        self.relay = None
        self.arming = None
        self.safety = None
        self.arm = None
        self.lamp = None
        self.buzzer = None
        self.display = None

    def start_watchdog(self):
        """The hardware watchdog, which from now on wants `feed()` every WATCHDOG_MS."""
        return self._machine.WDT(timeout=WATCHDOG_MS)

    def reset(self):
        """Restart the board; does not return."""
        self._machine.reset()

    def reset_cause(self):
        """Why the board started: power_on, watchdog, soft or other."""
        machine = self._machine
        names = (
            ("PWRON_RESET", "power_on"),
            ("WDT_RESET", "watchdog"),
            ("SOFT_RESET", "soft"),
            ("HARD_RESET", "hard"),
        )
        cause = machine.reset_cause()
        for name, text in names:
            if getattr(machine, name, None) == cause:
                return text
        return "other"


def assemble(machine, time, pins, spi, timers, uart, wlan, has_arm_switch, pulse_ms, sub):
    """A Board with everything on it.

    pins: the pin map; spi: the reader's bus; timers: two machine.Timer, for relay and buzzer.
    uart: the display's, or None; sub: see Clock.
    """
    pin = machine.Pin

    def output(name, level=0):
        return pin(pins[name], pin.OUT, value=level)

    def contact(name):
        return pin(pins[name], pin.IN, pin.PULL_UP)

    board = Board(machine, wlan, sub)
    # First of all: a board that starts must not open.
    board.relay = Relay(output("relay"), timers[0], machine.Timer.ONE_SHOT, pulse_ms)
    board.lamp = Lamp(output("lamp_red"), output("lamp_green"))
    board.buzzer = Buzzer(output("buzzer"), timers[1], machine.Timer.ONE_SHOT)
    board.display = Display(uart)
    board.arming = LoopInput(contact("arming"))
    board.safety = LoopInput(contact("safety"))
    if has_arm_switch:
        board.arm = ArmSwitches(contact("arm_up"), contact("arm_down"))
    board.reader = MFRC522(
        spi, output("reader_cs", 1), output("reader_rst", 0), time.ticks_us, time.ticks_diff
    )
    return board
