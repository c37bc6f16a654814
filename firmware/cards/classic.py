"""MIFARE Classic: authenticate a sector and read its blocks.

Level 0 only: the cipher of these cards is broken, so what they hold proves no more than the UID
does. A counter as on NTAG21x would fit (one data block a slot, key A derived per card); it is not
built, because a lot that cares buys NTAG.

Source: NXP MF1S50YYX_V1 data sheet, rev. 3.2, sections 9 and 10.
"""

from firmware.cards.iso14443a import command
from firmware.cards.reader import OK, wait

KEY_A = 0x60
KEY_B = 0x61
FACTORY_KEY = b"\xff\xff\xff\xff\xff\xff"

_READ = 0x30
_READ_WAIT_MS = 5


def is_classic(sak):
    """Whether a selected card's SAK says MIFARE Classic of any size."""
    return sak & 0x08 != 0


def authenticate(reader, uid, block, key, command_code=KEY_A):
    """Steps: open the sector of `block`; NO_ANSWER when the key is wrong, then select anew."""
    reader.begin_authentication(command_code, block, key, uid)
    return (yield from wait(reader))


def read_block(reader, block):
    """Steps: a block of the opened sector; gives (status, 16 bytes), empty unless OK."""
    reader.frame[0] = _READ
    reader.frame[1] = block
    status = yield from command(reader, 2, 16, _READ_WAIT_MS)
    return status, bytes(reader.answer[:16]) if status == OK else b""
