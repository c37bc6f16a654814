"""The SPI bus, pins and time under the simulated reader, with the names of the machine module.

The bus counts transactions and bytes and charges their time, so that a figure such as "an empty
poll takes 1.6 ms" comes from counting and not from the speed of the machine that simulates.
"""


class BusTime:
    """Microseconds that pass when somebody charges them; stands where a board has `time`.

    real_us: if given, this time never falls behind it (a live simulation).
    sleep_us: if given too, whenever this time is 1 ms ahead of the real one, the lead is slept off,
        so that a simulated gate is as slow as a real one.
    """

    def __init__(self, real_us=None, sleep_us=None):
        self._us = 0
        self._real_us = real_us
        self._sleep_us = sleep_us

    def now_us(self):
        """Microseconds since some start."""
        if self._real_us is not None:
            self._us = max(self._us, self._real_us())
        return self._us

    def charge_us(self, us):
        """Let time pass."""
        self._us += us
        if self._sleep_us is not None:
            lead_us = self._us - self._real_us()
            if lead_us >= 1000:
                self._sleep_us(lead_us)

    def ticks_us(self):
        """As `time.ticks_us`, without wrapping."""
        return self.now_us()

    def ticks_ms(self):
        """As `time.ticks_ms`, without wrapping."""
        return self.now_us() // 1000

    def ticks_diff(self, later, earlier):
        """As `time.ticks_diff`."""
        return later - earlier


class Line:
    """A pin that tells somebody when its level changes; `value` and calls as in machine.Pin."""

    def __init__(self, changed, level=1):
        self._changed = changed
        self._level = level

    def value(self, level=None):
        """Read, or set and tell."""
        if level is None:
            return self._level
        level = 1 if level else 0
        if level != self._level:
            self._level = level
            self._changed(level)
        return None

    __call__ = value

    def on(self):
        """High."""
        self.value(1)

    def off(self):
        """Low."""
        self.value(0)


class SpiBus:
    """What machine.SPI is to the driver; one chip hangs on it.

    chip: has `select()` and `transfer(data, into)`, `into` None where nobody listens.
    A transaction (chip select low to high) is charged `transaction_us`, which covers two bytes at
    1 MHz and the interpreter's work around them; every further byte `byte_us`.
    """

    def __init__(self, chip, time, transaction_us=60, byte_us=8):
        self._chip = chip
        self._time = time
        self._transaction_us = transaction_us
        self._byte_us = byte_us
        self._selected = False
        self._bytes_now = 0
        self.transactions = 0
        self.bytes = 0

    def chip_select(self, level):
        """The CS line has changed to this level."""
        self._selected = not level
        if self._selected:
            self._bytes_now = 0
            self.transactions += 1
            self._time.charge_us(self._transaction_us)
            self._chip.select()
        else:
            self.bytes += self._bytes_now
            if self._bytes_now > 2:
                self._time.charge_us((self._bytes_now - 2) * self._byte_us)

    def write(self, data):
        """Send bytes and drop what comes back."""
        self._bytes_now += len(data)
        if self._selected:
            self._chip.transfer(data, None)

    def readinto(self, into, write=0):
        """Fill a buffer while sending one byte over and over."""
        self.write_readinto(bytes([write]) * len(into), into)

    def write_readinto(self, data, into):
        """Send and fill at once; both of one length."""
        if len(data) != len(into):
            raise ValueError("buffers must be the same length")
        self._bytes_now += len(data)
        if self._selected:
            self._chip.transfer(data, into)
        else:
            # Nobody drives the line in, and a pull-up holds it.
            into[:] = b"\xff" * len(into)

    def read(self, count, write=0):
        """Read bytes while sending one byte over and over."""
        into = bytearray(count)
        self.readinto(into, write)
        return bytes(into)
