"""The durable queue of events: what was appended is sent, in order, until the agent has it.

Append-only segment files; an event is durable when `append` returns. A segment goes when all its
events are acked, so after a power cut at most one segment is sent again, with the same keys, which
the agent expects. A torn record can only be the last of its file: reading stops there.

When the space is used up, denials and diagnostics are thinned out, never grants, passages and what
else `protected` marks. If only those remain the outbox `is_full`: entries are then refused
(log_full), while exits open and their events use a reserve.
"""

import binascii
import struct

FOLDER = "outbox"
_RECORD = "<HBIII"  # payload bytes, protected, boot, seq, CRC-32 of all that and the payload
_RECORD_BYTES = struct.calcsize(_RECORD)
_CHECKED_BYTES = _RECORD_BYTES - 4
PAYLOAD_BYTES_MAX = 1000


class Outbox:
    """The queue of one device; one writer, one reader."""

    def __init__(self, storage, bytes_max=131072, segment_bytes=4096, folder=FOLDER):
        """Open what the flash holds.

        bytes_max: from here on thinning starts; a quarter more is reserved for exits.
        """
        self._storage = storage
        self._folder = folder
        self._bytes_max = bytes_max
        self._segment_bytes = segment_bytes
        self._file = None
        self._head = None  # records of the oldest segment not yet acked, read when asked for
        self._segments = []  # [number, bytes, records, protected bytes], oldest first
        self.count = 0
        self.thinned = 0
        self.lost = 0
        storage.make_folder(folder)
        for name in storage.list_names(folder):
            if name.endswith(".log"):
                self._adopt(name)

    @property
    def bytes_used(self):
        """How much flash the queue takes."""
        return sum(segment[1] for segment in self._segments)

    @property
    def is_full(self):
        """Whether there is room for nothing but the reserve."""
        return self._protected_bytes + _RECORD_BYTES + PAYLOAD_BYTES_MAX > self._bytes_max

    @property
    def _protected_bytes(self):
        return sum(segment[3] for segment in self._segments)

    def append(self, boot, seq, payload, protected):
        """Store one event durably; False when it had to be dropped for lack of space.

        Raises:
            OSError: the flash is broken.
        """
        size = _RECORD_BYTES + len(payload)
        if len(payload) > PAYLOAD_BYTES_MAX:
            raise ValueError("event too long")
        if self.bytes_used + size > self._bytes_max:
            if self.bytes_used > self._protected_bytes:
                self._thin()
            limit = self._bytes_max + (self._bytes_max // 4 if protected else 0)
            if self.bytes_used + size > limit:
                self.lost += 1
                return False
        self._write(_encode(boot, seq, payload, protected), protected)
        self.count += 1
        if self._head is not None and len(self._segments) == 1:
            self._head.append((boot, seq, payload, protected))
        return True

    def peek(self):
        """The oldest event as (boot, seq, payload), or None."""
        head = self._load_head()
        if not head:
            return None
        return head[0][:3]

    def ack(self, boot, seq):
        """The event at the head, if it is that one, is safe with the agent: forget it.

        Returns whether it was the head; a late ack of an event already gone changes nothing.
        """
        head = self._load_head()
        if not head or head[0][0] != boot or head[0][1] != seq:
            return False
        head.pop(0)
        self.count -= 1
        if not head:
            self._drop_head_segment()
        return True

    def _drop_head_segment(self):
        segment = self._segments.pop(0)
        if not self._segments:
            self._close()
        self._storage.remove(self._name(segment[0]))
        self._head = None

    def _load_head(self):
        while self._head is None and self._segments:
            self._head = self._read(self._segments[0][0])
            if not self._head:
                self._drop_head_segment()
        return self._head

    def _write(self, record, protected):
        if self._file is None or self._segments[-1][1] + len(record) > self._segment_bytes:
            self._close()
            # Never append to a file of an earlier boot: its last record may be torn.
            number = self._segments[-1][0] + 1 if self._segments else 1
            self._file = self._storage.open_file(self._name(number), "ab")
            self._segments.append([number, 0, 0, 0])
        segment = self._segments[-1]
        try:
            self._file.write(record)
            self._file.flush()
        except OSError:
            # What lies behind a half-written record would never be read.
            self._close()
            raise
        segment[1] += len(record)
        segment[2] += 1
        if protected:
            segment[3] += len(record)

    def _close(self):
        if self._file is not None:
            file, self._file = self._file, None
            file.close()

    def _thin(self):
        """Write every segment anew without what may be thinned; the order stays."""
        self._close()
        acked = 0
        if self._head is not None and self._segments:
            acked = self._segments[0][2] - len(self._head)
        kept_segments = []
        for segment in self._segments:
            records = self._read(segment[0])[acked:]
            acked = 0
            kept = [record for record in records if record[3]]
            self.thinned += len(records) - len(kept)
            if not kept:
                self._storage.remove(self._name(segment[0]))
                continue
            data = b"".join(_encode(*record) for record in kept)
            if len(kept) != segment[2]:
                self._storage.write(self._name(segment[0]), data)
            kept_segments.append([segment[0], len(data), len(kept), len(data)])
        self._segments = kept_segments
        self._head = None
        self.count = sum(segment[2] for segment in kept_segments)

    def _adopt(self, name):
        try:
            number = int(name[:-4])
        except ValueError:
            return
        records = self._read(number)
        if not records:
            self._storage.remove(self._name(number))
            return
        size = sum(_RECORD_BYTES + len(record[2]) for record in records)
        protected = sum(_RECORD_BYTES + len(record[2]) for record in records if record[3])
        self._segments.append([number, size, len(records), protected])
        self.count += len(records)

    def _read(self, number):
        data = self._storage.read(self._name(number)) or b""
        records = []
        at = 0
        while at + _RECORD_BYTES <= len(data):
            length, protected, boot, seq, check = struct.unpack_from(_RECORD, data, at)
            payload = data[at + _RECORD_BYTES : at + _RECORD_BYTES + length]
            found = binascii.crc32(data[at : at + _CHECKED_BYTES] + payload) & 0xFFFFFFFF
            if len(payload) != length or found != check:
                break
            records.append((boot, seq, payload, protected))
            at += _RECORD_BYTES + length
        return records

    def _name(self, number):
        return "{}/{:08d}.log".format(self._folder, number)


def _encode(boot, seq, payload, protected):
    head = struct.pack(_RECORD, len(payload), 1 if protected else 0, boot, seq, 0)[:_CHECKED_BYTES]
    check = binascii.crc32(head + payload) & 0xFFFFFFFF
    return head + struct.pack("<I", check) + payload
