"""The gate's decision follows the one table, with what a gate knows."""

import json

import pytest

from firmware.gate.decide import decide, policy
from protocols.portable import access, codes, packed_list
from tests.support.access_table import cases

TAG = b"\x01\x02\x03\x04\x05\x06\x07"
KEY = b"k" * 32


def packed(case, *, expires_s):
    entries = [(TAG, *right) for right in case.rights]
    data = packed_list.pack(5, 1, expires_s, case.direction, "elm", case.lot, entries, KEY)
    return packed_list.PackedList(data, KEY)


@pytest.mark.parametrize(
    "case", [case for case in cases() if "gate" in case.expect], ids=lambda c: c.name
)
def test_the_gate_decides_as_the_table_says(case):
    now_s = 1_000_000 if case.stale and case.now_s is None else case.now_s
    # The pack sorts rights by their bytes; the table's order must not matter.
    in_force = packed(case, expires_s=now_s if case.stale else access.FOREVER_S)
    reason, mode, version = decide(
        case.direction, case.vehicle, case.read, case.level, TAG, now_s, in_force, access.Lot()
    )
    assert reason == case.expect["gate"]
    assert mode == (codes.POLICY if case.stale else codes.GATE_LIST)
    assert version == 5


def test_without_a_list_the_policy_of_the_configuration_holds():
    def reason(direction, config):
        return decide(
            direction, True, codes.READ_OK, 0, TAG, 1_000, None, policy(json.loads(config))
        )

    assert reason(codes.ENTRY, "{}") == (codes.LIST_STALE, codes.POLICY, 0)
    assert reason(codes.ENTRY, '{"stale": 2}') == (codes.POLICY_OPEN, codes.POLICY, 0)
    assert reason(codes.ENTRY, '{"stale": 1}') == (codes.UNKNOWN_TAG, codes.POLICY, 0)
    assert reason(codes.EXIT, "{}") == (codes.EXIT_DEBT, codes.POLICY, 0)
