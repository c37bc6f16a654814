"""Portable: runs under pytest and on MicroPython. The model by its registers, without a driver."""

from simulators.hardware import tags
from simulators.hardware.bench import ReaderBench
from simulators.hardware.mfrc522 import (
    BIT_FRAMING,
    COLL,
    COM_IRQ,
    COMMAND,
    CONTROL,
    CRC_HIGH,
    CRC_LOW,
    DIV_IRQ,
    ERROR,
    FIFO_DATA,
    FIFO_LEVEL,
    MODE,
    RX_MODE,
    STATUS1,
    STATUS2,
    T_MODE,
    T_PRESCALER,
    T_RELOAD_LOW,
    TX_CONTROL,
    TX_MODE,
    VERSION,
)
from tests.support.reader_rig import Chance

UID4 = b"\x12\x34\x56\x78"


class Registers:
    """The chip as a technician with a bus probe sees it."""

    def __init__(self, version=0x92):
        self.bench = ReaderBench(Chance(), version)
        self.bench.time.charge_us(100)

    def write(self, register, *values):
        self.bench.cs(0)
        self.bench.spi.write(bytes((register << 1,)) + bytes(values))
        self.bench.cs(1)

    def read(self, *registers):
        out = bytes([0x80 | register << 1 for register in registers] + [0])
        into = bytearray(len(out))
        self.bench.cs(0)
        self.bench.spi.write_readinto(out, into)
        self.bench.cs(1)
        return into[1] if len(registers) == 1 else list(into[1:])

    def antenna(self):
        self.write(TX_CONTROL, 0x83)
        self.write(MODE, 0x3D)
        return self

    def send(self, frame, bits=0, command=0x0C):
        self.write(COMMAND, 0)
        self.write(COM_IRQ, 0x7F)
        self.write(FIFO_LEVEL, 0x80)
        self.write(BIT_FRAMING, bits)
        self.write(FIFO_DATA, *frame)
        self.write(COMMAND, command)
        self.write(BIT_FRAMING, 0x80 | bits)

    def wait(self):
        for _ in range(300):
            if self.read(COM_IRQ) & 0x31:
                return
        raise AssertionError("no interrupt bit came")

    def fifo(self):
        return bytes([self.read(FIFO_DATA) for _ in range(self.read(FIFO_LEVEL))])


def test_reset_values_are_those_of_the_data_sheet():
    chip = Registers()
    assert chip.read(COMMAND, MODE, TX_CONTROL, COLL, VERSION) == [0x20, 0x3F, 0x80, 0xA0, 0x92]
    assert chip.read(COM_IRQ) & 0x7F == 0x14


def test_a_burst_reads_a_different_register_with_every_byte():
    chip = Registers(0x88)
    chip.write(TX_CONTROL, 0x83)
    assert chip.read(VERSION, TX_CONTROL, VERSION) == [0x88, 0x83, 0x88]


def test_read_only_registers_stay_as_they_are():
    chip = Registers()
    for register in (VERSION, CRC_HIGH, ERROR, STATUS1):
        before = chip.read(register)
        chip.write(register, 0x55)
        assert chip.read(register) == before


def test_interrupt_bits_are_set_and_cleared_by_mask():
    chip = Registers()
    chip.write(COM_IRQ, 0x7F)
    assert chip.read(COM_IRQ) == 0
    chip.write(COM_IRQ, 0x80 | 0x21)
    assert chip.read(COM_IRQ) == 0x21
    chip.write(COM_IRQ, 0x01)
    assert chip.read(COM_IRQ) == 0x20


def test_the_fifo_holds_64_bytes_and_says_when_it_overflowed():
    chip = Registers()
    chip.write(FIFO_DATA, *range(64))
    assert (chip.read(FIFO_LEVEL), chip.read(ERROR)) == (64, 0)
    chip.write(FIFO_DATA, 1)
    assert (chip.read(FIFO_LEVEL), chip.read(ERROR)) == (64, 0x10)
    assert chip.fifo() == bytes(range(64))
    chip.write(FIFO_LEVEL, 0x80)
    assert (chip.read(FIFO_LEVEL), chip.read(ERROR)) == (0, 0)


