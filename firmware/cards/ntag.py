"""NTAG213, 215 and 216: which one it is, reading and writing pages, the password.

All functions are steps (see reader.py). After REFUSED the card has fallen back to idle and must be
selected again.

Source: NXP NTAG213/215/216 data sheet, rev. 3.2, sections 8.5 (memory) and 10 (commands).
"""

from firmware.cards.iso14443a import command
from firmware.cards.reader import OK

_GET_VERSION = 0x60
_READ = 0x30
_FAST_READ = 0x3A
_WRITE = 0xA2
_PWD_AUTH = 0x1B
_READ_WAIT_MS = 5
_WRITE_WAIT_MS = 10  # the card programs its EEPROM before it answers, 4.1 ms typically

# Storage size byte of GET_VERSION: name, first of the configuration pages CFG0, CFG1, PWD, PACK.
_SIZES = {0x0F: ("ntag213", 0x29), 0x11: ("ntag215", 0x83), 0x13: ("ntag216", 0xE3)}


def is_ntag_like(sak):
    """Whether a selected card's SAK allows an NTAG or Ultralight; only GET_VERSION tells which."""
    return sak == 0x00


def identify(reader):
    """Steps: gives (status, name, first configuration page); name "" for a tag not known here."""
    reader.frame[0] = _GET_VERSION
    status = yield from command(reader, 1, 8, _READ_WAIT_MS)
    if status != OK:
        return status, "", 0
    answer = reader.answer
    if answer[1] != 0x04 or answer[2] != 0x04:
        return OK, "", 0
    name, config_page = _SIZES.get(answer[6], ("", 0))
    return OK, name, config_page


def read(reader, page):
    """Steps: four pages from `page` on; gives (status, 16 bytes), empty unless OK."""
    reader.frame[0] = _READ
    reader.frame[1] = page
    status = yield from command(reader, 2, 16, _READ_WAIT_MS)
    return status, bytes(reader.answer[:16]) if status == OK else b""


def fast_read(reader, first, last):
    """Steps: the pages `first` to `last`, at most 7; gives (status, bytes), empty unless OK."""
    length = 4 * (last - first + 1)
    reader.frame[0] = _FAST_READ
    reader.frame[1] = first
    reader.frame[2] = last
    status = yield from command(reader, 3, length, _READ_WAIT_MS)
    return status, bytes(reader.answer[:length]) if status == OK else b""


def write(reader, page, data):
    """Steps: write the 4 bytes of one page; gives the status. Anything but OK may have left the
    page half written."""
    reader.frame[0] = _WRITE
    reader.frame[1] = page
    reader.frame[2:6] = data
    return (yield from command(reader, 6, 0, _WRITE_WAIT_MS))


def authenticate(reader, password):
    """Steps: PWD_AUTH with 4 bytes; gives (status, pack), the card's 2-byte acknowledgement, empty
    unless OK."""
    reader.frame[0] = _PWD_AUTH
    reader.frame[1:5] = password
    status = yield from command(reader, 5, 2, _READ_WAIT_MS)
    if status != OK:
        return status, b""
    return status, bytes(reader.answer[:2])
