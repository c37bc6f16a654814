"""The MFRC522 reader chip over SPI: short bounded steps, and a chip that is healed when it hangs.

An exchange with a card is `begin` (7 to 9 bus transactions) and then `poll` until it stops saying
PENDING (one transaction each, two more to fetch the answer). The chip's own timer ends the wait;
should that fail, the driver does, 12 ms later. No IRQ pin is used. The longest a single call
blocks, at 60 us a transaction: `begin` 0.7 ms, `poll` 0.6 ms, `tend` 1.1 ms.

These chips stop working in the field after hours or days: they hang (every register answers 0x00 or
0xFF, as with a broken wire) or reset themselves (the version is right, the antenna is off). `tend`
notices both, tries a soft reset, then the RST pin, then again every second, and counts.

Source: NXP MFRC522 data sheet, rev. 3.9, sections 8.1.2 (SPI), 9 (registers), 10 (commands).
"""

from firmware.cards.reader import ANSWER_WAIT_MS, BROKEN, COLLISION, FAULT, NO_ANSWER, OK, PENDING

VERSIONS = {
    0x90: "MFRC522 v0",
    0x91: "MFRC522 v1",
    0x92: "MFRC522 v2",
    0x88: "clone (FM17522)",
    0xB2: "clone (FM17522E)",
    0x12: "clone",
    0x00: "no answer: check wiring and power",
    0xFF: "no answer: check wiring and power",
}

_COMMAND = 0x01
_COM_IRQ = 0x04
_ERROR = 0x06
_STATUS2 = 0x08
_FIFO_DATA = 0x09
_FIFO_LEVEL = 0x0A
_CONTROL = 0x0C
_BIT_FRAMING = 0x0D
_MODE = 0x11
_TX_MODE = 0x12
_RX_MODE = 0x13
_TX_CONTROL = 0x14
_TX_ASK = 0x15
_MOD_WIDTH = 0x24
_RF_CFG = 0x26
_T_MODE = 0x2A
_T_PRESCALER = 0x2B
_T_RELOAD_HIGH = 0x2C
_T_RELOAD_LOW = 0x2D
_VERSION = 0x37

_IDLE = 0x00
_TRANSCEIVE = 0x0C
_MF_AUTHENT = 0x0E
_SOFT_RESET = 0x0F

_IRQ_RX = 0x20
_IRQ_IDLE = 0x10
_IRQ_ERROR = 0x02
_IRQ_TIMER = 0x01
_ERROR_COLLISION = 0x08
_ERROR_ANSWER = 0x13  # FIFO overflow, parity, protocol
_CRYPTO_ON = 0x08

# The timer starts by itself when a frame has been sent and stops with the first bits of the answer.
# Prescaler 338: (2 * 338 + 1) / 13.56 MHz = 49.93 us a tick, so one register holds up to 12.7 ms.
_TIMER_MODE = 0x81
_TIMER_PRESCALER = 0x52
_TICKS_A_MS = 20
_TIMER_STOP = 0x80

_FIFO_BYTES = 64
# Beyond the allowed wait: the longest frame out (64 bytes, 5.5 ms) and in.
_GUARD_US = 12000

_SETTINGS = (
    (_TX_MODE, 0x00),  # 106 kbit/s, no CRC by the chip
    (_RX_MODE, 0x00),
    (_MOD_WIDTH, 0x26),
    (_T_MODE, _TIMER_MODE),
    (_T_PRESCALER, _TIMER_PRESCALER),
    (_T_RELOAD_HIGH, 0x00),
    (_T_RELOAD_LOW, _TICKS_A_MS),
    (_TX_ASK, 0x40),  # 100 % modulation: cards read nothing else
    (_MODE, 0x3D),
    (_TX_CONTROL, 0x83),  # both antenna drivers on
)

# States of the chip. Healing walks SICK -> SOFT, and if that does not help DOWN -> HELD -> WAKING.
_DOWN = 0
_HELD = 1  # RST pulled low
_WAKING = 2  # RST released, the oscillator is starting
_SICK = 3
_SOFT = 4  # soft reset given
_READY = 5

_RESET_PULSE_MS = 2
_WAKE_MS = 50
_SOFT_RESET_MS = 2
_RETRY_MS = 1000