def test_the_checksum_unit_gives_crc_a():
    chip = Registers()
    chip.write(MODE, 0x3D)
    chip.write(FIFO_DATA, 0x12, 0x34)
    chip.write(DIV_IRQ, 0x04)
    chip.write(COMMAND, 0x03)
    assert chip.read(DIV_IRQ) & 0x04
    assert chip.read(CRC_LOW, CRC_HIGH) == [0x26, 0xCF]


def test_the_checksum_unit_costs_seven_transactions_a_frame():
    # What firmware/cards/crc_a.py saves by computing.
    chip = Registers()
    chip.write(MODE, 0x3D)
    before = chip.bench.spi.transactions
    chip.write(COMMAND, 0x00)
    chip.write(DIV_IRQ, 0x04)
    chip.write(FIFO_LEVEL, 0x80)
    chip.write(FIFO_DATA, 0x30, 0x04)
    chip.write(COMMAND, 0x03)
    assert chip.read(DIV_IRQ) & 0x04
    assert chip.read(CRC_LOW, CRC_HIGH) == [0x26, 0xEE]
    assert chip.bench.spi.transactions - before == 7


def test_internal_buffer_and_random_id():
    chip = Registers()
    chip.write(FIFO_DATA, *range(25))
    chip.write(COMMAND, 0x01)
    assert chip.read(FIFO_LEVEL) == 0
    chip.write(COMMAND, 0x01)
    assert chip.fifo() == bytes(range(25))
    chip.write(COMMAND, 0x02)
    chip.write(COMMAND, 0x01)
    mixed = chip.fifo()
    assert mixed[10:] == bytes(range(10, 25))
    assert mixed[:10] != bytes(range(10))


def test_without_an_antenna_no_card_hears_anything():
    chip = Registers()
    chip.bench.field.put(tags.make("classic1k", UID4))
    chip.write(T_MODE, 0x80)
    chip.write(T_RELOAD_LOW, 0xFF)
    chip.send(b"\x26", 7)
    chip.wait()
    assert chip.read(COM_IRQ) & 0x21 == 0x01
    chip.write(T_MODE, 0)
    chip.antenna()
    chip.send(b"\x26", 7)
    chip.wait()
    assert chip.fifo() == b"\x04\x00"


def test_an_answer_takes_its_time_on_the_air():
    chip = Registers().antenna()
    chip.bench.field.put(tags.make("classic1k", UID4))
    chip.send(b"\x26", 7)
    sent_us = chip.bench.time.now_us()
    chip.wait()
    took_us = chip.bench.time.now_us() - sent_us
    # 7 bits out, 91 us of thought, 2 bytes in: 0.36 ms, seen at the next poll.
    assert 360 <= took_us <= 480
    assert chip.read(FIFO_LEVEL, CONTROL)[0] == 2


def test_a_start_bit_left_over_sends_at_once():
    # A hazard of the real chip that the driver must not fall into.
    chip = Registers().antenna()
    chip.bench.field.put(tags.make("classic1k", UID4))
    chip.send(b"\x26", 7)
    chip.wait()
    chip.write(COMMAND, 0)
    chip.write(COM_IRQ, 0x7F)
    chip.write(FIFO_LEVEL, 0x80)
    chip.write(FIFO_DATA, 0x93, 0x20)
    chip.write(COMMAND, 0x0C)
    assert chip.read(FIFO_LEVEL) == 0


def test_the_chip_can_append_and_check_the_checksum():
    chip = Registers().antenna()
    chip.bench.field.put(tags.make("classic1k", UID4))
    chip.send(b"\x26", 7)
    chip.wait()
    chip.write(TX_MODE, 0x80)
    chip.write(RX_MODE, 0x80)
    chip.send(b"\x93\x70" + UID4 + b"\x08")
    chip.wait()
    assert chip.read(ERROR) == 0
    assert chip.fifo() == b"\x08"


def test_transmit_and_receive_apart():
    chip = Registers().antenna()
    chip.bench.field.put(tags.make("classic1k", UID4))
    chip.write(BIT_FRAMING, 7)
    chip.write(FIFO_DATA, 0x26)
    chip.write(COM_IRQ, 0x7F)
    chip.write(COMMAND, 0x04)
    assert not chip.read(COM_IRQ) & 0x20
    chip.bench.time.charge_us(1000)
    assert chip.read(COM_IRQ) & 0x40


