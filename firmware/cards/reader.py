"""The interface between cards and reader chips, so that either side can be replaced.

A reader is any object with the methods of `Reader`; `firmware.drivers.mfrc522.MFRC522` is the one
we ship. Card code is written as generators ("steps"): it fills `reader.frame`, starts an exchange
and yields while other work may run. `run` drives steps to the end at once (console, tests);
`run_async` lets an event loop breathe. At 60 us a bus transaction no step holds the processor
longer than about 3 ms, whatever the card does, the hashing of a Level 1 card's keys apart.

Using the driver called `micropython-mfrc522` instead (one file on GitHub, in no package registry):
wrap its object in a class with these methods. `begin(length, bits, wait_ms)`: `_wreg(0x0D, bits)`,
then keep what `_tocard(0x0C, list(frame[:length]))` returns; `poll()`: map its `OK` to OK after
copying the bytes into `answer` and the bit count into `answer_length` and `answer_bits`, its
`NOTAGERR` to NO_ANSWER, its `ERR` to BROKEN (COLLISION when `_rreg(0x06) & 0x08`);
`begin_authentication`: its `auth`; `end_encryption`: its `stop_crypto1`. That driver clips an
answer to 16 bytes, so READ and FAST_READ of four pages (18 bytes with CRC) fail on it until its
limit is raised, and its empty poll holds the processor for 150 to 450 ms. UID-only lots can live
with it; Level 1 cards cannot.
"""

OK = 0  # the answer is in `answer`
PENDING = 1  # still on the air: poll again
NO_ANSWER = 2  # nobody spoke within the time allowed
COLLISION = 3  # several cards spoke at once and differed in a bit
BROKEN = 4  # an answer came, but its bits, checksum or length are wrong
REFUSED = 5  # the card understood and said no (a NAK); given by card code, never by a reader
FAULT = 6  # the reader chip itself does not work; `tend` is healing it

ANSWER_WAIT_MS = 1  # a card answers REQA, anticollision and SELECT after 0.09 ms or never
# Polls between two yields. An answer of 18 bytes comes within 2 ms, so that as a rule only waits
# for a card's EEPROM are split.
POLLS_A_STEP = 32


class Reader:
    """What card code needs from a reader chip; the driver need not inherit from it.

    frame: writable buffer of at least 32 bytes; fill its head before `begin`.
    answer: buffer with the last answer; valid when `poll` said OK, until the next `begin`.
    answer_length: bytes in `answer`, the last of which may be incomplete.
    answer_bits: bits of that last byte which were received; 0 means all eight.
    """

    frame = None
    answer = None
    answer_length = 0
    answer_bits = 0

    def begin(self, length, bits=0, wait_ms=ANSWER_WAIT_MS):
        """Send `frame[:length]` as it is (the caller adds CRC_A); returns at once.

        bits: how many bits of the last byte to send; 0 means all eight.
        wait_ms: how long a card may take to start its answer, 1 to 12.
        """
        raise NotImplementedError

    def begin_authentication(self, command, block, key, uid):
        """Start MIFARE Classic authentication; OK from `poll` means encrypted from here on.

        command: 0x60 for key A, 0x61 for key B; key: 6 bytes; of the uid the last 4 are used.
        """
        raise NotImplementedError

    def poll(self):
        """PENDING, or how the exchange ended: any status but REFUSED. Never waits."""
        raise NotImplementedError

    def end_encryption(self):
        """Talk in clear again; needed before any other card, harmless otherwise."""
        raise NotImplementedError

    def is_ready(self):
        """Whether the chip worked when last looked at."""
        raise NotImplementedError

    def version_text(self):
        """Which chip it is, or what is wrong with its wiring, for a technician."""
        raise NotImplementedError

    def tend(self, now_ms):
        """One short step of care: check the chip, heal it if needed. True when it can work."""
        raise NotImplementedError


def wait(reader):
    """Steps: until the started exchange has ended; gives its status."""
    polls = 0
    status = reader.poll()
    while status == PENDING:
        polls += 1
        if polls % POLLS_A_STEP == 0:
            yield
        status = reader.poll()
    yield
    return status


def exchange(reader, length, bits=0, wait_ms=ANSWER_WAIT_MS):
    """Steps: send `reader.frame[:length]` and wait for the answer; gives the status."""
    reader.begin(length, bits, wait_ms)
    return (yield from wait(reader))


def run(steps):
    """Drive steps to their end without a pause and give their result."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


async def run_async(steps, pause):
    """Drive steps to their end, awaiting `pause()` after each; gives their result.

    pause: gives something to await, say `lambda: asyncio.sleep(0)`.
    """
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value
        await pause()