class MFRC522:
    """One reader; a `firmware.cards.reader.Reader`. Call `tend` until it says True, then exchange.

    spi: has `write` and `write_readinto`, mode 0, 1 MHz is plenty; the bus may be shared.
    cs, rst: pins with `value(level)`; `rst` may be None where it is not wired (heals less).
    ticks_us, ticks_diff: as in MicroPython's `time`.
    gain: receiver gain, 0 to 7 (data sheet 9.3.3.6): 4 is the chip's own 33 dB, 7 is 48 dB.

    Counters, never reset: `exchanges`, `broken`, `collisions`, `faults` (times the chip was found
    not working), `soft_resets`, `hard_resets`.
    """

    def __init__(self, spi, cs, rst, ticks_us, ticks_diff, gain=4):
        self._spi = spi
        self._cs = cs.value
        self._rst = None if rst is None else rst.value
        self._ticks_us = ticks_us
        self._ticks_diff = ticks_diff
        self._gain = (gain & 7) << 4
        self._two = bytearray(2)
        # The FIFO's address, then what is sent to it; `frame` is the part that callers fill.
        self._out = bytearray(1 + _FIFO_BYTES)
        self._out[0] = _FIFO_DATA << 1
        self._out_view = memoryview(self._out)
        self.frame = self._out_view[1:]
        # Reading: each byte out names the register that the next byte in will hold; 0 ends.
        self._in = bytearray(1 + _FIFO_BYTES)
        self._in_view = memoryview(self._in)
        self.answer = self._in_view[1:]
        ask_fifo = bytes([0x80 | _FIFO_DATA << 1]) * _FIFO_BYTES + b"\x00"
        self._ask_fifo = memoryview(ask_fifo)
        self._ask_progress = _ask(_COMMAND, _COM_IRQ)
        self._ask_result = _ask(_ERROR, _FIFO_LEVEL, _CONTROL, _STATUS2)
        self._ask_health = _ask(_VERSION, _TX_CONTROL, _T_MODE, _TX_ASK)
        self._got_progress = bytearray(3)
        self._got = bytearray(5)
        self.answer_length = 0
        self.answer_bits = 0
        self._wait_ticks = 0
        self._status = FAULT
        self._encrypting = False
        self._began_us = 0
        self._limit_us = 0
        self._state = _SICK if rst is None else _DOWN
        self._since_ms = 0
        self._pause_ms = 0
        self.version = 0
        self.exchanges = 0
        self.broken = 0
        self.collisions = 0
        self.faults = 0
        self.soft_resets = 0
        self.hard_resets = 0
        self._cs(1)

    def is_ready(self):
        """Whether the chip worked when last looked at."""
        return self._state == _READY

    def version_text(self):
        """The chip's version in words, as a technician wants it."""
        return VERSIONS.get(self.version, "unknown version 0x%02X" % self.version)

    # --- exchanges -------------------------------------------------------------------------

    def begin(self, length, bits=0, wait_ms=ANSWER_WAIT_MS):
        """Send `frame[:length]`; see Reader.begin."""
        if not self._start(length, wait_ms):
            return
        self._write(_BIT_FRAMING, bits)
        self._write(_COMMAND, _TRANSCEIVE)
        self._write(_BIT_FRAMING, 0x80 | bits)

    def begin_authentication(self, command, block, key, uid):
        """Start MIFARE Classic authentication; see Reader.begin_authentication."""
        frame = self.frame
        frame[0] = command
        frame[1] = block
        frame[2:8] = key
        frame[8:12] = uid[-4:]
        # Three passes, each of which may take the card a few ms.
        if self._start(12, 5):
            self._encrypting = True
            self._write(_COMMAND, _MF_AUTHENT)

    def poll(self):
        """PENDING or the outcome; see Reader.poll."""
        if self._status != PENDING:
            return self._status
        got = self._got_progress
        self._read(self._ask_progress, got)
        irq = got[2]
        # While the chip works its command register is not idle, when it has finished its interrupt
        # register is not empty, and neither ever reads 0xFF.
        if got[1] == irq and irq in (0x00, 0xFF):
            return self._found_dead()
        if irq & (_IRQ_RX | _IRQ_ERROR | (_IRQ_IDLE if self._encrypting else 0)):
            return self._finish()
        if irq & _IRQ_TIMER:
            self._status = NO_ANSWER
        elif self._ticks_diff(self._ticks_us(), self._began_us) > self._limit_us:
            return self._found_dead()
        return self._status

    def end_encryption(self):
        """Back to clear talk; see Reader.end_encryption. Costs nothing when it was clear."""
        if self._encrypting:
            self._encrypting = False
            self._write(_STATUS2, 0)

    def _start(self, length, wait_ms):
        if self._state != _READY:
            self._status = FAULT
            return False
        self.exchanges += 1
        self._write(_COMMAND, _IDLE)
        if self._status != OK:
            # An exchange given up half-way left the timer running into this one.
            self._write(_CONTROL, _TIMER_STOP)
        self._write(_COM_IRQ, 0x7F)
        self._write(_FIFO_LEVEL, 0x80)
        ticks = min(wait_ms * _TICKS_A_MS, 255)
        if ticks != self._wait_ticks:
            self._wait_ticks = ticks
            self._write(_T_RELOAD_LOW, ticks)
        self._cs(0)
        self._spi.write(self._out_view[: 1 + length])
        self._cs(1)
        self._status = PENDING
        self._began_us = self._ticks_us()
        self._limit_us = wait_ms * 1000 + _GUARD_US
        return True

    def _finish(self):
        got = self._got
        self._read(self._ask_result, got)
        error, length = got[1], got[2]
        if error & _ERROR_COLLISION:
            self.collisions += 1
            self._status = COLLISION
        elif error & _ERROR_ANSWER or length > _FIFO_BYTES:
            self.broken += 1
            self._status = BROKEN
        elif self._encrypting and self._got_progress[1] & 0x0F == _IDLE:
            self._status = OK if got[4] & _CRYPTO_ON else NO_ANSWER
            self.answer_length = 0
        elif length == 0:
            self.broken += 1
            self._status = BROKEN
        else:
            self._read(self._ask_fifo[_FIFO_BYTES - length :], self._in_view[: length + 1])
            self.answer_length = length
            self.answer_bits = got[3] & 0x07
            self._status = OK
        return self._status

    # --- health ----------------------------------------------------------------------------

    def tend(self, now_ms):
        """One short step of care; True when the chip is ready.

        now_ms: a tick count as `time.ticks_ms` gives. Call it about once a second while it says
        True (0.1 ms) and every few ms otherwise; waking takes 50 ms.
        """
        if self._state == _READY:
            if self._is_alive():
                return True
            self._found_dead()
        pause_ms = self._pause_ms
        if not pause_ms or self._ticks_diff(now_ms, self._since_ms) >= pause_ms:
            self._since_ms = now_ms
            self._state, self._pause_ms = self._heal()
        return self._state == _READY

    def _heal(self):
        """Take the step that the state asks for; gives the next state and the pause before it."""
        if self._state == _SICK:
            self.soft_resets += 1
            self._write(_COMMAND, _SOFT_RESET)
            return _SOFT, _SOFT_RESET_MS
        if self._state == _DOWN:
            self.hard_resets += 1
            self._rst(0)
            return _HELD, _RESET_PULSE_MS
        if self._state == _HELD:
            self._rst(1)
            return _WAKING, _WAKE_MS
        self._configure()
        if self._is_alive():
            return _READY, 0
        if self._rst is None:
            return _SICK, _RETRY_MS
        return _DOWN, 0 if self._state == _SOFT else _RETRY_MS

    def _found_dead(self):
        self.faults += 1
        self._state = _SICK
        self._pause_ms = 0
        self._status = FAULT
        return FAULT

    def _is_alive(self):
        got = self._got
        self._read(self._ask_health, got)
        self.version = got[1]
        # A chip that reset itself has the right version and an antenna that is off.
        return (
            got[1] not in (0x00, 0xFF)
            and got[2] & 0x03 == 0x03
            and got[3] == _TIMER_MODE
            and got[4] == 0x40
        )

    def _configure(self):
        for register, value in _SETTINGS:
            self._write(register, value)
        self._write(_RF_CFG, self._gain)
        self._wait_ticks = _TICKS_A_MS
        self._encrypting = False

    # --- bus -------------------------------------------------------------------------------

    def _write(self, register, value):
        two = self._two
        two[0] = register << 1
        two[1] = value
        self._cs(0)
        self._spi.write(two)
        self._cs(1)

    def _read(self, ask, into):
        self._cs(0)
        self._spi.write_readinto(ask, into)
        self._cs(1)


def _ask(*registers):
    return bytes([0x80 | register << 1 for register in registers] + [0])
