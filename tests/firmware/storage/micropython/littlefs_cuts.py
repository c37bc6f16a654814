"""Runs on MicroPython: the outbox and files on a real littlefs that loses power at every write.

A block device in memory fails from operation n on; then the flash is mounted anew and read.
"""

import sys

import vfs

from firmware.link.outbox import Outbox
from firmware.storage import Storage

_BLOCK = 512
_BLOCKS = 64


class Ram:
    def __init__(self):
        self.data = bytearray(_BLOCK * _BLOCKS)
        self.budget = None

    def _spend(self):
        if self.budget is not None:
            if self.budget <= 0:
                raise OSError(5)
            self.budget -= 1

    def readblocks(self, block, buffer, offset=0):
        at = block * _BLOCK + offset
        buffer[:] = self.data[at : at + len(buffer)]

    def writeblocks(self, block, buffer, offset=0):
        self._spend()
        at = block * _BLOCK + offset
        self.data[at : at + len(buffer)] = buffer

    def ioctl(self, operation, block):
        if operation == 4:
            return _BLOCKS
        if operation == 5:
            return _BLOCK
        if operation == 6:
            self._spend()
            at = block * _BLOCK
            self.data[at : at + _BLOCK] = b"\xff" * _BLOCK
        return 0


def once(budget):
    """Write until the power goes; True if all was written before."""
    ram = Ram()
    vfs.VfsLfs2.mkfs(ram)
    vfs.mount(vfs.VfsLfs2(ram), "/flash")
    storage = Storage("/flash")
    outbox = Outbox(storage, segment_bytes=600)
    promised = []
    state = b"state 0"
    ram.budget = budget
    is_done = True
    under_way = None
    try:
        for seq in range(24):
            under_way = seq
            outbox.append(1, seq, b"passage number %d" % seq, True)
            promised.append(seq)
            if seq % 8 == 7:
                state = b"state %d" % seq
                storage.write("state.json", state)
    except OSError:
        is_done = False
    copy = Ram()
    copy.data[:] = ram.data
    # The dead file is closed on the flash that was left behind: the collector must not do it.
    ram.budget = None
    outbox._close()
    vfs.umount("/flash")
    vfs.mount(vfs.VfsLfs2(copy), "/again")
    storage = Storage("/again")
    found = []
    outbox = Outbox(storage, segment_bytes=600)
    while outbox.peek():
        found.append(outbox.peek()[1])
        outbox.ack(1, found[-1])
    assert found[: len(promised)] == promised, (budget, promised, found)
    assert found[len(promised) :] in ([], [under_way])
    stored = storage.read("state.json")
    assert stored is None or stored.startswith(b"state "), (budget, stored)
    vfs.umount("/again")
    return is_done


budget = 0
while not once(budget):
    budget += 1
print("cut at each of", budget, "flash operations")
sys.exit(0 if budget > 50 else 1)