def test_two_cards_show_where_their_bits_differ():
    chip = Registers().antenna()
    chip.bench.field.put(tags.make("classic1k", b"\x12\x34\x56\x78"))
    chip.bench.field.put(tags.make("classic1k", b"\x12\x34\x46\x78"))
    chip.send(b"\x26", 7)
    chip.wait()
    assert chip.read(ERROR) == 0  # the same kind of card: ATQA does not differ
    chip.send(b"\x93\x20")
    chip.wait()
    assert chip.read(ERROR) & 0x08
    # Bit 20 of the UID, counted from 0, is the first to differ; the register counts from 1.
    assert chip.read(COLL) & 0x3F == 21


def test_a_collision_can_be_resolved_bit_by_bit():
    chip = Registers().antenna()
    chip.bench.field.put(tags.make("classic1k", b"\x12\x34\x56\x78"))
    chip.bench.field.put(tags.make("classic1k", b"\x12\x34\x46\x78"))
    chip.send(b"\x26", 7)
    chip.wait()
    # 20 bits are common; choosing 1 for bit 20 leaves the first card, aligned to bit 5 of byte 2.
    chip.send(b"\x93\x45\x12\x34\x16", 0x55)
    chip.wait()
    assert chip.read(ERROR) == 0
    rest = chip.fifo()
    assert rest[0] & 0xE0 == 0x56 & 0xE0
    assert rest[1:] == b"\x78" + bytes((0x12 ^ 0x34 ^ 0x56 ^ 0x78,))


def test_authentication_switches_encryption_on_and_only_software_off():
    chip = Registers().antenna()
    chip.bench.field.put(tags.make("classic1k", UID4))
    chip.send(b"\x26", 7)
    chip.wait()
    chip.send(b"\x93\x70" + UID4 + b"\x08" + tags.crc_a(b"\x93\x70" + UID4 + b"\x08"))
    chip.wait()
    chip.write(STATUS2, 0x08)
    assert not chip.read(STATUS2) & 0x08
    chip.write(COMMAND, 0)
    chip.write(COM_IRQ, 0x7F)
    chip.write(FIFO_LEVEL, 0x80)
    chip.write(FIFO_DATA, *(b"\x60\x04" + b"\xff" * 6 + UID4))
    chip.write(COMMAND, 0x0E)
    chip.wait()
    assert chip.read(STATUS2) & 0x08
    chip.write(STATUS2, 0)
    assert not chip.read(STATUS2) & 0x08


def test_authentication_with_too_few_bytes_is_a_protocol_error():
    chip = Registers().antenna()
    chip.write(FIFO_DATA, 0x60, 4)
    chip.write(COMMAND, 0x0E)
    assert chip.read(ERROR) & 0x01


def test_the_timer_counts_by_prescaler_and_reload():
    chip = Registers()
    chip.write(T_PRESCALER, 169)  # 40 kHz
    chip.write(T_RELOAD_LOW, 79)
    chip.write(COM_IRQ, 0x7F)
    chip.write(CONTROL, 0x40)
    began_us = chip.bench.time.now_us()
    assert chip.read(STATUS1) & 0x08
    while not chip.read(COM_IRQ) & 0x01:
        assert chip.bench.time.now_us() - began_us < 3000
    assert 1940 <= chip.bench.time.now_us() - began_us <= 2100
    chip.write(CONTROL, 0x40)
    chip.write(CONTROL, 0x80)
    assert not chip.read(STATUS1) & 0x08


def test_soft_reset_and_power_dips_forget_everything():
    chip = Registers().antenna()
    chip.write(COMMAND, 0x0F)
    chip.bench.time.charge_us(100)
    assert chip.read(TX_CONTROL) == 0x80
    chip.antenna()
    chip.bench.chip.brown_out()
    chip.bench.time.charge_us(100)
    assert chip.read(TX_CONTROL, VERSION) == [0x80, 0x92]


def test_faults_show_on_the_bus():
    chip = Registers()
    for value in (0x00, 0xFF):
        chip.bench.chip.faults.stuck = value
        assert chip.read(VERSION) == value
    chip.bench.rst(0)
    chip.bench.rst(1)
    chip.bench.time.charge_us(100)
    assert chip.read(VERSION) == 0x92
    chip.bench.chip.faults.wiring = 0x00
    chip.bench.rst(0)
    chip.bench.rst(1)
    assert chip.read(VERSION) == 0x00
    chip.bench.chip.faults.wiring = None
    chip.bench.chip.faults.noise = 1.0
    assert len({chip.read(VERSION) for _ in range(20)}) > 10
