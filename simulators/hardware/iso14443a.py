"""What all simulated cards share: being found, told apart, selected and halted.

Source: ISO/IEC 14443-3:2018, section 6 (type A initialisation and anticollision).
"""

IDLE = 0
READY = 1
ACTIVE = 2
HALT = 3

_REQA = 0x26
_WUPA = 0x52
_LEVELS = (0x93, 0x95, 0x97)
_CASCADE_TAG = 0x88

# The shortest time the standard allows between a frame and its answer, 1236 carrier periods.
ANSWER_DELAY_US = 91

ACK = 0x0A


def crc_a(data):
    """CRC_A as two bytes, low byte first: bit by bit, on purpose not the firmware's way."""
    crc = 0x6363
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x8408 if crc & 1 else 0)
    return bytes((crc & 0xFF, crc >> 8))


def cascade(uid):
    """The UID as it is told level by level: four bytes and their BCC each."""
    parts = []
    while len(uid) > 4:
        parts.append(bytes((_CASCADE_TAG,)) + uid[:3])
        uid = uid[3:]
    parts.append(uid)
    return [part + bytes((part[0] ^ part[1] ^ part[2] ^ part[3],)) for part in parts]


class Tag:
    """A card that can be found, selected and halted; subclasses add commands and memory.

    uid: 4, 7 or 10 bytes. An answer is (bytes, bit count, delay in us) or None for silence.
    """

    kind = "uid"
    sak = 0x20  # a card of ISO 14443-4, about which no more is said here

    def __init__(self, uid):
        if len(uid) not in (4, 7, 10):
            raise ValueError("a UID has 4, 7 or 10 bytes")
        self.uid = bytes(uid)
        self._levels = cascade(self.uid)
        self.state = IDLE
        self._was_halted = False
        self._level = 0

    def power_on(self):
        """The card comes into a field."""
        self.state = IDLE
        self._was_halted = False

    def power_off(self):
        """The card leaves the field."""
        self.power_on()

    def dump(self):
        """The card as a dict; see tags.py."""
        return {"type": self.kind, "uid": self.uid.hex(), "memory": bytes(self.memory()).hex()}

    def memory(self):
        """The bytes that `restore` takes back."""
        return b""

    def restore(self, memory):
        """Take over the memory of a dumped card."""

    def receive(self, frame, bits, encrypted):
        """A frame has arrived; `bits` valid in its last byte, 0 for all eight."""
        if len(frame) == 1 and bits == 7:
            return self._requested(frame[0])
        if self.state == READY:
            return self._selected(frame, bits)
        if self.state != ACTIVE:
            return None
        if bits == 0 and len(frame) > 2 and crc_a(frame[:-2]) == frame[-2:]:
            if frame[:-2] == b"\x50\x00":
                self._halted()
                return None
            return self.command(frame[:-2], encrypted)
        return self.damaged(frame)

    def command(self, frame, encrypted):
        """A sound command for the selected card, CRC taken off."""
        return self.fall_back()

    def damaged(self, frame):
        """A frame for the selected card whose checksum is wrong."""
        return self.fall_back()

    def authenticate(self, command, block, key, uid):
        """MIFARE Classic authentication; only such cards understand it."""
        if self.state == ACTIVE:
            self.fall_back()
        return False

    def fall_back(self, nak=None):
        """Leave the selected state, with or without saying so."""
        self.state = HALT if self._was_halted else IDLE
        return None if nak is None else self.short(nak)

    def short(self, nibble, delay_us=ANSWER_DELAY_US):
        """A four-bit answer: ACK or a NAK."""
        return bytes((nibble,)), 4, delay_us

    def sealed(self, data, delay_us=ANSWER_DELAY_US):
        """An answer with its checksum."""
        return data + crc_a(data), 8 * (len(data) + 2), delay_us

    def _halted(self):
        self.state = HALT
        self._was_halted = True

    def _requested(self, code):
        if self.state in (READY, ACTIVE):
            return self.fall_back()
        if code == _WUPA or (code == _REQA and self.state == IDLE):
            self._was_halted = self.state == HALT
            self.state = READY
            self._level = 0
            # Bits 7 and 8 tell the UID's length; 4 asks for the usual bit frame anticollision.
            return bytes((0x04 | (len(self._levels) - 1) << 6, 0)), 16, ANSWER_DELAY_US
        return None

    def _selected(self, frame, bits):
        if len(frame) < 2 or frame[0] != _LEVELS[self._level]:
            return self.fall_back()
        part = self._levels[self._level]
        if frame[1] == 0x70:
            if len(frame) != 9 or bits or crc_a(frame[:7]) != frame[7:] or frame[2:7] != part:
                return self.fall_back()
            return self._level_done()
        known = (frame[1] >> 4) * 8 - 16 + (frame[1] & 7)
        if not 0 <= known < 40 or len(frame) != 2 + (known + 7) // 8:
            return self.fall_back()
        for index in range(known):
            if (frame[2 + (index >> 3)] ^ part[index >> 3]) >> (index & 7) & 1:
                return None
        rest = 0
        for index in range(5):
            rest |= part[index] << (8 * index)
        count = 40 - known
        return (rest >> known).to_bytes((count + 7) // 8, "little"), count, ANSWER_DELAY_US

    def _level_done(self):
        if self._level + 1 < len(self._levels):
            self._level += 1
            return self.sealed(b"\x04")
        self.state = ACTIVE
        self.selected()
        return self.sealed(bytes((self.sak,)))

    def selected(self):
        """The card has just become the selected one."""
