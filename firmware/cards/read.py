"""The one question a gate asks of its reader: what does the presented card say?

    reading = yield from read_card(reader, card_master_key)      # at every poll, some ms
    ... send the tap with reading.uid, .level, .counter ...
    status = yield from write_counter(reader, reading)           # Level 1: the next count
    yield from release(reader, reading)                          # silent until it leaves the field

All are steps (see reader.py). A card that was released is passed over until it has left the field,
so that a card left lying on the reader is one tap. Reading proves; the counter is written
afterwards, so that the tap need not wait for two EEPROM writes of 4 ms each.
"""

from firmware.cards import counter, iso14443a, ntag
from firmware.cards.reader import BROKEN, COLLISION, FAULT, NO_ANSWER, OK, REFUSED
from protocols.portable import codes

# A card moving through the edge of the field fails once or twice; beyond that the driver must help.
ATTEMPTS = 3

# Why a card that claims Level 1 was not granted it.
WRONG_PASSWORD = "password"  # noqa: S105 - a name for the reason, not a secret
WRONG_COUNTER = "counter"


class Reading:
    """What the presented card said.

    read: codes.READ_OK, READ_NOTHING, READ_UNREADABLE or READ_TWO_CARDS; the rest is for READ_OK.
    uid: bytes; sak: the card's kind of answer; level: 0, or 1 when key and counter are proven.
    counter: the proven count, None at level 0.
    doubt: None, or why a card with our marker is not Level 1: "password" or "counter" (a fake, or a
        card of another operator).
    reader_works: False when the reader chip is out of order (`read` is then READ_NOTHING).
    """

    def __init__(self, read, uid=b"", sak=0):
        self.read = read
        self.uid = uid
        self.sak = sak
        self.level = 0
        self.counter = None
        self.doubt = None
        self.reader_works = True
        self.keys = None
        self.slot = 0
        # A card that refused something has fallen back and must be selected again.
        self.is_selected = True


def read_card(reader, card_master_key=None):
    """Steps: what the presented card says, as a Reading; never raises for anything a card may do.

    card_master_key: bytes, or None at a gate without one (every card is then Level 0).
    """
    statuses = []
    reading = None
    for _ in range(ATTEMPTS):
        status = yield from iso14443a.request(reader)
        if status == NO_ANSWER and not statuses:
            return Reading(codes.READ_NOTHING)
        if status in (OK, COLLISION):
            status, reading = yield from _read_selected(reader, card_master_key)
            if status == OK:
                return reading
        if status == FAULT:
            return _out_of_order()
        statuses.append(status)
        yield from iso14443a.settle(reader)
        if statuses.count(COLLISION) == 2:
            break
    if COLLISION in statuses:
        return Reading(codes.READ_TWO_CARDS)
    if reading is not None and statuses == [NO_ANSWER] * ATTEMPTS:
        # Selected each time and mute to the marker's page each time: it lacks the command.
        reading.is_selected = False
        return reading
    return Reading(codes.READ_UNREADABLE)


def write_counter(reader, reading):
    """Steps: put the next count on a card just read; gives OK, also for a Level 0 card.

    Tries again if the card was disturbed. Any other status means that the card still says the old
    count, which the next tap will be forgiven.
    """
    if reading.level == 0 or reading.counter >= counter.COUNTER_MAX:
        return OK
    following = reading.counter + 1
    status = yield from counter.write(reader, reading.keys, following, reading.slot)
    for _ in range(ATTEMPTS - 1):
        if status in (OK, FAULT):
            break
        status = yield from iso14443a.select_known(reader, reading.uid)
        if status == OK:
            status, found, slot = yield from counter.read(reader, reading.keys)
            if status == OK and found == following:
                # Only the acknowledgement was lost.
                return OK
            if status == OK:
                if found != reading.counter:
                    return BROKEN
                status = yield from counter.write(reader, reading.keys, following, slot)
    return status


def release(reader, reading):
    """Steps: let the card sleep until it has left the field."""
    if not reading.is_selected:
        yield from iso14443a.select_known(reader, reading.uid)
    yield from iso14443a.halt(reader)


def _read_selected(reader, card_master_key):
    status, uid, sak = yield from iso14443a.select(reader)
    if status != OK:
        return status, None
    reading = Reading(codes.READ_OK, uid, sak)
    if card_master_key is not None and ntag.is_ntag_like(sak):
        status = yield from _prove(reader, reading, card_master_key)
    return status, reading


def _prove(reader, reading, card_master_key):
    """Steps: raise the reading to Level 1 if the card can; OK when there is nothing left to try."""
    status, marker = yield from ntag.fast_read(reader, counter.MARKER_PAGE, counter.MARKER_PAGE)
    if status == REFUSED:
        reading.is_selected = False
        return OK
    # Only a card that calls itself ours is sent a password: others may lock up after wrong ones.
    if status != OK or marker != counter.MARKER:
        return status
    keys = counter.CardKeys(card_master_key, reading.uid)
    status, count, slot = yield from counter.read(reader, keys)
    if status == REFUSED:
        reading.is_selected = False
        reading.doubt = WRONG_PASSWORD
        return OK
    if status == OK:
        if count is None:
            reading.doubt = WRONG_COUNTER
        else:
            reading.level = 1
            reading.counter = count
            reading.keys = keys
            reading.slot = slot
    return status


def _out_of_order():
    reading = Reading(codes.READ_NOTHING)
    reading.reader_works = False
    return reading
