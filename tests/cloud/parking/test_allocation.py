"""Which space suits: hard constraints, score, and an explanation that adds up."""

from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.parking.allocation.rules import FreeSpace, Reason, Wish, rank, refusal
from cloud.parking.lots.kinds import SpaceFeature, SpaceType, VehicleSize


def space(
    number: int,
    kind: SpaceType = SpaceType.STANDARD,
    *,
    floor: int = 0,
    features: frozenset[SpaceFeature] = frozenset(),
    before: timedelta | None = None,
    after: timedelta | None = None,
) -> FreeSpace:
    return FreeSpace(
        id=UUID(int=number),
        name=f"A{number:03}",
        floor=floor,
        type=kind,
        features=features,
        gap_before=before,
        gap_after=after,
    )


@pytest.mark.parametrize(
    ("kind", "wish", "code"),
    [
        (SpaceType.STANDARD, Wish(), None),
        (SpaceType.STANDARD, Wish(type=SpaceType.LARGE), "wrong_type"),
        (SpaceType.STANDARD, Wish(accessible=True), "not_accessible"),
        (SpaceType.ACCESSIBLE, Wish(), "reserved_for_accessible"),
        (SpaceType.ACCESSIBLE, Wish(type=SpaceType.ACCESSIBLE), "reserved_for_accessible"),
        (SpaceType.ACCESSIBLE, Wish(accessible=True), None),
        (SpaceType.STANDARD, Wish(charging=True), "no_charger"),
        (SpaceType.CHARGING, Wish(charging=True), None),
        (SpaceType.COMPACT, Wish(), "too_small"),
        (SpaceType.COMPACT, Wish(size=VehicleSize.COMPACT), None),
        (SpaceType.STANDARD, Wish(size=VehicleSize.LARGE), "too_small"),
        (SpaceType.LARGE, Wish(size=VehicleSize.LARGE), None),
        (SpaceType.MOTORCYCLE, Wish(size=VehicleSize.COMPACT), "too_small"),
        (SpaceType.STANDARD, Wish(needs=frozenset({SpaceFeature.COVERED})), "lacks_feature"),
    ],
)
def test_hard_constraints(kind, wish, code):
    assert refusal(space(1, kind), wish) == code


def test_a_liked_feature_wins_and_the_answer_says_so():
    covered = space(2, features=frozenset({SpaceFeature.COVERED}))
    best = rank([space(1), covered], Wish(likes=frozenset({SpaceFeature.COVERED})))[0]
    assert best.space == covered
    assert best.reasons == (Reason("has_covered", 10),)


def test_a_charger_is_left_to_those_who_charge():
    spaces = [space(1, SpaceType.CHARGING), space(2), space(3, SpaceType.LARGE)]
    assert [c.space.type for c in rank(spaces, Wish())] == [
        SpaceType.STANDARD,
        SpaceType.CHARGING,
        SpaceType.LARGE,
    ]


def test_a_calendar_is_not_cut_into_useless_gaps():
    useless = space(1, before=timedelta(minutes=20))
    snug = space(2, before=timedelta(0))
    assert [c.space.name for c in rank([useless, space(3), snug], Wish())] == [
        "A002",
        "A003",
        "A001",
    ]


def test_lower_floors_first_below_ground_as_above():
    spaces = [space(1, floor=-2), space(2, floor=1), space(3)]
    assert [c.space.floor for c in rank(spaces, Wish())] == [0, 1, -2]


gaps = st.none() | st.timedeltas(timedelta(0), timedelta(hours=6))
spaces = st.lists(
    st.builds(
        space,
        st.integers(0, 999),
        st.sampled_from(SpaceType),
        floor=st.integers(-3, 6),
        features=st.frozensets(st.sampled_from(SpaceFeature)),
        before=gaps,
        after=gaps,
    ),
    max_size=12,
    unique_by=lambda s: s.id,
)
wishes = st.builds(
    Wish,
    type=st.none() | st.sampled_from(SpaceType),
    size=st.sampled_from(VehicleSize),
    accessible=st.booleans(),
    charging=st.booleans(),
    needs=st.frozensets(st.sampled_from(SpaceFeature), max_size=2),
    likes=st.frozensets(st.sampled_from(SpaceFeature)),
)


@given(spaces, wishes, st.randoms(use_true_random=False))
def test_a_ranking_keeps_every_hard_constraint_and_does_not_depend_on_order(found, wish, random):
    ranking = rank(found, wish)
    assert {c.space.id for c in ranking} == {s.id for s in found if refusal(s, wish) is None}
    assert [c.score for c in ranking] == sorted((c.score for c in ranking), reverse=True)
    assert all(c.score == sum(r.points for r in c.reasons) for c in ranking)
    shuffled = list(found)
    random.shuffle(shuffled)
    assert rank(shuffled, wish) == ranking
