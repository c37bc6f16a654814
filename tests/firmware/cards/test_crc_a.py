"""Portable: runs under pytest and on MicroPython."""

from firmware.cards import crc_a


def test_the_standards_own_examples():
    # Source: ISO/IEC 14443-3, annex B.2.
    assert crc_a.crc_a(b"\x00\x00", 2) == 0x1EA0
    assert crc_a.crc_a(b"\x12\x34", 2) == 0xCF26


def test_a_frame_with_its_checksum_is_sound_until_a_bit_changes():
    frame = bytearray(b"\x30\x04\x00\x00")
    assert crc_a.append(frame, 2) == 4
    assert frame == b"\x30\x04\x26\xee"
    assert crc_a.is_sound(frame, 4)
    for bit in range(32):
        frame[bit >> 3] ^= 1 << (bit & 7)
        assert not crc_a.is_sound(frame, 4)
        frame[bit >> 3] ^= 1 << (bit & 7)


def test_a_frame_too_short_for_a_checksum_is_not_sound():
    assert not crc_a.is_sound(b"", 0)
    assert not crc_a.is_sound(b"\x63\x63", 2)
