"""Portable: runs under pytest and on MicroPython."""

from firmware.cards import classic, iso14443a
from firmware.cards.reader import NO_ANSWER, OK, REFUSED
from simulators.hardware import tags
from tests.support.reader_rig import Rig

UID = b"\x12\x34\x56\x78"
KEY = b"\x01\x02\x03\x04\x05\x06"


def selected(uid=UID):
    rig = Rig().ready()
    card = tags.make("classic1k", uid)
    rig.field.put(card)
    rig.do(iso14443a.request(rig.driver))
    status, _, sak = rig.do(iso14443a.select(rig.driver))
    assert status == OK
    assert classic.is_classic(sak)
    return rig, card


def test_a_sector_opens_with_its_key_and_its_blocks_are_read():
    for uid in (UID, bytes((0x04, 1, 2, 3, 4, 5, 6))):
        rig, card = selected(uid)
        card.blocks[16 * 5 : 16 * 6] = bytes(range(16))
        assert rig.do(classic.authenticate(rig.driver, uid, 4, classic.FACTORY_KEY)) == OK
        assert rig.do(classic.read_block(rig.driver, 5)) == (OK, bytes(range(16)))


def test_key_b_opens_too():
    rig, card = selected()
    card.blocks[16 * 7 + 10 : 16 * 8] = KEY
    assert rig.do(classic.authenticate(rig.driver, UID, 4, KEY, classic.KEY_B)) == OK
    assert rig.do(classic.read_block(rig.driver, 4))[0] == OK


def test_a_wrong_key_opens_nothing_and_the_card_can_be_selected_again():
    rig, _ = selected()
    assert rig.do(classic.authenticate(rig.driver, UID, 4, KEY)) == NO_ANSWER
    assert rig.do(classic.read_block(rig.driver, 4)) == (NO_ANSWER, b"")
    assert rig.do(iso14443a.select_known(rig.driver, UID)) == OK
    assert rig.do(classic.authenticate(rig.driver, UID, 4, classic.FACTORY_KEY)) == OK


def test_an_open_sector_opens_no_other():
    rig, _ = selected()
    rig.do(classic.authenticate(rig.driver, UID, 4, classic.FACTORY_KEY))
    assert rig.do(classic.read_block(rig.driver, 8)) == (REFUSED, b"")


def test_key_a_is_never_read_back():
    rig, _ = selected()
    rig.do(classic.authenticate(rig.driver, UID, 4, classic.FACTORY_KEY))
    status, trailer = rig.do(classic.read_block(rig.driver, 7))
    assert status == OK
    assert trailer[:6] == bytes(6)
