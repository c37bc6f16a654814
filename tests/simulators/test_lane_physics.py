"""The lane the boards stand in behaves like one made of steel and asphalt."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from simulators.lane_physics import Intent, Lane


def run(lane, steps, *, ms=20):
    return [lane.step(ms) for _ in range(steps)]


def test_a_car_covers_the_arming_loop_waits_at_the_line_and_passes_once_the_arm_is_up():
    lane = Lane()
    car = lane.arrive("a")
    seen = run(lane, 200)
    assert seen[-1].arming
    assert not seen[-1].safety
    assert lane.is_at_line(car)
    lane.pulse()
    car.intent = Intent.GO
    seen = run(lane, 400)
    assert [name for step in seen for name in step.passed] == ["a"]
    assert any(step.safety for step in seen)
    assert not any(step.struck for step in seen)
    assert lane.arm == 0


def test_a_car_that_backs_out_leaves_backwards_and_the_arm_closes_by_itself():
    lane = Lane(pace=10)
    car = lane.arrive("a")
    run(lane, 20)
    lane.pulse()
    car.intent = Intent.BACK_OUT
    seen = run(lane, 200)
    assert [name for step in seen for name in step.left_backwards] == ["a"]
    assert lane.arm == 0


def test_a_follower_passes_on_the_first_cars_opening_and_uncovers_the_safety_loop_between():
    lane = Lane()
    first = lane.arrive("a")
    lane.follow("b")
    run(lane, 200)
    lane.pulse()
    first.intent = Intent.GO
    seen = run(lane, 600)
    assert [name for step in seen for name in step.passed] == ["a", "b"]
    covered = [step.safety for step in seen]
    rises = sum(1 for a, b in pairwise(covered) if b and not a)
    assert rises == 2


def test_a_stuck_arm_lets_nobody_through():
    lane = Lane()
    car = lane.arrive("a")
    lane.is_stuck = True
    run(lane, 200)
    lane.pulse()
    car.intent = Intent.GO
    seen = run(lane, 300)
    assert not any(step.passed for step in seen)
    assert lane.arm == 0


@given(
    moves=st.lists(
        st.sampled_from(["arrive", "follow", "pulse", "go", "back", "wait"]), max_size=40
    ),
    ms=st.integers(1, 50),
)
def test_no_car_is_ever_struck_and_cars_never_overlap(moves, ms):
    lane = Lane(pace=3)
    for number, move in enumerate(moves):
        if move == "arrive":
            lane.arrive(str(number))
        elif move == "follow":
            lane.follow(str(number))
        elif move == "pulse":
            lane.pulse()
        elif move == "go" and lane.cars:
            lane.cars[0].intent = Intent.GO
        elif move == "back" and lane.cars and lane.cars[-1].nose_m <= 3.0:
            lane.cars[-1].intent = Intent.BACK_OUT
        for _ in range(15):
            assert lane.step(ms).struck == []
            for ahead, behind in pairwise(lane.cars):
                assert behind.nose_m <= ahead.tail_m + 1e-6
