"""CRC_A, computed here and not by the reader chip.

The MFRC522 can do it, but that takes 7 bus transactions a frame (idle, clear, flush, fill, start,
poll, fetch): 0.42 ms at 60 us each, and twice per exchange. The table needs none, costs 512 bytes
and some 15 us a byte on an ESP32.

Source: ISO/IEC 14443-3:2018, annex B (polynomial x^16 + x^12 + x^5 + 1, reflected, initial value
0x6363).
"""

from array import array


def _entry(value):
    for _ in range(8):
        value = (value >> 1) ^ (0x8408 if value & 1 else 0)
    return value


_TABLE = array("H", [_entry(value) for value in range(256)])


def crc_a(data, length):
    """The checksum of `data[:length]`; it is sent low byte first."""
    table = _TABLE
    crc = 0x6363
    for index in range(length):
        crc = (crc >> 8) ^ table[(crc ^ data[index]) & 0xFF]
    return crc


def append(frame, length):
    """Write the checksum of `frame[:length]` behind it; returns the new length."""
    crc = crc_a(frame, length)
    frame[length] = crc & 0xFF
    frame[length + 1] = crc >> 8
    return length + 2


def is_sound(data, length):
    """Whether `data[:length]` ends with the checksum of what stands before it."""
    # A frame followed by its own checksum leaves no remainder.
    return length >= 3 and crc_a(data, length) == 0
