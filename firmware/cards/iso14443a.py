"""Finding and selecting the one card in the field (ISO/IEC 14443-3 type A), over any `Reader`.

All functions are steps (see reader.py). A collision is never resolved by choosing: a driver who
holds a wallet against the reader must be told that two cards were seen. Two cards with the same UID
and type speak as one and cannot be told apart here; the Level 1 counter is what notices those.
"""

from firmware.cards import crc_a
from firmware.cards.reader import ANSWER_WAIT_MS, BROKEN, OK, REFUSED, exchange

_REQA = 0x26
_WUPA = 0x52
_HLTA = 0x50
_CASCADE_TAG = 0x88
_LEVELS = (0x93, 0x95, 0x97)
_SAK_MORE = 0x04  # the only sign that the UID goes on: a 4-byte UID may itself start with 0x88


def request(reader, wake=False):
    """Steps: ask who is there; gives the status.

    OK or COLLISION: at least one card; NO_ANSWER: none; BROKEN: something.
    wake: also ask cards that were halted, and so were dealt with before.
    """
    reader.end_encryption()
    reader.frame[0] = _WUPA if wake else _REQA
    return (yield from exchange(reader, 1, 7))


def select(reader):
    """Steps: read the UID of the card that answered `request` and select it.

    Gives (status, uid, sak); uid is 4, 7 or 10 bytes and empty unless the status is OK.
    COLLISION: two cards at once.
    """
    uid = bytearray()
    for level in _LEVELS:
        status = yield from _read_level(reader, level)
        if status != OK:
            return status, b"", 0
        part = bytes(reader.answer[:5])
        status = yield from _select_level(reader, level, part)
        if status != OK:
            return status, b"", 0
        sak = reader.answer[0]
        if not sak & _SAK_MORE:
            uid.extend(part[:4])
            return OK, bytes(uid), sak
        if part[0] != _CASCADE_TAG:
            return BROKEN, b"", 0
        uid.extend(part[1:4])
    return BROKEN, b"", 0


def select_known(reader, uid):
    """Steps: select the card with this UID again, whoever else is there; gives the status."""
    yield from settle(reader)
    yield from request(reader, wake=True)
    for level, part in zip(_LEVELS, _parts(uid)):  # noqa: B905 - MicroPython's zip has no `strict`
        bcc = part[0] ^ part[1] ^ part[2] ^ part[3]
        status = yield from _select_level(reader, level, part + bytes((bcc,)))
        if status != OK:
            return status
    return OK


def settle(reader):
    """Steps: make cards that are half-way through a selection idle again, whatever befell them.

    Without it the next `request` is what they take as an error, and only the one after it is
    answered.
    """
    reader.end_encryption()
    reader.frame[0] = 0
    # One byte without a checksum is no command in any state; only idle and halted cards ignore it.
    yield from exchange(reader, 1)


def halt(reader):
    """Steps: make the selected card sleep: `request` passes over it until it left the field."""
    reader.frame[0] = _HLTA
    reader.frame[1] = 0
    yield from exchange(reader, crc_a.append(reader.frame, 2))
    reader.end_encryption()


def command(reader, length, expected, wait_ms=ANSWER_WAIT_MS):
    """Steps: send `reader.frame[:length]` with CRC_A to the selected card; gives the status.

    expected: how many bytes the answer has, CRC not counted; with OK they are in `reader.answer`
        and sound. 0 for a command that is answered by a bare acknowledgement.
    REFUSED: the card answered a NAK.
    """
    status = yield from exchange(reader, crc_a.append(reader.frame, length), 0, wait_ms)
    if status != OK:
        return status
    if reader.answer_length == 1 and reader.answer_bits == 4:
        if reader.answer[0] & 0x0F != 0x0A:
            return REFUSED
        return OK if expected == 0 else BROKEN
    if expected == 0 or reader.answer_bits or reader.answer_length != expected + 2:
        return BROKEN
    return OK if crc_a.is_sound(reader.answer, expected + 2) else BROKEN


def _read_level(reader, level):
    reader.frame[0] = level
    reader.frame[1] = 0x20
    status = yield from exchange(reader, 2)
    if status != OK:
        return status
    part = reader.answer
    if reader.answer_length != 5 or reader.answer_bits:
        return BROKEN
    return OK if part[0] ^ part[1] ^ part[2] ^ part[3] == part[4] else BROKEN


def _select_level(reader, level, part):
    frame = reader.frame
    frame[0] = level
    frame[1] = 0x70
    frame[2:7] = part
    return (yield from command(reader, 7, 1))


def _parts(uid):
    parts = []
    while len(uid) > 4:
        parts.append(bytes((_CASCADE_TAG,)) + uid[:3])
        uid = uid[3:]
    parts.append(uid)
    return parts
