"""Portable: runs under pytest and on MicroPython."""

from simulators.hardware.bench import ReaderBench
from simulators.hardware.spi import BusTime, Line, SpiBus
from tests.support.reader_rig import Chance


class Echo:
    """A chip that answers what it was told."""

    def select(self):
        self.selected = True

    def transfer(self, data, into):
        if into is not None:
            into[:] = data


def bus():
    time = BusTime()
    spi = SpiBus(Echo(), time)
    return time, spi, Line(spi.chip_select)


def test_transactions_and_bytes_are_counted_and_charged():
    time, spi, cs = bus()
    cs(0)
    spi.write(b"ab")
    cs(1)
    assert (spi.transactions, spi.bytes, time.now_us()) == (1, 2, 60)
    cs.off()
    spi.write(bytes(12))
    cs.on()
    assert (spi.transactions, spi.bytes, time.now_us()) == (2, 14, 60 + 60 + 80)


def test_reading_fills_buffers_as_machine_spi_does():
    _, spi, cs = bus()
    cs.value(0)
    into = bytearray(3)
    spi.readinto(into, 0x55)
    assert into == b"\x55\x55\x55"
    spi.write_readinto(b"abc", into)
    assert into == b"abc"
    assert spi.read(2, 7) == b"\x07\x07"
    try:
        spi.write_readinto(b"ab", into)
    except ValueError:
        return
    raise AssertionError("buffers of different lengths were accepted")


def test_nobody_answers_while_the_chip_is_not_selected():
    _, spi, cs = bus()
    assert cs.value() == 1
    assert spi.read(1) == b"\xff"
    assert spi.transactions == 0


def test_time_in_a_live_simulation_is_never_behind_and_its_lead_is_slept_off():
    real = [1000]
    slept = []

    def sleep_us(us):
        slept.append(us)
        real[0] += us

    time = BusTime(lambda: real[0], sleep_us)
    assert time.now_us() == 1000
    time.charge_us(600)
    assert (time.now_us(), slept) == (1600, [])
    time.charge_us(600)
    assert (time.now_us(), slept) == (2200, [1200])
    real[0] = 9000
    assert (time.ticks_us(), time.ticks_ms()) == (9000, 9)


def test_the_bench_is_wired():
    bench = ReaderBench(Chance(), version=0x91)
    bench.time.charge_us(100)
    bench.cs(0)
    into = bytearray(2)
    bench.spi.write_readinto(bytes((0x80 | 0x37 << 1, 0)), into)
    bench.cs(1)
    assert into[1] == 0x91
    bench.rst(0)
    assert not bench.field.is_on
