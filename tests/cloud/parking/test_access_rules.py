"""The cloud decides by the table that gates and agents decide by, and knows when to disagree."""

import pytest

from cloud.parking.access.rules import Recheck, Seen, cloud_decision, recheck
from protocols.portable import access, codes
from tests.support.access_table import Case, cases

BOTH = access.FLAG_ENTRY | access.FLAG_EXIT
VALID = (codes.BOOKING | BOTH, 0, access.FOREVER_S)
BLOCKED = (codes.KNOWN | BOTH | access.FLAG_BLOCKED, 0, access.FOREVER_S)
LOT = access.Lot(walk_ups=codes.WALK_UPS_KNOWN, passback=codes.PASSBACK_HARD)


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_the_cloud_decides_by_the_table(case: Case) -> None:
    seen = Seen(
        direction=case.direction,
        vehicle=case.vehicle,
        read=case.read,
        level=case.level,
        copied=case.copied,
        at_s=case.now_s,
        stale=case.stale,
    )
    reason, _ = cloud_decision(seen, case.rights, case.lot, inside=case.inside)
    assert reason == case.expect["cloud"]


def seen(direction: int = codes.ENTRY) -> Seen:
    return Seen(
        direction=direction,
        vehicle=True,
        read=codes.READ_OK,
        level=0,
        copied=None,
        at_s=1_000,
        stale=False,
    )


@pytest.mark.parametrize(
    ("told", "rights", "inside", "verdict", "reason"),
    [
        (codes.RIGHT_VALID, [VALID], False, Recheck.AGREES, codes.RIGHT_VALID),
        (codes.WALK_UP, [VALID], False, Recheck.AGREES, codes.RIGHT_VALID),
        (codes.RIGHT_VALID, [], False, Recheck.DISAGREES, codes.UNKNOWN_TAG),
        (codes.RIGHT_VALID, [BLOCKED], False, Recheck.DISAGREES, codes.BLOCKED),
        (codes.UNKNOWN_TAG, [VALID], False, Recheck.DISAGREES, codes.RIGHT_VALID),
        (codes.BLOCKED, [BLOCKED], False, Recheck.AGREES, codes.BLOCKED),
        (codes.RIGHT_VALID, [VALID], True, Recheck.DISAGREES, codes.PASSBACK),
        (codes.POLICY_OPEN, [], False, Recheck.DISAGREES, codes.UNKNOWN_TAG),
        (codes.LOT_FULL, [VALID], False, Recheck.NOT_CHECKED, None),
        (codes.LOG_FULL, [VALID], False, Recheck.NOT_CHECKED, None),
        ("a_reason_of_next_year", [VALID], False, Recheck.DISAGREES, codes.RIGHT_VALID),
    ],
)
def test_an_entry_stands_if_the_cloud_would_have_done_the_same(
    told: str, rights: list[tuple[int, int, int]], inside: bool, verdict: Recheck, reason: str
) -> None:
    found = recheck(told, seen(), rights, LOT, inside=inside)
    assert (found.recheck, found.reason) == (verdict, reason)


@pytest.mark.parametrize(
    ("told", "rights", "verdict"),
    [
        (codes.EXIT_VALID, [VALID], Recheck.AGREES),
        (codes.EXIT_DEBT, [BLOCKED], Recheck.AGREES),
        (codes.EXIT_DEBT, [VALID], Recheck.DISAGREES),
        (codes.EXIT_VALID, [], Recheck.DISAGREES),
    ],
)
def test_an_exit_stands_if_it_would_have_been_settled_so(
    told: str, rights: list[tuple[int, int, int]], verdict: Recheck
) -> None:
    assert recheck(told, seen(codes.EXIT), rights, LOT, inside=True).recheck == verdict
