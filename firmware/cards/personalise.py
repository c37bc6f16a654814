"""Turn a blank NTAG213, 215 or 216 into a Level 1 card: once, at a desk, with any gate's reader.

It may run twice, and after being interrupted anywhere: a card that has its password already is
proven with it, a sound counter is kept, and the protection is switched on last.
"""

from firmware.cards import counter, iso14443a, ntag
from firmware.cards.reader import OK, REFUSED

_FIRST_COUNT = 1
_PROTECT_READING = b"\x80\x00\x00\x00"  # PROT; no limit of attempts, which strangers could use up
_PROTECT_FROM = bytes((0x04, 0x00, 0x00, counter.FIRST_PAGE))


def personalise(reader, uid, card_master_key):
    """Steps: make the card with this UID (in the field, of any state) a Level 1 card.

    Gives (status, counter): REFUSED for a card that is no NTAG21x, or one protected by somebody
    else.
    """
    status, _, config_page = yield from _identify(reader, uid)
    if status != OK:
        return status, None
    keys = counter.CardKeys(card_master_key, uid)
    status, marker = yield from ntag.fast_read(reader, counter.MARKER_PAGE, counter.MARKER_PAGE)
    count = None
    is_blank = status == OK and marker != counter.MARKER
    if not is_blank:
        # Ours already, or protected up to the marker because the switch itself was torn.
        if status == REFUSED:
            status = yield from iso14443a.select_known(reader, uid)
        if status == OK:
            status, count, _ = yield from counter.read(reader, keys)
    if status != OK:
        return status, None
    for page, data in _pages(keys, config_page, count is None, is_blank):
        status = yield from ntag.write(reader, page, data)
        if status != OK:
            return status, None
    return OK, _FIRST_COUNT if count is None else count


def _identify(reader, uid):
    status = yield from iso14443a.select_known(reader, uid)
    if status != OK:
        return status, "", 0
    status, name, config_page = yield from ntag.identify(reader)
    return (REFUSED if status == OK and not name else status), name, config_page


def _pages(keys, config_page, with_counter, with_password):
    """What to write, in order: the counter first, the switch that protects it last."""
    pages = []
    if with_counter:
        first = keys.slot(_FIRST_COUNT) + keys.slot(_FIRST_COUNT - 1)
        for index in range(4):
            pages.append((counter.FIRST_PAGE + index, first[4 * index : 4 * index + 4]))
    if with_password:
        pages.append((config_page + 2, keys.password))
        pages.append((config_page + 3, keys.pack + b"\x00\x00"))
    pages.append((counter.MARKER_PAGE, counter.MARKER))
    pages.append((config_page + 1, _PROTECT_READING))
    pages.append((config_page, _PROTECT_FROM))
    return pages
