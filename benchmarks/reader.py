"""How long the reader takes, counted and not timed: the firmware's driver on the register model.

Every SPI transaction is charged 60 us (two bytes at 1 MHz and MicroPython's work around them) and 8
us for each further byte; the air time of each frame, the cards' answer delay and 4.1 ms of EEPROM a
page come from the model. Hashing on the gate's processor is not in it. The same on any machine.
"""

from collections.abc import Callable, Generator
from typing import Any

from firmware.cards import classic, iso14443a, reader
from firmware.cards.personalise import personalise
from firmware.cards.read import read_card, write_counter
from firmware.drivers.mfrc522 import MFRC522
from simulators.hardware import tags
from simulators.hardware.bench import ReaderBench

_MASTER_KEY = bytes(range(32))
_UID_4 = bytes.fromhex("12345678")
_UID_7 = bytes.fromhex("04a1b2c3d4e5f6")

_Steps = Generator[None, None, Any]


class _Stopwatch:
    """A woken reader whose simulated time and transactions are counted."""

    def __init__(self) -> None:
        self.bench = ReaderBench(chance=lambda: 0.5)
        time = self.bench.time
        self.driver = MFRC522(
            self.bench.spi, self.bench.cs, self.bench.rst, time.ticks_us, time.ticks_diff
        )
        while not self.driver.tend(time.ticks_ms()):
            time.charge_us(1000)
        self.longest_step_us = 0

    def ms(self, steps: _Steps) -> tuple[Any, float]:
        """What the steps give, and the simulated milliseconds they take."""
        now_us: Callable[[], int] = self.bench.time.now_us
        began_us = step_us = now_us()
        while True:
            try:
                next(steps)
            except StopIteration as end:
                return end.value, (now_us() - began_us) / 1000
            self.longest_step_us = max(self.longest_step_us, now_us() - step_us)
            step_us = now_us()


def run() -> dict[str, float]:
    """The figures in simulated milliseconds; transactions are counts."""
    watch = _Stopwatch()
    _, empty_ms = watch.ms(read_card(watch.driver, _MASTER_KEY))
    uid_ms = _uid_ms(watch, "classic1k", _UID_4)
    uid_7_ms = _uid_ms(watch, "ntag213", _UID_7)
    classic_ms = _classic_ms(watch)
    secured_ms, counter_ms, transactions = _secured(watch)
    return {
        "empty_poll_ms": empty_ms,
        "uid_ms": uid_ms,
        "uid_7_bytes_ms": uid_7_ms,
        "classic_read_ms": classic_ms,
        "secured_read_ms": secured_ms,
        "secured_read_with_counter_ms": secured_ms + counter_ms,
        "secured_read_with_counter_transactions": float(transactions),
        "longest_step_ms": watch.longest_step_us / 1000,
    }


def _find(driver: MFRC522) -> _Steps:
    yield from iso14443a.request(driver)
    return (yield from iso14443a.select(driver))


def _uid_ms(watch: _Stopwatch, kind: str, uid: bytes) -> float:
    watch.bench.field.clear()
    watch.bench.field.put(tags.make(kind, uid))
    found, took_ms = watch.ms(_find(watch.driver))
    assert found[1] == uid
    return took_ms


def _classic_ms(watch: _Stopwatch) -> float:
    """UID, authentication and one block."""
    took_ms = _uid_ms(watch, "classic1k", _UID_4)
    status, more_ms = watch.ms(classic.authenticate(watch.driver, _UID_4, 4, classic.FACTORY_KEY))
    assert status == reader.OK
    (status, _), read_ms = watch.ms(classic.read_block(watch.driver, 4))
    assert status == reader.OK
    reader.run(iso14443a.halt(watch.driver))
    return took_ms + more_ms + read_ms


def _secured(watch: _Stopwatch) -> tuple[float, float, int]:
    """A Level 1 card: ms to prove it (then the tap is sent), ms to count, bus transactions."""
    field = watch.bench.field
    tag = tags.make("ntag213", _UID_7)
    field.clear()
    field.put(tag)
    reader.run(personalise(watch.driver, _UID_7, _MASTER_KEY))
    field.take(tag)
    field.put(tag)
    before = watch.bench.spi.transactions
    reading, read_ms = watch.ms(read_card(watch.driver, _MASTER_KEY))
    assert reading.level == 1
    status, write_ms = watch.ms(write_counter(watch.driver, reading))
    assert status == reader.OK
    return read_ms, write_ms, watch.bench.spi.transactions - before
