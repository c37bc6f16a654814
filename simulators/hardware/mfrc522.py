"""The MFRC522 as its registers show it, so that the firmware's driver runs unmodified against it.

Time-driven: what a frame needs on the air, what the chip's timer counts and what a card needs for
its EEPROM become visible in the registers when the passed-in time has come so far, not before.

Two published Raspberry Pi drivers (mfrc522 0.0.7 and pi-rc522 2.3.0 of PyPI) requested, selected,
authenticated, read and wrote a Classic 1K on it, which shows that it is not made for ours alone.

Source: NXP MFRC522 data sheet, rev. 3.9, sections 8.1.2 (SPI), 9 (registers), 10 (commands).
"""

from simulators.hardware.field import air_us

COMMAND = 0x01
COM_IRQ = 0x04
DIV_IRQ = 0x05
ERROR = 0x06
STATUS1 = 0x07
STATUS2 = 0x08
FIFO_DATA = 0x09
FIFO_LEVEL = 0x0A
CONTROL = 0x0C
BIT_FRAMING = 0x0D
COLL = 0x0E
MODE = 0x11
TX_MODE = 0x12
RX_MODE = 0x13
TX_CONTROL = 0x14
CRC_HIGH = 0x21
CRC_LOW = 0x22
T_MODE = 0x2A
T_PRESCALER = 0x2B
T_RELOAD_HIGH = 0x2C
T_RELOAD_LOW = 0x2D
VERSION = 0x37

_IDLE = 0x00
_MEM = 0x01
_RANDOM_ID = 0x02
_CALC_CRC = 0x03
_TRANSMIT = 0x04
_NO_CHANGE = 0x07
_RECEIVE = 0x08
_TRANSCEIVE = 0x0C
_MF_AUTHENT = 0x0E
_SOFT_RESET = 0x0F

_TX_IRQ = 0x40
_RX_IRQ = 0x20
_IDLE_IRQ = 0x10
_ERR_IRQ = 0x02
_TIMER_IRQ = 0x01
_CRC_IRQ = 0x04

_OVERFLOW = 0x10
_COLL_ERR = 0x08
_CRC_ERR = 0x04
_PARITY_ERR = 0x02
_PROTOCOL_ERR = 0x01

_FIFO_BYTES = 64
_NEVER = 1 << 60
_CRYPTO_ON = 0x08
# Datasheet 8.8.2: the registers answer again this long after a reset (crystal start-up apart).
_RESET_US = 38
# Four frames of three-pass authentication with the card's thinking time.
_AUTHENTICATION_US = 2400
_PRESETS = (0x0000, 0x6363, 0xA671, 0xFFFF)
_READ_ONLY = (STATUS1, FIFO_LEVEL, CRC_HIGH, CRC_LOW, VERSION, ERROR)
_RESET_VALUES = (
    (COMMAND, 0x20),
    (COM_IRQ, 0x14),
    (FIFO_LEVEL, 0x00),
    (0x0B, 0x08),
    (CONTROL, 0x10),
    (COLL, 0xA0),
    (MODE, 0x3F),
    (TX_CONTROL, 0x80),
    (0x16, 0x10),
    (0x17, 0x84),
    (0x18, 0x84),
    (0x19, 0x4D),
    (0x1C, 0x62),
    (0x1F, 0xEB),
    (CRC_HIGH, 0xFF),
    (CRC_LOW, 0xFF),
    (0x24, 0x26),
    (0x26, 0x48),
    (0x27, 0x88),
    (0x28, 0x20),
    (0x29, 0x20),
)


class Faults:
    """What is wrong with a chip; all off at first.

    stuck: all registers read as this value (0x00, 0xFF) and nothing is obeyed until a hard reset.
    stuck_at_us: the time at which the chip gets stuck at 0xFF by itself, None for never.
    wiring: as `stuck`, but no reset helps: a broken wire.
    bit_errors: chance of each received bit to be wrong; parity notices an odd number in a byte.
    noise: chance of each byte read from the chip to be random.
    """

    def __init__(self):
        self.stuck = None
        self.stuck_at_us = None
        self.wiring = None
        self.bit_errors = 0.0
        self.noise = 0.0


