"""A list comes in parts, is checked whole, and is in force whole or not at all."""

import contextlib
import struct

from firmware.gate.rights import PART_HEADER, RightsStore
from protocols.portable import access, codes, packed_list, version
from tests.firmware.storage.crashing import CrashingStorage, Flash, PowerCut

KEY = b"k" * 32


def a_list(number, count=100, *, key=KEY, direction=codes.ENTRY, issued_s=None):
    entries = [(n.to_bytes(7, "big"), access.FLAG_ENTRY, 0, 9) for n in range(count)]
    issued_s = 1_000 + number if issued_s is None else issued_s
    return packed_list.pack(number, issued_s, 9_999, direction, "elm", access.Lot(), entries, key)


def parts_of(number, data):
    size = version.LIST_PART_BYTES_MAX
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    return [
        struct.pack(PART_HEADER, number, index, len(pieces)) + piece
        for index, piece in enumerate(pieces)
    ]


def hash_of(data):
    return data[-32:-24].hex()


def offer(store, number, data):
    return store.want(number, len(parts_of(number, data)), len(data), hash_of(data))


def pull(store, number, data):
    assert offer(store, number, data) == 0
    outcome = None
    for message in parts_of(number, data):
        outcome = store.add_part(message)
    return outcome


def fresh():
    return CrashingStorage(Flash(lambda count: count // 2))


def store_on(storage):
    store = RightsStore(storage, KEY, codes.ENTRY)
    store.load()
    return store


def test_a_pulled_list_is_in_force_and_still_after_a_restart():
    storage = fresh()
    store = store_on(storage)
    data = a_list(3)
    assert pull(store, 3, data) == "applied"
    for each in (store, store_on(storage)):
        assert each.version == 3
        assert each.hash == hash_of(data)
        assert each.packed.rights((42).to_bytes(7, "big")) == [(access.FLAG_ENTRY, 0, 9)]
    assert offer(store, 3, data) is None


def test_parts_out_of_turn_are_passed_over():
    store = store_on(fresh())
    data = a_list(3)
    messages = parts_of(3, data)
    assert store.add_part(messages[0]) is None
    offer(store, 3, data)
    assert store.add_part(messages[1]) is None
    assert store.add_part(parts_of(2, data)[0]) is None
    assert store.add_part(b"short") is None
    assert store.add_part(messages[0]) == "more"
    assert store.wanted == (3, 1)


def test_a_list_that_is_forged_foreign_old_or_not_the_one_offered_is_refused():
    store = store_on(fresh())
    assert pull(store, 5, a_list(5)) == "applied"
    tampered = bytearray(a_list(6))
    tampered[50] ^= 1
    refused = [
        (a_list(6, key=b"x" * 32), "bad_mac"),
        (bytes(tampered), "bad_mac"),
        (a_list(6, direction=codes.EXIT), codes.WRONG_DIRECTION),
        (a_list(4), "rolled_back"),
        (b"\0" * 2_000, "not_a_list"),
    ]
    for data, problem in refused:
        assert pull(store, 6, data) == "refused"
        assert store.problem == problem
        assert store.version == 5
    good = a_list(6)
    assert store.want(6, 2, len(good), "00" * 8) == 0
    for message in parts_of(6, good):
        outcome = store.add_part(message)
    assert outcome == "refused"
    assert store.problem == "wrong_hash"


def test_a_list_too_large_for_the_board_is_not_even_asked_for():
    store = store_on(fresh())
    assert store.want(1, 1_000, 960_000, "ab") is None
    assert store.problem == "too_large"


def test_an_interrupted_pull_goes_on_where_it_was_and_a_newer_offer_starts_anew():
    store = store_on(fresh())
    data = a_list(3)
    offer(store, 3, data)
    store.add_part(parts_of(3, data)[0])
    assert offer(store, 3, data) == 1
    newer = a_list(4)
    assert offer(store, 4, newer) == 0


def test_a_power_cut_at_any_operation_leaves_the_old_list_or_the_new_one():
    outcomes = set()
    for budget in range(12):
        flash = Flash(lambda count: count // 2)
        storage = CrashingStorage(flash)
        assert pull(store_on(storage), 1, a_list(1)) == "applied"
        flash.budget = budget
        with contextlib.suppress(PowerCut):
            pull(store_on(storage), 2, a_list(2))
        flash.budget = None
        after = store_on(storage)
        assert after.version in (1, 2)
        outcomes.add(after.version)
        assert pull(after, 3, a_list(3)) == "applied"
        assert store_on(storage).version == 3
    assert outcomes == {1, 2}
