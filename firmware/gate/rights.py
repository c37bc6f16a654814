"""The rights list on flash: pulled part by part, checked whole, then in force at once.

Two slots: a new list is put together beside the one in force and replaces it only when its MAC and
age have been checked. A power cut at any point leaves the old list or the new one.
"""

import struct

from protocols.portable import codes, packed_list, version

SLOTS = ("rights/a.bin", "rights/b.bin")
INCOMING = "rights/incoming.part"
PART_HEADER = "<IHH"
PART_HEADER_BYTES = struct.calcsize(PART_HEADER)
# What an ESP32 beside TLS can hold: 4,000 rights.
LIST_BYTES_MAX = 65536

PROBLEM_SIZE = "too_large"
PROBLEM_HASH = "wrong_hash"
PROBLEM_OLDER = "rolled_back"
PROBLEM_FLASH = "flash"


class RightsStore:
    """The list in force (`packed`, a PackedList or None) and the one being pulled."""

    def __init__(self, storage, key, direction, bytes_max=LIST_BYTES_MAX):
        """Take the gate's 32-byte key; `load` reads what the flash holds."""
        self._storage = storage
        self._key = key
        self._direction = direction
        self._bytes_max = bytes_max
        self._slot = 1
        self._pull = None  # [version, parts, bytes, hash, next part, bytes so far]
        self.packed = None
        self.problem = None

    @property
    def version(self):
        """Version of the list in force; 0 without one."""
        return self.packed.version if self.packed else 0

    @property
    def hash(self):
        """What identifies the list in force; "" without one."""
        return self.packed.hash if self.packed else ""

    def load(self):
        """Take the newer of the sound lists on flash."""
        self._storage.make_folder("rights")
        for slot in range(len(SLOTS)):
            data = self._storage.read(SLOTS[slot])
            packed = self._checked(data) if data else None
            if packed and (self.packed is None or _age(packed) > _age(self.packed)):
                self.packed = packed
                self._slot = slot
        self.problem = None

    def want(self, list_version, parts, size, list_hash):
        """A list is offered; returns the number of the part to ask for, or None if none is needed.

        A list that was refused is asked for again when it is offered again.
        """
        if list_hash == self.hash:
            self._pull = None
            self.problem = None
            return None
        if size > self._bytes_max or parts * version.LIST_PART_BYTES_MAX < size or parts < 1:
            self.problem = PROBLEM_SIZE
            return None
        offered = [list_version, parts, size, list_hash]
        if self._pull is None or self._pull[:4] != offered:
            self._pull = [list_version, parts, size, list_hash, 0, 0]
        return self._pull[4]

    @property
    def wanted(self):
        """(version, part) still to be asked for, or None."""
        return (self._pull[0], self._pull[4]) if self._pull else None

    def add_part(self, message):
        """Take one `down/list/{n}` message (bytes).

        Returns "more" when the next part is to be asked for, "applied" when the new list is in
        force, "refused" when it is not and `problem` says why, None for a part nobody waits for.
        """
        pull = self._pull
        if pull is None or len(message) < PART_HEADER_BYTES:
            return None
        list_version, part, parts = struct.unpack_from(PART_HEADER, message, 0)
        if list_version != pull[0] or part != pull[4] or parts != pull[1]:
            return None
        data = message[PART_HEADER_BYTES:]
        if pull[5] + len(data) > pull[2]:
            return self._refuse(PROBLEM_SIZE)
        try:
            file = self._storage.open_file(INCOMING, "wb" if part == 0 else "ab")
            try:
                file.write(data)
            finally:
                file.close()
        except OSError:
            return self._refuse(PROBLEM_FLASH)
        pull[4] += 1
        pull[5] += len(data)
        return "more" if pull[4] < pull[1] else self._apply()

    def _apply(self):
        offered_hash = self._pull[3]
        data = self._storage.read(INCOMING) or b""
        packed = self._checked(data)
        if packed is None:
            return self._refuse(self.problem)
        if packed.hash != offered_hash:
            return self._refuse(PROBLEM_HASH)
        if self.packed is not None and _age(packed) < _age(self.packed):
            return self._refuse(PROBLEM_OLDER)
        slot = 1 - self._slot
        try:
            self._storage.write(SLOTS[slot], data)
        except OSError:
            return self._refuse(PROBLEM_FLASH)
        self._storage.remove(INCOMING)
        self._slot = slot
        self.packed = packed
        self._pull = None
        self.problem = None
        return "applied"

    def _refuse(self, problem):
        self.problem = problem
        self._pull = None
        return "refused"

    def _checked(self, data):
        try:
            packed = packed_list.PackedList(data, self._key)
        except packed_list.ListError as error:
            self.problem = error.args[0]
            return None
        if packed.direction != self._direction:
            self.problem = codes.WRONG_DIRECTION
            return None
        return packed


def _age(packed):
    return packed.issued_s, packed.version
