"""Portable: runs under pytest and on MicroPython. Cards spoken to directly, without a reader."""

from simulators.hardware import tags
from simulators.hardware.field import Field, air_us, overlay

UID = bytes((0x04, 0xA1, 0xB2, 0xC3, 0xD4, 0xE5, 0xF6))


def sealed(*frame):
    return bytes(frame) + tags.crc_a(bytes(frame))


def select(tag):
    tag.power_on()
    assert tag.receive(b"\x26", 7, False) is not None
    for level, part in zip((0x93, 0x95, 0x97), tags.cascade(tag.uid)):  # noqa: B905
        answer = tag.receive(sealed(level, 0x70, *part), 0, False)
    return answer[0][0]


def ask(tag, *frame):
    """A command; its answer without checksum, a NAK's number, or None."""
    answer = tag.receive(sealed(*frame), 0, False)
    if answer is None:
        return None
    return answer[0][0] if answer[1] == 4 else answer[0][:-2]


def test_a_dumped_card_is_the_same_card():
    for kind in tags.KINDS:
        tag = tags.make(kind, UID)
        again = tags.load(tag.dump())
        assert (again.kind, again.uid, again.dump()) == (kind, UID, tag.dump())
    ntag = tags.make("ntag215", UID)
    ntag.pages[20] = 0x77
    assert tags.load(ntag.dump()).pages[20] == 0x77


def test_unknown_kinds_and_lengths_are_refused():
    for kind, uid in (("ntag999", UID), ("ntag213", b"123")):
        try:
            tags.make(kind, uid)
        except ValueError:
            continue
        raise AssertionError("accepted")


def test_a_wrong_select_sends_the_card_back():
    tag = tags.make("ntag213", UID)
    tag.power_on()
    tag.receive(b"\x26", 7, False)
    assert tag.receive(sealed(0x93, 0x70, 1, 2, 3, 4, 4), 0, False) is None
    assert tag.receive(b"\x93\x20", 0, False) is None
    assert tag.receive(b"\x26", 7, False) is not None


def test_a_card_answers_only_its_own_prefix():
    tag = tags.make("uid", b"\x12\x34\x56\x78")
    tag.receive(b"\x52", 7, False)
    assert tag.receive(b"\x93\x30\x12", 0, False)[1] == 32
    assert tag.receive(b"\x93\x30\x13", 0, False) is None
    assert tag.receive(b"\x93\x20", 0, False)[1] == 40


def test_locks_close_for_ever():
    tag = tags.make("ntag213", UID)
    select(tag)
    assert ask(tag, 0xA2, 5, 1, 2, 3, 4) == 0x0A
    assert ask(tag, 0xA2, 2, 0, 0, 0x20, 0) == 0x0A  # lock page 5
    assert ask(tag, 0xA2, 5, 0, 0, 0, 0) == 0x00
    select(tag)
    assert ask(tag, 0xA2, 2, 0, 0, 0, 0) == 0x0A  # cannot be taken back
    assert ask(tag, 0xA2, 5, 0, 0, 0, 0) == 0x00
    assert bytes(tag.pages[20:24]) == b"\x01\x02\x03\x04"


def test_dynamic_locks_and_one_time_bits():
    tag = tags.make("ntag213", UID)
    select(tag)
    assert ask(tag, 0xA2, 0x28, 1, 0, 0, 0) == 0x0A  # pages 16 and 17
    assert ask(tag, 0xA2, 18, 9, 9, 9, 9) == 0x0A
    assert ask(tag, 0xA2, 17, 9, 9, 9, 9) == 0x00
    select(tag)
    assert ask(tag, 0xA2, 3, 0, 0, 0, 0x80) == 0x0A
    assert bytes(tag.pages[12:16]) == b"\xe1\x10\x12\x80"


