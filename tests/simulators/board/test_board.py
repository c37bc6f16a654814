"""The simulated board keeps time, bites, resets and forgets as the real ones do."""

import os
import struct
import subprocess
import time
from pathlib import Path

import pytest

from simulators.board import wiring
from tests.support.engines import ROOT
from tests.support.micropython import MICROPYTHON

BOARD = ROOT / "simulators" / "board"


def run_on_board(code: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code where `machine` is the simulated one; the flash is in `folder`."""
    (folder / "flash").mkdir(exist_ok=True)
    return subprocess.run(
        [str(MICROPYTHON), "-c", code],
        cwd=folder,
        env={
            **os.environ,
            "MICROPYPATH": f"{BOARD}:{ROOT}:.frozen",
            "CURB_FLASH": str(folder / "flash"),
            "CURB_GATE": "elm-in-1",
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_a_pulse_ends_on_time_while_the_processor_is_busy(tmp_path):
    code = """
import machine, time
from firmware.drivers.relay import Relay
pin = machine.Pin(25, machine.Pin.OUT, value=0)
relay = Relay(pin, machine.Timer(0), machine.Timer.ONE_SHOT, 100)
relay.pulse()
began = time.ticks_ms()
print(pin.value())
ended = None
while time.ticks_diff(time.ticks_ms(), began) < 400:
    if ended is None and not pin.value():
        ended = time.ticks_diff(time.ticks_ms(), began)
print(ended)
"""
    done = run_on_board(code, tmp_path)
    first, ended = done.stdout.split()
    assert first == "1"
    assert 90 <= int(ended) <= 200


def test_a_second_pulse_starts_the_time_anew(tmp_path):
    code = """
import machine, time
from firmware.drivers.relay import Relay
pin = machine.Pin(25, machine.Pin.OUT, value=0)
relay = Relay(pin, machine.Timer(0), machine.Timer.ONE_SHOT, 200)
relay.pulse()
time.sleep_ms(150)
relay.pulse()
time.sleep_ms(150)
print(pin.value())
time.sleep_ms(150)
print(pin.value())
"""
    assert run_on_board(code, tmp_path).stdout.split() == ["1", "0"]


def test_an_unfed_watchdog_resets_the_board_and_the_next_start_knows(tmp_path):
    code = """
import machine, time
watchdog = machine.WDT(timeout=200)
for _ in range(4):
    time.sleep_ms(100)
    watchdog.feed()
while True:
    pass
"""
    began = time.monotonic()
    assert run_on_board(code, tmp_path).returncode == -14
    assert time.monotonic() - began < 5
    cause = "import machine; print(machine.reset_cause() == machine.WDT_RESET)"
    assert run_on_board(cause, tmp_path).stdout.strip() == "True"
    assert run_on_board(cause, tmp_path).stdout.strip() == "False"


def test_a_reset_ends_with_its_own_status_and_is_a_soft_one(tmp_path):
    assert run_on_board("import machine; machine.reset()", tmp_path).returncode == 75
    cause = "import machine; print(machine.reset_cause() == machine.SOFT_RESET)"
    assert run_on_board(cause, tmp_path).stdout.strip() == "True"


@pytest.mark.parametrize("board", ["esp32", "rp2"])
def test_the_clock_starts_in_2000_and_follows_the_file_once_set(tmp_path, board):
    clock = tmp_path / "clock"
    clock.write_bytes(struct.pack("<q", 1_800_000_000_500))
    code = """
import machine, struct
rtc = machine.RTC()
print(rtc.datetime()[0])
rtc.datetime((2027, 1, 15, 4, 8, 0, 0, 0))
with open("clock", "wb") as file:
    file.write(struct.pack("<q", 1800000000500 + 3600000))
print(rtc.datetime()[:7])
"""
    done = run_on_board(code, tmp_path, CURB_CLOCK_FILE=str(clock), CURB_BOARD=board)
    year, moment = done.stdout.strip().splitlines()
    assert year == "2000"
    assert moment == "(2027, 1, 15, 4, 9, 0, 0)"


def test_the_bench_is_wired_as_the_boards_are():
    from firmware.board.parts import WATCHDOG_MS

    assert WATCHDOG_MS <= 8_388
    for name, wires in wiring.BOARDS.items():
        pins: dict[str, dict[str, int]] = {}
        source = (ROOT / "firmware" / "board" / f"{name}.py").read_text()
        table = source[source.index("PINS = {") : source.index("}", source.index("PINS = {")) + 1]
        exec(table, pins)
        assert {pin: wire for wire, pin in pins["PINS"].items()} == wires
