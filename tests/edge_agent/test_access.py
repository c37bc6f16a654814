"""The agent's decision: the shared table, and what only the agent adds to it."""

import pytest

from edge_agent.access import Decision, Lane, decide_tap, is_stale
from edge_agent.book import Book, CardSeen
from edge_agent.index import RightsIndex
from edge_agent.rights import ListState
from protocols.gate import Tap
from protocols.portable import access, codes, macs
from protocols.site import Right
from tests.support import access_table

UID = bytes.fromhex("04a1b2c3d4e5f6")
TAG = macs.tag_key(UID)
MAX_AGE_MS = 86_400_000
NOW_MS = 1_790_000_000_000
FRESH = ListState(version=7, issued_at_ms=NOW_MS, expires_at_ms=NOW_MS + 30 * MAX_AGE_MS)


def a_lane(direction=codes.ENTRY, lot=None, out_of_service=False) -> Lane:
    policy = lot or access.Lot()
    return Lane("elm-in-1", "north", "elm", direction, policy, MAX_AGE_MS, out_of_service)


def a_tap(**changes) -> Tap:
    fields = {"v": 1, "boot": 1, "seq": 5, "uid": UID.hex(), "read": 0, "level": 0, "clock": "set"}
    return Tap(**(fields | changes))


def a_right(flags, from_s=0, until_s=access.FOREVER_S, lot="elm", id_="r") -> Right:
    return Right(id=id_, tag=TAG.hex(), lot=lot, flags=flags, from_s=from_s, until_s=until_s)


BOOKED = a_right(codes.BOOKING | access.FLAG_ENTRY | access.FLAG_EXIT)


def decided(
    tap=None, lane=None, rights=(BOOKED,), state=FRESH, book=None, now_ms=NOW_MS, linked=True
) -> Decision:
    return decide_tap(
        lane or a_lane(),
        tap or a_tap(),
        TAG,
        rights=RightsIndex(rights),
        state=state,
        book=book or Book(),
        now_ms=now_ms,
        linked=linked,
    )


@pytest.mark.parametrize("case", access_table.cases(), ids=lambda case: case.name)
def test_the_agent_decides_as_the_table_says(case):
    rights = []
    for number, (flags, from_s, until_s) in enumerate(case.rights):
        lot = "oak" if flags & access.FLAG_OTHER_LOT else "elm"
        flags &= ~access.FLAG_OTHER_LOT
        rights.append(a_right(flags, from_s, until_s, lot, id_=f"r{number}"))
    book = Book()
    if case.inside:
        book.passed("elm", TAG, is_entry=True, at_ms=1)
    if case.copied:
        book.saw(TAG, CardSeen(counter=9, gate="elm-in-2", boot=1, tap=1, at_ms=1))
    now_ms = None if case.now_s is None else case.now_s * 1000
    issued_at_ms = -2 * MAX_AGE_MS if case.stale else (now_ms or 0)
    state = ListState(version=0 if case.stale else 1, issued_at_ms=issued_at_ms,
                      expires_at_ms=NOW_MS * 10)  # fmt: skip
    decision = decided(
        tap=a_tap(vehicle=case.vehicle, read=case.read, level=case.level, counter=8),
        lane=a_lane(case.direction, case.lot),
        rights=rights,
        state=state,
        book=book,
        now_ms=now_ms,
    )
    assert decision.reason == case.expect["agent"]


def test_the_mode_says_how_well_founded_the_answer_is():
    assert decided().mode == codes.ONLINE
    assert decided(linked=False).mode == codes.AGENT
    late_ms = NOW_MS + MAX_AGE_MS
    assert decided(now_ms=late_ms - 1, linked=False).mode == codes.AGENT
    assert decided(now_ms=late_ms, linked=False).mode == codes.POLICY
    assert decided(now_ms=late_ms, linked=True).mode == codes.POLICY


def test_a_stale_list_is_trusted_refused_or_opened_as_the_lot_says():
    late_ms = NOW_MS + MAX_AGE_MS
    for stale, reason in (
        (codes.STALE_KNOWN, codes.RIGHT_VALID),
        (codes.STALE_REFUSE, codes.LIST_STALE),
        (codes.STALE_OPEN, codes.POLICY_OPEN),
    ):
        decision = decided(lane=a_lane(lot=access.Lot(stale=stale)), now_ms=late_ms)
        assert (decision.reason, decision.mode) == (reason, codes.POLICY)


def test_a_list_is_stale_past_its_age_or_its_expiry_or_when_there_is_none():
    state = ListState(version=1, issued_at_ms=1000, expires_at_ms=5000)
    assert not is_stale(state, 3000, 3999)
    assert is_stale(state, 3000, 4000)
    assert is_stale(state, 9000, 5000)
    assert is_stale(ListState(), 9000, 1)
    # Without a clock the age is unknown: the site works from what it has.
    assert not is_stale(state, 3000, None)


def test_the_right_that_was_used_is_named():
    other = a_right(codes.KNOWN | access.FLAG_ENTRY, id_="known")
    assert decided(rights=(other, BOOKED)).right == "r"
    assert decided(rights=()).right is None


def test_a_right_for_another_lot_is_told_from_an_unknown_card():
    assert decided(rights=(a_right(codes.BOOKING | 0x0C, lot="oak"),)).reason == codes.WRONG_LOT
    assert decided(rights=()).reason == codes.UNKNOWN_TAG


def test_a_lane_out_of_service_lets_nobody_through():
    for direction in (codes.ENTRY, codes.EXIT):
        lane = a_lane(direction, out_of_service=True)
        assert decided(lane=lane).reason == codes.OUT_OF_SERVICE


def test_a_counter_behind_the_last_one_is_a_copy_and_names_the_earlier_tap():
    book = Book()
    earlier = CardSeen(counter=20, gate="elm-in-2", boot=3, tap=9, at_ms=NOW_MS - 60_000)
    book.saw(TAG, earlier)
    decision = decided(tap=a_tap(level=1, counter=19), book=book)
    assert (decision.reason, decision.copied) == (codes.COPY_SUSPECTED, earlier)
    # A torn write leaves the card at the counter it had.
    for counter in (20, 21):
        decision = decided(tap=a_tap(level=1, counter=counter), book=book)
        assert (decision.reason, decision.copied) == (codes.RIGHT_VALID, None)


def test_a_bare_uid_cannot_be_told_from_its_copy():
    book = Book()
    book.saw(TAG, CardSeen(counter=20, gate="elm-in-2", boot=3, tap=9, at_ms=1))
    assert decided(tap=a_tap(level=0, counter=3), book=book).copied is None
