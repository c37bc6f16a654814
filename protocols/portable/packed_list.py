"""The rights list as a gate stores it: 16 bytes a right, sorted, found by binary search.

Layout, little-endian:
    header  44 bytes  magic "CRL1", u32 version, u32 issued_s, u32 expires_s, u32 count,
                      u8 direction, u8 lot state, u8 walk_ups, u8 passback, u8 level_min, u8 stale,
                      u8 0, u8 0, 16 bytes lot id (zero-padded; longer ids are cut)
    entries 16 bytes  7 bytes tag key, u8 flags, u32 from_s, u32 until_s; sorted as bytes
    mac     32 bytes  HMAC-SHA256 over all before it, with the gate's key

A dict of the same rights takes about ten times the memory, which an ESP32 beside TLS has not got.
"""

import struct

from protocols.portable import access, macs

MAGIC = b"CRL1"
HEADER = "<4sIIIIBBBBBBBB16s"
HEADER_BYTES = struct.calcsize(HEADER)
ENTRY = "<7sBII"
ENTRY_BYTES = 16


class ListError(Exception):
    """A packed list is not one, or was not made for this gate; the first argument says which."""


def pack(version, issued_s, expires_s, direction, lot_id, lot, entries, key):
    """The bytes of a list.

    entries: iterable of (tag key of 7 bytes, flags, from_s, until_s), any order; more than one for
        a tag is fine.
    key: the gate's 32-byte key.
    """
    rows = sorted(struct.pack(ENTRY, tag, flags, start, end) for tag, flags, start, end in entries)
    header = struct.pack(
        HEADER,
        MAGIC,
        version,
        issued_s,
        expires_s,
        len(rows),
        direction,
        lot.state,
        lot.walk_ups,
        lot.passback,
        lot.level_min,
        lot.stale,
        0,
        0,
        lot_id.encode()[:16],
    )
    body = header + b"".join(rows)
    return body + macs.hmac_sha256(key, macs.PACKED_LIST + body)


class PackedList:
    """A list in memory, checked once, then only looked into."""

    def __init__(self, data, key):
        """Check `data` (bytes) against the gate's key.

        Raises:
            ListError: "truncated", "not_a_list" or "bad_mac".
        """
        if len(data) < HEADER_BYTES + macs.MAC_BYTES:
            raise ListError("truncated")
        fields = struct.unpack_from(HEADER, data, 0)
        if fields[0] != MAGIC:
            raise ListError("not_a_list")
        self.count = fields[4]
        end = HEADER_BYTES + self.count * ENTRY_BYTES
        if len(data) != end + macs.MAC_BYTES:
            raise ListError("truncated")
        view = memoryview(data)
        mac = macs.HmacSha256(key)
        mac.update(macs.PACKED_LIST)
        mac.update(view[:end])
        if not macs.same(mac.digest(), view[end:]):
            raise ListError("bad_mac")
        self.version = fields[1]
        self.issued_s = fields[2]
        self.expires_s = fields[3]
        self.direction = fields[5]
        self.lot = access.Lot(fields[6], fields[7], fields[8], fields[9], fields[10])
        self.lot_id = bytes(fields[13]).rstrip(b"\x00").decode()
        self.hash = bytes(view[end : end + 8]).hex()
        self._data = data

    def _tag_at(self, index):
        start = HEADER_BYTES + index * ENTRY_BYTES
        return self._data[start : start + macs.TAG_KEY_BYTES]

    def rights(self, tag):
        """The rights of a tag key as a list of (flags, from_s, until_s); empty if it has none."""
        low, high = 0, self.count
        while low < high:
            middle = (low + high) // 2
            if self._tag_at(middle) < tag:
                low = middle + 1
            else:
                high = middle
        found = []
        while low < self.count and self._tag_at(low) == tag:
            entry = struct.unpack_from(ENTRY, self._data, HEADER_BYTES + low * ENTRY_BYTES)
            found.append(entry[1:])
            low += 1
        return found
