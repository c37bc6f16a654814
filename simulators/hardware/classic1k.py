"""MIFARE Classic 1K: 16 sectors of 4 blocks, each opened by comparing a key.

The cipher itself is not modelled: an open sector is an open sector. Access bits are taken to be the
factory's (either key does everything, key A is never read back).

Source: NXP MF1S50YYX_V1 data sheet, rev. 3.2.
"""

from simulators.hardware.iso14443a import ACK, ACTIVE, Tag

BLOCKS = 64
_FACTORY_TRAILER = b"\xff" * 6 + b"\xff\x07\x80\x69" + b"\xff" * 6
_WRITE_US = 4100
_NAK = 0x04


class Classic1K(Tag):
    """The card; `blocks` are its 1,024 bytes."""

    kind = "classic1k"
    sak = 0x08

    def __init__(self, uid):
        super().__init__(uid)
        self.blocks = bytearray(16 * BLOCKS)
        self.blocks[0 : len(self.uid)] = self.uid
        for sector in range(16):
            trailer = 16 * (4 * sector + 3)
            self.blocks[trailer : trailer + 16] = _FACTORY_TRAILER
        self._open_sector = None
        self._write_to = None

    def memory(self):
        """All blocks."""
        return self.blocks

    def restore(self, memory):
        """Take over all blocks."""
        self.blocks[:] = memory

    def selected(self):
        """No sector is open yet."""
        self._open_sector = None
        self._write_to = None

    def authenticate(self, command, block, key, uid):
        """Open the sector of `block` if the key fits."""
        if self.state != ACTIVE:
            return False
        trailer = 16 * (block | 3)
        own = self.blocks[trailer : trailer + 6]
        if command == 0x61:
            own = self.blocks[trailer + 10 : trailer + 16]
        if block < BLOCKS and bytes(key) == bytes(own) and bytes(uid) == self.uid[-4:]:
            self._open_sector = block >> 2
            return True
        self.fall_back()
        return False

    def receive(self, frame, bits, encrypted):
        """A frame has arrived; once a sector is open, only encrypted ones make sense."""
        if self.state == ACTIVE and encrypted != (self._open_sector is not None):
            return self.fall_back()
        if self.state == ACTIVE and self._write_to is not None:
            return self._second_half(frame)
        return super().receive(frame, bits, encrypted)

    def command(self, frame, encrypted):
        """READ or the first half of WRITE."""
        block = frame[1] if len(frame) == 2 else BLOCKS
        if self._open_sector is None or block >> 2 != self._open_sector:
            return self.fall_back(_NAK)
        if frame[0] == 0x30:
            return self.sealed(self._readable(block))
        if frame[0] == 0xA0:
            self._write_to = block
            return self.short(ACK)
        return self.fall_back(_NAK)

    def _readable(self, block):
        data = bytes(self.blocks[16 * block : 16 * block + 16])
        return bytes(6) + data[6:] if block & 3 == 3 else data

    def _second_half(self, frame):
        block = self._write_to
        self._write_to = None
        if len(frame) != 18 or block == 0:
            return self.fall_back(_NAK)
        self.blocks[16 * block : 16 * block + 16] = frame[:16]
        return self.short(ACK, _WRITE_US)
