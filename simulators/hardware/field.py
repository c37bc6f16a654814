"""The field of a reader's antenna: which cards are in it, and what is heard when they answer
together."""

# One bit at 106 kbit/s is 128 periods of 13.56 MHz.
_BIT_NS = 9440


def air_us(length, bits=0):
    """How long a frame of `length` bytes is on the air; `bits` valid in the last, 0 for all eight.

    A whole byte takes nine bits with its parity; start and end of frame take about two.
    """
    count = length * 9 if bits == 0 else (length - 1) * 9 + bits
    return (count + 2) * _BIT_NS // 1000


def overlay(answers):
    """What a reader hears when cards answer at once; `answers` are (bytes, bit count).

    Gives (bytes, bit count, first bit that differs or None). Where one says 1 and another 0 both
    half bits are modulated, which reads as 1.
    """
    if len(answers) == 1:
        return answers[0][0], answers[0][1], None
    count = max(bits for _, bits in answers)
    heard = bytearray((count + 7) // 8)
    collision = None
    for index in range(count):
        ones = zeros = False
        for data, bits in answers:
            if index < bits:
                if data[index >> 3] >> (index & 7) & 1:
                    ones = True
                else:
                    zeros = True
        if ones:
            heard[index >> 3] |= 1 << (index & 7)
            if zeros and collision is None:
                collision = index
    return bytes(heard), count, collision


class Field:
    """The cards before one reader; a card is powered while it is here and the antenna is on."""

    def __init__(self):
        self.tags = []
        self.is_on = False

    def put(self, tag):
        """Bring a card into the field."""
        if tag not in self.tags:
            self.tags.append(tag)
            if self.is_on:
                tag.power_on()

    def take(self, tag):
        """Take a card out of the field; no harm if it is not there."""
        if tag in self.tags:
            self.tags.remove(tag)
            tag.power_off()

    def clear(self):
        """Take all cards away."""
        for tag in list(self.tags):
            self.take(tag)

    def switch(self, is_on):
        """The antenna goes on or off."""
        if is_on != self.is_on:
            self.is_on = is_on
            for tag in self.tags:
                tag.power_on() if is_on else tag.power_off()

    def transmit(self, frame, bits, encrypted):
        """Send a frame to all cards.

        Gives None for silence, else (bytes, bit count, colliding bit or None, delay in us between
        the end of the frame and the start of the answer).
        """
        if not self.is_on:
            return None
        heard = []
        for tag in list(self.tags):
            answer = tag.receive(frame, bits, encrypted)
            if answer is not None:
                heard.append(answer)
        if not heard:
            return None
        # Cards that answer later than the first find the reader deaf.
        delay_us = min(delay for _, _, delay in heard)
        data, count, collision = overlay([(d, n) for d, n, delay in heard if delay == delay_us])
        return data, count, collision, delay_us

    def authenticate(self, command, block, key, uid):
        """The three passes of MIFARE Classic; True when one card has accepted the key."""
        if not self.is_on:
            return False
        return any(tag.authenticate(command, block, key, uid) for tag in list(self.tags))
