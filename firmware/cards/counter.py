"""Level 1: a key of its own for every card, and a MAC'd counter that is rewritten at each tap.

A UID is not a secret, an NTAG password travels in clear, so a card can be copied. The counter does
not prevent that: it detects it at the next tap of either card, because one of the two is then
behind. Where on an NTAG213 or 215 what lies:

    page 4         marker "CRB1", readable by all: says that the password below may be tried
    pages 8, 9     slot 0: counter (u32, little-endian), MAC (4 bytes)
    pages 10, 11   slot 1, the same
    AUTH0 = 8, PROT = 1: from page 8 on nothing is read or written without the password

The older slot is the one rewritten. A card pulled away in the middle leaves that slot with a wrong
MAC and the other as it was, so the same count is read again: that is fine, a lower one is not.
A page endures 100,000 writes, so a card some 200,000 taps.

The MAC covers the UID and the counter under the card's key: HMAC-SHA256, its first 4 bytes. A guess
is right once in 4 billion and each costs a tap.
"""

from firmware.cards import ntag
from firmware.cards.reader import OK, REFUSED
from protocols.portable import macs

MARKER_PAGE = 4
MARKER = b"CRB1"
FIRST_PAGE = 8
SLOT_PAGES = 2
LAST_PAGE = FIRST_PAGE + 2 * SLOT_PAGES - 1
COUNTER_MAX = 0xFFFFFFFF

_PASSWORD = b"curb card password 1\n"
_COUNTER = b"curb card counter 1\n"
_MAC_BYTES = 4


class CardKeys:
    """What is derived from the card master key (bytes) for one UID (bytes)."""

    def __init__(self, card_master_key, uid):
        self._uid = uid
        self._key = macs.card_key(card_master_key, uid)
        secret = macs.hmac_sha256(self._key, _PASSWORD)
        self.password = secret[:4]
        self.pack = secret[4:6]

    def slot(self, counter):
        """The 8 bytes of a slot that holds `counter`."""
        number = counter.to_bytes(4, "little")
        mac = macs.hmac_sha256(self._key, _COUNTER + self._uid + number)
        return number + mac[:_MAC_BYTES]

    def newest(self, slots):
        """The state that both slots (16 bytes) hold: (counter, index of the slot to write next).

        The counter is None if neither is sound.
        """
        counters = [int.from_bytes(slots[8 * index : 8 * index + 4], "little") for index in (0, 1)]
        # The higher first: as a rule it is sound and the other need not be computed.
        first = 0 if counters[0] >= counters[1] else 1
        for index in (first, 1 - first):
            if macs.same(self.slot(counters[index]), slots[8 * index : 8 * index + 8]):
                return counters[index], 1 - index
        return None, 0


def read(reader, keys):
    """Steps: prove the selected card and read its counter.

    Gives (status, counter, slot to write next). REFUSED: the card does not know its password.
    OK with counter None: it does, but neither slot bears our MAC.
    """
    status, pack = yield from ntag.authenticate(reader, keys.password)
    if status == OK and not macs.same(pack, keys.pack):
        status = REFUSED
    if status != OK:
        return status, None, 0
    status, slots = yield from ntag.fast_read(reader, FIRST_PAGE, LAST_PAGE)
    if status != OK:
        return status, None, 0
    counter, slot = keys.newest(slots)
    return OK, counter, slot


def write(reader, keys, counter, slot):
    """Steps: write `counter` to a slot of the card that `read` has just proven; gives the status.

    Anything but OK may have torn the slot; the other one still holds.
    """
    data = keys.slot(counter)
    page = FIRST_PAGE + SLOT_PAGES * slot
    status = yield from ntag.write(reader, page, data[:4])
    if status == OK:
        status = yield from ntag.write(reader, page + 1, data[4:])
    return status
