"""Portable: runs under pytest and on MicroPython."""

from firmware.cards import counter, iso14443a, ntag
from firmware.cards.personalise import personalise
from firmware.cards.reader import NO_ANSWER, OK, REFUSED
from simulators.hardware import tags
from tests.support.reader_rig import Rig

MASTER = bytes(range(32))
UID = bytes((0x04, 0xA1, 0xB2, 0xC3, 0xD4, 0xE5, 0xF6))


def card(kind="ntag213", uid=UID):
    rig = Rig().ready()
    tag = tags.make(kind, uid)
    rig.field.put(tag)
    return rig, tag


def level1(kind="ntag213"):
    rig, tag = card(kind)
    assert rig.do(personalise(rig.driver, UID, MASTER)) == (OK, 1)
    rig.field.take(tag)
    rig.field.put(tag)
    return rig, tag, counter.CardKeys(MASTER, UID)


def read(rig, keys):
    assert rig.do(iso14443a.select_known(rig.driver, UID)) == OK
    return rig.do(counter.read(rig.driver, keys))


def test_every_card_has_keys_of_its_own():
    one, two = counter.CardKeys(MASTER, UID), counter.CardKeys(MASTER, b"\x01\x02\x03\x04")
    assert one.password != two.password
    assert one.slot(1) != two.slot(1)
    assert (len(one.password), len(one.pack), len(one.slot(1))) == (4, 2, 8)


def test_the_derivation_never_changes():
    # A changed derivation would make every card in the field worthless.
    keys = counter.CardKeys(MASTER, UID)
    assert keys.password.hex() == "cfbbb456"
    assert keys.pack.hex() == "a3c0"
    assert keys.slot(258).hex() == "02010000136a8562"


def test_the_slot_with_the_higher_sound_counter_holds():
    keys = counter.CardKeys(MASTER, UID)
    assert keys.newest(keys.slot(7) + keys.slot(8)) == (8, 0)
    assert keys.newest(keys.slot(9) + keys.slot(8)) == (9, 1)
    assert keys.newest(keys.slot(9) + b"\x0a\x00\x00\x00torn") == (9, 1)
    assert keys.newest(b"\xff\xff\xff\xfftorn" + keys.slot(3)) == (3, 0)
    assert keys.newest(bytes(16)) == (None, 0)


def test_a_blank_card_becomes_a_level_1_card():
    for kind in ("ntag213", "ntag215"):
        rig, tag, keys = level1(kind)
        assert read(rig, keys) == (OK, 1, 1)
        page = 4 * tag.config_page
        assert tag.pages[page + 3] == counter.FIRST_PAGE
        assert tag.pages[page + 4] & 0x80


def test_counting_alternates_between_the_slots():
    rig, _, keys = level1()
    for count in range(1, 7):
        status, found, slot = read(rig, keys)
        assert (status, found) == (OK, count)
        assert slot == count % 2
        assert rig.do(counter.write(rig.driver, keys, count + 1, slot)) == OK


def test_a_write_torn_in_either_page_leaves_the_count_as_it_was():
    for good_writes in (0, 1):
        for left in (b"\x00\x00\x00\x00", b"\xff\xff\xff\xff", b"\x02\x00\x00\x00"):
            rig, tag, keys = level1()
            _, count, slot = read(rig, keys)
            tag.tear(good_writes, left)
            assert rig.do(counter.write(rig.driver, keys, count + 1, slot)) == NO_ANSWER
            assert read(rig, keys) == (OK, count, slot)
            assert rig.do(counter.write(rig.driver, keys, count + 1, slot)) == OK
            assert read(rig, keys)[1] == count + 1


def test_strangers_cannot_read_or_write_the_counter():
    rig, tag, _ = level1()
    status, _, _ = read(rig, counter.CardKeys(bytes(32), UID))
    assert status == REFUSED
    rig.do(iso14443a.select_known(rig.driver, UID))
    assert rig.do(ntag.read(rig.driver, counter.FIRST_PAGE)) == (REFUSED, b"")
    rig.do(iso14443a.select_known(rig.driver, UID))
    before = bytes(tag.pages)
    assert rig.do(ntag.write(rig.driver, counter.FIRST_PAGE, bytes(4))) == REFUSED
    assert bytes(tag.pages) == before


def test_a_card_that_knows_the_password_but_not_the_pack_is_refused():
    rig, tag, keys = level1()
    tag.pages[4 * (tag.config_page + 3)] ^= 1
    assert read(rig, keys) == (REFUSED, None, 0)


def test_a_card_with_someone_elses_counter_shows_none():
    rig, tag, keys = level1()
    other = counter.CardKeys(MASTER, b"\x01\x02\x03\x04")
    tag.pages[32:48] = other.slot(5) + other.slot(6)
    assert read(rig, keys) == (OK, None, 0)


def test_personalising_twice_keeps_the_count():
    rig, _, keys = level1()
    _, _, slot = read(rig, keys)
    rig.do(counter.write(rig.driver, keys, 2, slot))
    assert rig.do(personalise(rig.driver, UID, MASTER)) == (OK, 2)
    assert read(rig, keys)[1] == 2


def test_personalising_can_be_interrupted_anywhere_and_finished_later():
    # Not tried: a tear that sets CFGLCK, which would be for ever.
    torn = (b"\x00\x00\x00\x00", b"\x3a\x3a\x3a\x3a", b"\x9f\xff\x00\x05")
    for good_writes, left in [(count, left) for count in range(9) for left in torn]:
        rig, tag = card()
        tag.tear(good_writes, left)
        status, _ = rig.do(personalise(rig.driver, UID, MASTER))
        assert status == NO_ANSWER
        assert rig.do(personalise(rig.driver, UID, MASTER)) == (OK, 1)
        rig.field.take(tag)
        rig.field.put(tag)
        assert read(rig, counter.CardKeys(MASTER, UID)) == (OK, 1, 1)


def test_only_ntags_are_personalised():
    rig, _ = card("classic1k")
    assert rig.do(personalise(rig.driver, UID, MASTER))[0] != OK
    rig, tag = card()
    tag.storage_byte = 0x55
    assert rig.do(personalise(rig.driver, UID, MASTER)) == (REFUSED, None)


def test_a_card_protected_by_somebody_else_is_left_alone():
    rig, tag, _ = level1()
    before = bytes(tag.pages)
    status, _ = rig.do(personalise(rig.driver, UID, bytes(32)))
    assert status == REFUSED
    assert bytes(tag.pages) == before
