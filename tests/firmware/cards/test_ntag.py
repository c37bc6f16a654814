"""Portable: runs under pytest and on MicroPython."""

from firmware.cards import iso14443a, ntag
from firmware.cards.reader import NO_ANSWER, OK, REFUSED
from simulators.hardware import tags
from tests.support.reader_rig import Rig

UID = bytes((0x04, 0xA1, 0xB2, 0xC3, 0xD4, 0xE5, 0xF6))


def selected(kind="ntag213"):
    rig = Rig().ready()
    tag = tags.make(kind, UID)
    rig.field.put(tag)
    assert rig.do(iso14443a.select_known(rig.driver, UID)) == OK
    return rig, tag


def again(rig):
    assert rig.do(iso14443a.select_known(rig.driver, UID)) == OK


def test_the_two_sizes_are_told_apart():
    for kind, config_page in (("ntag213", 0x29), ("ntag215", 0x83)):
        rig, _ = selected(kind)
        assert rig.do(ntag.identify(rig.driver)) == (OK, kind, config_page)


def test_another_makers_tag_is_not_taken_for_an_ntag():
    rig, tag = selected()
    tag.storage_byte = 0x55
    assert rig.do(ntag.identify(rig.driver)) == (OK, "", 0)


def test_pages_are_written_and_read():
    rig, tag = selected()
    assert rig.do(ntag.write(rig.driver, 6, b"curb")) == OK
    assert bytes(tag.pages[24:28]) == b"curb"
    assert rig.do(ntag.read(rig.driver, 5)) == (OK, bytes(4) + b"curb" + bytes(8))
    assert rig.do(ntag.fast_read(rig.driver, 6, 6)) == (OK, b"curb")


def test_the_uid_stands_in_the_first_pages():
    rig, _ = selected()
    status, pages = rig.do(ntag.read(rig.driver, 0))
    assert status == OK
    assert pages[:3] + pages[4:8] == UID


def test_a_page_that_does_not_exist_is_refused():
    rig, _ = selected()
    assert rig.do(ntag.read(rig.driver, 45)) == (REFUSED, b"")
    again(rig)
    assert rig.do(ntag.write(rig.driver, 45, b"curb")) == REFUSED
    again(rig)
    assert rig.do(ntag.write(rig.driver, 0, b"curb")) == REFUSED


def test_the_password_opens_what_it_protects():
    rig, tag = selected()
    config = 4 * 0x29
    tag.pages[config + 3] = 8  # AUTH0
    tag.pages[config + 4] = 0x80  # PROT
    tag.pages[config + 8 : config + 14] = b"passPK"
    again(rig)
    assert rig.do(ntag.read(rig.driver, 8)) == (REFUSED, b"")
    again(rig)
    assert rig.do(ntag.authenticate(rig.driver, b"word")) == (REFUSED, b"")
    again(rig)
    assert rig.do(ntag.authenticate(rig.driver, b"pass")) == (OK, b"PK")
    assert rig.do(ntag.read(rig.driver, 8))[0] == OK
    assert rig.do(ntag.write(rig.driver, 8, b"curb")) == OK


def test_password_and_pack_cannot_be_read():
    rig, tag = selected()
    tag.pages[4 * 0x2B : 4 * 0x2D] = b"passPK\x00\x00"
    assert rig.do(ntag.fast_read(rig.driver, 0x2B, 0x2C)) == (OK, bytes(8))


def test_a_card_gone_during_a_write_is_noticed():
    rig, tag = selected()
    tag.tear(0, b"\x00\xff\x00\xff")
    status, took_ms, longest_ms = rig.timed(ntag.write(rig.driver, 6, b"curb"))
    assert status == NO_ANSWER
    assert took_ms < 12
    assert longest_ms < 3
