"""The one access decision: its table, and what must hold for any input."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.portable import access, codes
from tests.support import access_table


@pytest.mark.parametrize("case", access_table.cases(), ids=lambda case: case.name)
def test_the_cloud_who_knows_everything_decides_as_the_table_says(case):
    reason, _ = access.decide(
        case.direction,
        case.vehicle,
        case.read,
        case.level,
        case.copied,
        case.rights,
        case.now_s,
        case.lot,
        case.inside,
        case.stale,
    )
    assert reason == case.expect["cloud"]


@pytest.mark.parametrize("case", access_table.cases(), ids=lambda case: case.name)
def test_a_gate_who_knows_neither_inside_nor_copies_decides_as_the_table_says(case):
    reason, _ = access.decide(
        case.direction,
        case.vehicle,
        case.read,
        case.level,
        None,
        case.rights,
        case.now_s,
        case.lot,
        None,
        case.stale,
    )
    assert reason == case.expect["gate"]


def test_the_table_has_a_case_for_every_reason_a_decision_can_give():
    given_elsewhere = {codes.LOG_FULL, codes.OUT_OF_SERVICE}
    seen = {reason for case in access_table.cases() for reason in case.expect.values()}
    assert seen == set(codes.REASONS) - given_elsewhere


def test_every_reason_has_a_whole_sentence_that_fits_a_display():
    for code, (_, sentence) in codes.REASONS.items():
        assert sentence.endswith(".")
        assert len(sentence) <= 80, code


rights = st.lists(
    st.tuples(st.integers(0, 63), st.integers(0, 2000), st.integers(0, 2000)), max_size=5
)
lots = st.builds(
    access.Lot,
    st.integers(0, 3),
    st.integers(0, 2),
    st.integers(0, 2),
    st.integers(0, 1),
    st.integers(0, 2),
)
facts = {
    "level": st.integers(0, 1),
    "copied": st.sampled_from([None, False, True]),
    "rights": rights,
    "now_s": st.one_of(st.none(), st.integers(0, 2000)),
    "lot": lots,
    "inside": st.sampled_from([None, False, True]),
    "stale": st.booleans(),
}


@given(**facts)
def test_an_exit_never_traps_a_car_that_shows_a_readable_card(**known):
    reason, _ = access.decide(codes.EXIT, True, codes.READ_OK, **known)
    assert codes.is_admitted(reason)


@given(**facts)
def test_a_blocked_card_never_enters(**known):
    known["rights"].append((codes.KNOWN | access.FLAG_BLOCKED, 0, access.FOREVER_S))
    reason, used = access.decide(codes.ENTRY, True, codes.READ_OK, **known)
    assert (reason, used) == (codes.BLOCKED, -1)


@given(direction=st.sampled_from([codes.ENTRY, codes.EXIT]), **facts)
def test_an_admitting_right_is_one_of_this_lot_and_direction_in_its_window(direction, **known):
    reason, used = access.decide(direction, True, codes.READ_OK, **known)
    if used < 0 or not codes.is_admitted(reason):
        return
    flags, from_s, until_s = known["rights"][used]
    way = access.FLAG_ENTRY if direction == codes.ENTRY else access.FLAG_EXIT
    assert flags & way
    assert not flags & (access.FLAG_BLOCKED | access.FLAG_OTHER_LOT)
    now_s = known["now_s"]
    if now_s is not None and direction == codes.ENTRY:
        assert from_s <= now_s < until_s


@given(**facts)
def test_the_order_in_which_rights_arrive_never_changes_the_answer(**known):
    there, _ = access.decide(codes.ENTRY, True, codes.READ_OK, **known)
    known["rights"] = known["rights"][::-1]
    back, _ = access.decide(codes.ENTRY, True, codes.READ_OK, **known)
    assert there == back