def test_reading_wraps_before_what_is_protected():
    tag = tags.make("ntag213", UID)
    tag.pages[4 * 0x29 + 3] = 8
    tag.pages[4 * 0x29 + 4] = 0x80
    tag.pages[28:32] = b"last"
    select(tag)
    data = ask(tag, 0x30, 7)
    assert data[:4] == b"last"
    assert data[4:7] == UID[:3]


def test_too_many_wrong_passwords_lock_a_limited_card():
    tag = tags.make("ntag213", UID)
    tag.pages[4 * 0x29 + 4] = 0x02
    for _ in range(2):
        select(tag)
        assert ask(tag, 0x1B, 0, 0, 0, 0) == 0x00
    select(tag)
    assert ask(tag, 0x1B, 0xFF, 0xFF, 0xFF, 0xFF) == 0x04


def test_locked_configuration_cannot_be_written():
    tag = tags.make("ntag215", UID)
    select(tag)
    assert ask(tag, 0xA2, 0x84, 0x40, 0, 0, 0) == 0x0A
    assert ask(tag, 0xA2, 0x83, 4, 0, 0, 4) == 0x00


def test_a_torn_write_leaves_what_it_leaves_and_the_card_is_gone():
    tag = tags.make("ntag213", UID)
    select(tag)
    tag.tear(1, b"\xaa\xbb\xcc\xdd")
    assert ask(tag, 0xA2, 8, 1, 2, 3, 4) == 0x0A
    assert ask(tag, 0xA2, 9, 1, 2, 3, 4) is None
    assert bytes(tag.pages[32:40]) == b"\x01\x02\x03\x04\xaa\xbb\xcc\xdd"
    assert ask(tag, 0x30, 8) is None
    select(tag)
    assert ask(tag, 0xA2, 9, 1, 2, 3, 4) == 0x0A


def test_a_broken_frame_and_unknown_commands_get_a_nak():
    tag = tags.make("ntag213", UID)
    select(tag)
    assert tag.receive(b"\x30\x04\x00\x00", 0, False)[:2] == (b"\x01", 4)
    select(tag)
    assert ask(tag, 0x99) == 0x00


def test_classic_blocks_are_written_in_two_halves():
    tag = tags.make("classic1k", b"\x12\x34\x56\x78")
    assert select(tag) == 0x08
    assert tag.authenticate(0x60, 4, b"\xff" * 6, tag.uid)
    assert tag.receive(sealed(0xA0, 5), 0, True)[:2] == (b"\x0a", 4)
    assert tag.receive(sealed(*range(16)), 0, True)[:2] == (b"\x0a", 4)
    assert bytes(tag.blocks[80:96]) == bytes(range(16))
    # In clear a card whose sector is open understands nothing.
    assert tag.receive(sealed(0x30, 5), 0, False) is None


def test_the_makers_block_cannot_be_written():
    tag = tags.make("classic1k", b"\x12\x34\x56\x78")
    select(tag)
    tag.authenticate(0x60, 0, b"\xff" * 6, tag.uid)
    tag.receive(sealed(0xA0, 0), 0, True)
    assert tag.receive(sealed(*range(16)), 0, True)[0] == b"\x04"


def test_cards_lose_power_with_the_field():
    field = Field()
    tag = tags.make("ntag213", UID)
    field.put(tag)
    assert field.transmit(b"\x26", 7, False) is None
    field.switch(True)
    assert field.transmit(b"\x26", 7, False) is not None
    field.switch(False)
    field.switch(True)
    assert tag.state == 0


def test_what_two_say_at_once_is_heard_as_both():
    assert overlay([(b"\x0f", 8), (b"\x0f", 8)]) == (b"\x0f", 8, None)
    assert overlay([(b"\x0f", 8), (b"\x1e", 8)]) == (b"\x1f", 8, 0)
    assert overlay([(b"\x0a", 4), (b"\x0a\x01", 16)]) == (b"\x0a\x01", 16, None)


def test_air_time_is_that_of_106_kbit_s():
    # 18 bytes with parity: 162 bits and the frame's ends.
    assert air_us(18) == 1548
    assert air_us(1, 7) == 84
