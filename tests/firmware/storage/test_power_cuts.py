"""Whatever was promised to be on flash is there after a power cut at any operation.

Portable: the same functions run on MicroPython (test_storage_on_micropython.py).
"""

import random

from firmware.boot import Boot
from firmware.link.outbox import Outbox
from tests.firmware.storage.crashing import CrashingStorage, Flash, PowerCut


def _fresh(chance):
    return Flash(lambda count: chance.randint(0, count))


def _drain(storage):
    outbox = Outbox(storage, bytes_max=4096, segment_bytes=200)
    found = []
    while True:
        head = outbox.peek()
        if head is None:
            return found
        found.append(head)
        assert outbox.ack(head[0], head[1])


def test_a_replaced_file_is_old_or_new_never_torn():
    for budget in range(5):
        for seed in range(5):
            random.seed(seed)
            flash = _fresh(random)
            storage = CrashingStorage(flash)
            storage.write("state.json", b"old state")
            flash.budget = budget
            is_done = False
            try:
                storage.write("state.json", b"the new state")
                is_done = True
            except PowerCut:
                pass
            found = storage.read("state.json")
            assert (
                found == b"the new state" if is_done else found in (b"old state", b"the new state")
            )


def test_appended_events_survive_a_cut_at_any_operation_in_order():
    """What `append` returned for is there, in order, with at most the one under way after it."""
    for seed in range(150):
        random.seed(seed)
        flash = _fresh(random)
        storage = CrashingStorage(flash)
        promised = []
        acked = 0
        seq = 0
        for boot in range(1, 4):
            flash.budget = random.randint(0, 40)
            under_way = None
            try:
                outbox = Outbox(storage, bytes_max=100000, segment_bytes=200)
                for _ in range(30):
                    if random.randint(0, 3) == 0 and outbox.peek() is not None:
                        head = outbox.peek()
                        # A restart may send again what was acked, never skip or reorder.
                        assert head in promised[: acked + 1]
                        outbox.ack(head[0], head[1])
                        acked = max(acked, promised.index(head) + 1)
                    under_way = (boot, seq, b"event %d" % seq)
                    seq += 1
                    assert outbox.append(*under_way, bool(seq % 2))
                    promised.append(under_way)
                    under_way = None
            except PowerCut:
                pass
            flash.budget = None
            # Opening alone may drop nothing; look with a copy of the flash.
            copy = _fresh(random)
            copy.files = dict(flash.files)
            found = _drain(CrashingStorage(copy))
            if under_way is not None and under_way in found:
                promised.append(under_way)
            assert found == promised[len(promised) - len(found) :]
            assert len(found) >= len(promised) - acked


def test_thinning_cut_short_loses_no_protected_event():
    for budget in range(60):
        random.seed(budget)
        flash = _fresh(random)
        storage = CrashingStorage(flash)
        outbox = Outbox(storage, bytes_max=2000, segment_bytes=300)
        kept = []
        flash.budget = 40 + budget
        seq = 0
        try:
            for seq in range(200):
                protected = seq % 3 == 0
                payload = b"x" * 40
                if outbox.append(1, seq, payload, protected) and protected:
                    kept.append(seq)
        except PowerCut:
            pass
        flash.budget = None
        found = [head[1] for head in _drain(storage)]
        assert found == sorted(found)
        assert [number for number in found if number % 3 == 0 and number != seq] == [
            number for number in kept if number != seq
        ]


def test_every_start_has_a_higher_number_whatever_was_cut():
    for budget in range(8):
        flash = _fresh(random)
        storage = CrashingStorage(flash)
        first = Boot(storage, "power_on").number
        flash.budget = budget
        used = first
        try:
            used = Boot(storage, "power_on").number
            used = Boot(storage, "power_on").number
        except PowerCut:
            pass
        flash.budget = None
        assert Boot(storage, "power_on").number > used
