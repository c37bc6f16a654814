"""The queue of events: order, acks, and what gives way when the flash is full. Portable."""

import random

from firmware.link.outbox import Outbox
from tests.firmware.storage.crashing import CrashingStorage, Flash


def _storage():
    return CrashingStorage(Flash(lambda count: count))


def _fill(outbox, count, protected, start=0):
    return [outbox.append(1, start + n, b"y" * 50, protected) for n in range(count)]


def test_events_come_out_in_the_order_they_went_in_across_segments_and_starts():
    storage = _storage()
    outbox = Outbox(storage, segment_bytes=200)
    for seq in range(20):
        outbox.append(3, seq, b"event %d" % seq, True)
    again = Outbox(storage, segment_bytes=200)
    again.append(4, 0, b"next boot", True)
    assert again.count == 21
    for seq in range(20):
        assert again.peek() == (3, seq, b"event %d" % seq)
        assert again.ack(3, seq)
    assert again.peek() == (4, 0, b"next boot")


def test_an_ack_of_anything_but_the_head_changes_nothing():
    outbox = Outbox(_storage())
    _fill(outbox, 3, True)
    assert not outbox.ack(1, 1)
    assert not outbox.ack(2, 0)
    assert outbox.peek()[1] == 0
    assert outbox.ack(1, 0)
    assert not outbox.ack(1, 0)
    assert outbox.count == 2


def test_an_acked_segment_is_gone_from_the_flash():
    storage = _storage()
    outbox = Outbox(storage, segment_bytes=200)
    _fill(outbox, 10, True)
    while outbox.peek():
        outbox.ack(*outbox.peek()[:2])
    assert storage.list_names("outbox") == []
    assert outbox.bytes_used == 0


def test_denials_give_way_to_passages():
    outbox = Outbox(_storage(), bytes_max=2000, segment_bytes=300)
    assert all(_fill(outbox, 20, False))
    assert all(_fill(outbox, 20, True, start=20))
    assert outbox.thinned == 20
    assert outbox.lost == 0
    seqs = []
    while outbox.peek():
        seqs.append(outbox.peek()[1])
        outbox.ack(*outbox.peek()[:2])
    assert seqs == list(range(20, 40))


def test_when_only_protected_events_remain_it_is_full_and_the_reserve_is_for_them():
    outbox = Outbox(_storage(), bytes_max=4000, segment_bytes=300)
    stored = _fill(outbox, 100, True)
    assert outbox.is_full
    assert stored.count(True) * 65 <= 5000
    assert outbox.lost == stored.count(False) > 0
    assert not outbox.append(1, 999, b"z" * 50, False)


def test_room_comes_back_with_acks():
    outbox = Outbox(_storage(), bytes_max=4000, segment_bytes=300)
    _fill(outbox, 100, True)
    for _ in range(40):
        outbox.ack(*outbox.peek()[:2])
    assert not outbox.is_full
    assert outbox.append(1, 999, b"z" * 50, False)


def test_random_use_keeps_count_and_order():
    for seed in range(40):
        random.seed(seed)
        storage = _storage()
        outbox = Outbox(storage, bytes_max=3000, segment_bytes=250)
        last = -1
        for seq in range(300):
            if random.randint(0, 9) == 0:
                outbox = Outbox(storage, bytes_max=3000, segment_bytes=250)
                last = -1
            outbox.append(1, seq, b"e" * random.randint(1, 90), random.randint(0, 1))
            if random.randint(0, 2) == 0 and outbox.peek():
                number = outbox.peek()[1]
                assert number > last
                last = number
                before = outbox.count
                assert outbox.ack(1, number)
                assert outbox.count == before - 1
        left = 0
        while outbox.peek():
            outbox.ack(*outbox.peek()[:2])
            left += 1
        assert outbox.count == 0


def test_a_record_that_rotted_ends_its_segment_only():
    storage = _storage()
    outbox = Outbox(storage, segment_bytes=200)
    _fill(outbox, 10, True)
    names = storage.list_names("outbox")
    data = bytearray(storage.read("outbox/" + names[1]))
    data[30] ^= 0xFF
    storage.write("outbox/" + names[1], bytes(data))
    again = Outbox(storage, segment_bytes=200)
    assert 0 < again.count < 10
    seqs = []
    while again.peek():
        seqs.append(again.peek()[1])
        again.ack(*again.peek()[:2])
    assert seqs == sorted(seqs)
    assert seqs[-1] == 9