class Mfrc522:
    """The chip before a `Field`; hang it on a SpiBus and wire its RST pin to `reset_pin`.

    time: has `now_us()`.
    chance: a function giving a float in [0, 1); only faults and the random ID command use it.
    """

    def __init__(self, field, time, chance, version=0x92):
        self.field = field
        self.faults = Faults()
        self._time = time
        self._chance = chance
        self._version = version
        self._registers = bytearray(64)
        self._internal = bytes(25)
        self._held = False
        self._address = None
        self._reset()

    # --- pins and bus ----------------------------------------------------------------------

    def reset_pin(self, level):
        """The RST line has changed: low holds the chip, high starts it anew."""
        self._held = not level
        self.faults.stuck = None
        self._reset()

    def brown_out(self):
        """The supply dips: all registers go back to their reset values, the antenna goes off."""
        self._reset()

    def select(self):
        """A transaction begins: the next byte is an address."""
        self._address = None

    def transfer(self, data, into=None):
        """Bytes in and, if `into` is given, as many out; the transaction may go on afterwards."""
        now = self._time.now_us()
        level = self._dead_level(now)
        if level is not None:
            answer = bytes([level]) * len(data)
        else:
            if now >= self._next_at:
                self._advance(now)
            answer = self._transfer(data, now)
        if into is not None:
            into[:] = self._with_noise(answer) if self.faults.noise else answer

    def _transfer(self, data, now):
        address = self._address
        answer = bytearray(len(data))
        for index in range(len(data)):
            byte = data[index]
            if address is None:
                address = byte
            elif address & 0x80:
                # While reading, each byte in is the address of the next byte out.
                answer[index] = self._read(address >> 1 & 0x3F, now)
                address = byte | 0x80
            else:
                self._write(address >> 1 & 0x3F, byte, now)
        self._address = address
        return answer

    def _dead_level(self, now):
        """What every register reads as, or None for a chip that works."""
        faults = self.faults
        if faults.stuck_at_us is not None and now >= faults.stuck_at_us:
            faults.stuck_at_us = None
            faults.stuck = 0xFF
        if faults.wiring is not None:
            return faults.wiring
        return 0xFF if self._held else faults.stuck

    def _with_noise(self, answer):
        chance = self._chance
        noise = self.faults.noise
        return bytes([int(chance() * 256) if chance() < noise else byte for byte in answer])

    # --- registers -------------------------------------------------------------------------

    def _reset(self):
        registers = self._registers
        for index in range(64):
            registers[index] = 0
        for register, value in _RESET_VALUES:
            registers[register] = value
        registers[VERSION] = self._version
        self._fifo = []
        self._sent_at = None
        self._timer_at = None
        self._answer_at = None
        self._answer = None
        self._next_at = _NEVER
        self._ready_at = self._time.now_us() + _RESET_US
        self.field.switch(False)

    def _read(self, register, now):
        registers = self._registers
        if register == FIFO_DATA:
            return self._fifo.pop(0) if self._fifo else 0
        if register == FIFO_LEVEL:
            return len(self._fifo)
        if register == COMMAND and now < self._ready_at:
            return 0x10
        if register == STATUS1:
            running = 0x08 if self._timer_at is not None else 0
            low = 0x01 if len(self._fifo) <= registers[0x0B] else 0
            return 0x20 | running | low
        return registers[register]

    def _write(self, register, value, now):
        registers = self._registers
        if now < self._ready_at:
            return
        if register == COMMAND:
            registers[COMMAND] = (value & 0x30) | (registers[COMMAND] & 0x0F)
            if value & 0x0F != _NO_CHANGE:
                self._command(value & 0x0F)
        elif register in (COM_IRQ, DIV_IRQ):
            bits = value & 0x7F
            registers[register] = (
                registers[register] | bits if value & 0x80 else registers[register] & ~bits
            )
        elif register == FIFO_DATA:
            self._push(value)
        elif register == FIFO_LEVEL:
            if value & 0x80:
                self._fifo = []
                registers[ERROR] &= ~_OVERFLOW
        elif register == CONTROL:
            if value & 0x80:
                self._timer_at = None
            elif value & 0x40:
                self._timer_at = now + self._timer_us()
                self._plan()
        elif register == STATUS2:
            # Software can end encryption, only MFAuthent can begin it.
            registers[STATUS2] = (value & 0xC0) | (registers[STATUS2] & value & _CRYPTO_ON)
        elif register == COLL:
            registers[COLL] = (value & 0x80) | (registers[COLL] & 0x7F)
        elif register not in _READ_ONLY:
            registers[register] = value
            if register == TX_CONTROL:
                self.field.switch(value & 0x03 != 0)
            elif register == BIT_FRAMING and value & 0x80:
                self._start_send()

    def _push(self, value):
        if len(self._fifo) < _FIFO_BYTES:
            self._fifo.append(value)
        else:
            self._registers[ERROR] |= _OVERFLOW

    def _take_fifo(self):
        taken = bytes(self._fifo)
        self._fifo = []
        return taken

    # --- commands --------------------------------------------------------------------------

    def _command(self, code):
        registers = self._registers
        registers[COMMAND] = (registers[COMMAND] & 0x30) | code
        self._sent_at = self._answer_at = None
        self._plan()
        if code == _SOFT_RESET:
            self._reset()
        elif code == _TRANSCEIVE:
            # A start bit left over from the exchange before starts this one at once.
            if registers[BIT_FRAMING] & 0x80:
                self._start_send()
        elif code == _TRANSMIT:
            self._send()
        elif code == _MF_AUTHENT:
            self._authenticate()
        elif code == _CALC_CRC:
            crc = self._crc(self._take_fifo())
            registers[CRC_HIGH] = crc >> 8
            registers[CRC_LOW] = crc & 0xFF
            registers[DIV_IRQ] |= _CRC_IRQ
        elif code == _MEM:
            if self._fifo:
                self._internal = (self._take_fifo() + bytes(25))[:25]
            else:
                self._fifo = list(self._internal)
            self._end_command()
        elif code == _RANDOM_ID:
            self._internal = (
                bytes([int(self._chance() * 256) for _ in range(10)]) + self._internal[10:]
            )
            self._end_command()

    def _end_command(self):
        self._registers[COMMAND] &= 0x30
        self._registers[COM_IRQ] |= _IDLE_IRQ

    def _start_send(self):
        if self._registers[COMMAND] & 0x0F == _TRANSCEIVE:
            self._send()

    def _send(self):
        registers = self._registers
        frame = self._take_fifo()
        bits = registers[BIT_FRAMING] & 0x07
        registers[ERROR] = 0
        registers[COLL] = (registers[COLL] & 0x80) | 0x20
        if registers[TX_MODE] & 0x80:
            crc = self._crc(frame)
            frame = frame + bytes((crc & 0xFF, crc >> 8))
        if not frame:
            return
        self._sent_at = self._time.now_us() + air_us(len(frame), bits)
        heard = self.field.transmit(frame, bits, registers[STATUS2] & _CRYPTO_ON != 0)
        self._start_timer(self._sent_at)
        if heard is not None:
            data, count, collision, delay_us = heard
            self._expect(self._sent_at + delay_us, data, count, collision)
        self._plan()

    def _expect(self, begins_at, data, count, collision):
        # The timer stops when the first bits of the answer are there.
        if self._timer_at is not None and begins_at + 50 <= self._timer_at:
            self._timer_at = None
        self._answer = (data, count, collision)
        self._answer_at = begins_at + air_us((count + 7) // 8, count & 7)

    def _authenticate(self):
        frame = self._take_fifo()
        now = self._time.now_us()
        if len(frame) < 12:
            self._registers[ERROR] |= _PROTOCOL_ERR
            self._registers[COM_IRQ] |= _ERR_IRQ
            self._end_command()
            return
        self._sent_at = now + air_us(4)
        if self.field.authenticate(frame[0], frame[1], frame[2:8], frame[8:12]):
            self._answer = None
            self._answer_at = now + _AUTHENTICATION_US
        else:
            self._start_timer(self._sent_at)
        self._plan()

    # --- time ------------------------------------------------------------------------------

    def _timer_us(self):
        registers = self._registers
        prescaler = (registers[T_MODE] & 0x0F) << 8 | registers[T_PRESCALER]
        reload = registers[T_RELOAD_HIGH] << 8 | registers[T_RELOAD_LOW]
        return (2 * prescaler + 1) * (reload + 1) * 100 // 1356

    def _start_timer(self, at_us):
        if self._registers[T_MODE] & 0x80:
            self._timer_at = at_us + self._timer_us()

    def _plan(self):
        """Know when something happens next, so that a register read costs no look around."""
        self._next_at = _NEVER
        for at in (self._sent_at, self._answer_at, self._timer_at):
            if at is not None and at < self._next_at:
                self._next_at = at

    def _advance(self, now):
        """Let everything happen whose time has come."""
        registers = self._registers
        if self._sent_at is not None and now >= self._sent_at:
            self._sent_at = None
            registers[COM_IRQ] |= _TX_IRQ
            if registers[COMMAND] & 0x0F == _TRANSMIT:
                self._end_command()
        if self._answer_at is not None and now >= self._answer_at:
            self._answer_at = None
            self._arrive()
        if self._timer_at is not None and now >= self._timer_at:
            self._timer_at = None
            registers[COM_IRQ] |= _TIMER_IRQ
        self._plan()

    def _arrive(self):
        registers = self._registers
        code = registers[COMMAND] & 0x0F
        if code == _MF_AUTHENT:
            registers[STATUS2] |= _CRYPTO_ON
            self._end_command()
        elif code in (_TRANSCEIVE, _RECEIVE):
            data, count, collision = self._answer
            self._deliver(data, count, collision)
            if code == _RECEIVE:
                self._end_command()

    def _deliver(self, data, count, collision):
        registers = self._registers
        error = 0
        align = registers[BIT_FRAMING] >> 4 & 0x07
        if collision is not None:
            error |= _COLL_ERR
            position = collision + align + 1
            if position <= 32:
                registers[COLL] = (registers[COLL] & 0x80) | (position & 0x1F)
        data, damaged = self._damage(data, count)
        if damaged:
            error |= _PARITY_ERR
        if align:
            data = _shifted(data, align)
            count += align
            data = data[: (count + 7) // 8]
        if registers[RX_MODE] & 0x80 and count % 8 == 0 and len(data) > 2:
            if self._crc(data) != 0:
                error |= _CRC_ERR
            data = data[:-2]
        for byte in data:
            self._push(byte)
        registers[CONTROL] = (registers[CONTROL] & 0xF8) | (count & 0x07)
        registers[ERROR] |= error
        registers[COM_IRQ] |= _RX_IRQ
        if registers[ERROR]:
            registers[COM_IRQ] |= _ERR_IRQ

    def _damage(self, data, count):
        chance = self.faults.bit_errors
        if not chance:
            return data, False
        data = bytearray(data)
        odd = False
        for index in range(len(data)):
            # A short answer has no parity bit; a whole byte has one, which may be hit as well.
            bits = min(8, count - 8 * index)
            flips = 0
            for bit in range(bits):
                if self._chance() < chance:
                    data[index] ^= 1 << bit
                    flips += 1
            if bits == 8:
                flips += self._chance() < chance
                odd = odd or flips % 2 == 1
        return bytes(data), odd

    def _crc(self, data):
        crc = _PRESETS[self._registers[MODE] & 0x03]
        for byte in data:
            crc ^= byte
            for _ in range(8):
                crc = (crc >> 1) ^ (0x8408 if crc & 1 else 0)
        return crc


def _shifted(data, align):
    whole = 0
    for index in range(len(data)):
        whole |= data[index] << (8 * index)
    return (whole << align).to_bytes(len(data) + 1, "little")
