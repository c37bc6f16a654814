"""Who passed, who backed out and who tailgated, told from two loops and an arm."""

from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.gate import lane as lanes
from firmware.gate.barrier import ARM_DOWN, ARM_UP, Timing
from firmware.gate.lane import Lane
from protocols.portable import codes

STEP_MS = 10


class Street:
    """A lane with cars and a barrier operator; counts pulses and collects events."""

    def __init__(self, *, switches: bool = True) -> None:
        self.lane = Lane(codes.ENTRY, Timing(open_ms=200, close_after_ms=200, close_ms=200))
        self.now_ms = 0
        self.arming = False
        self.safety = False
        self.arm = ARM_DOWN if switches else None
        self.pulses = 0
        self.events = []

    def wait(self, ms: int = 100) -> None:
        for _ in range(ms // STEP_MS):
            self.now_ms += STEP_MS
            self.events += self.lane.step(self.arming, self.safety, self.arm, self.now_ms)

    def loops(self, *, arming: bool, safety: bool) -> None:
        self.arming, self.safety = arming, safety
        self.wait()

    def admit(self, **grant) -> bool:
        pulse, events = self.lane.admit(grant, self.now_ms)
        self.pulses += pulse
        self.events += events
        if pulse and self.arm is not None:
            self.wait(50)
            self.arm = ARM_UP
        self.wait()
        return pulse

    def close(self) -> None:
        if self.arm is not None:
            self.arm = ARM_DOWN
        self.wait(1_000)

    def told(self):
        return [(kind, data.get("tap", data.get("command"))) for kind, data in self.events]


def pass_through(street: Street) -> None:
    street.loops(arming=True, safety=True)
    street.loops(arming=False, safety=True)
    street.loops(arming=False, safety=False)


def granted(*, switches: bool = True, tap: int = 7) -> Street:
    street = Street(switches=switches)
    street.loops(arming=True, safety=False)
    assert street.admit(tap=tap)
    return street


def test_a_car_with_a_grant_passes_once():
    for switches in (True, False):
        street = granted(switches=switches)
        pass_through(street)
        street.close()
        assert street.told() == [(codes.PASSAGE, 7)]
        assert street.lane.state == lanes.IDLE


def test_a_car_that_backs_out_does_not_use_its_grant():
    street = granted()
    street.loops(arming=False, safety=False)
    street.wait(lanes.BETWEEN_LOOPS_MS + 100)
    assert street.told() == [(codes.BACKED_OUT, 7)]


def test_a_grant_nobody_uses_ends_when_the_operator_lowers_the_arm():
    street = granted()
    street.close()
    assert street.told() == [(codes.BACKED_OUT, 7)]
    assert street.lane.wants_card


def test_a_grant_ends_after_the_hold_time_without_switches():
    street = granted(switches=False)
    street.wait(12_500)
    assert street.told() == [(codes.BACKED_OUT, 7)]


def test_two_cars_on_one_grant_is_tailgating():
    for switches in (True, False):
        street = granted(switches=switches)
        pass_through(street)
        street.loops(arming=True, safety=True)
        street.loops(arming=False, safety=True)
        street.loops(arming=False, safety=False)
        assert street.told() == [(codes.PASSAGE, 7), (codes.TAILGATED, 7)]


def test_a_second_car_bumper_to_bumper_under_the_arm_is_tailgating():
    street = granted()
    street.loops(arming=True, safety=True)
    street.loops(arming=False, safety=True)
    street.loops(arming=True, safety=True)
    street.loops(arming=False, safety=True)
    street.loops(arming=False, safety=False)
    assert street.told() == [(codes.TAILGATED, 7), (codes.PASSAGE, 7)]


def test_the_next_car_may_show_its_card_while_the_first_still_passes():
    street = granted(tap=1)
    street.loops(arming=True, safety=True)
    street.loops(arming=False, safety=True)
    street.loops(arming=True, safety=True)
    assert street.lane.wants_card
    assert street.admit(tap=2)
    street.loops(arming=True, safety=False)
    pass_through(street)
    assert street.told() == [(codes.PASSAGE, 1), (codes.PASSAGE, 2)]


def test_a_granted_car_that_follows_bumper_to_bumper_keeps_its_own_passage():
    street = granted(tap=1)
    street.loops(arming=True, safety=True)
    assert street.admit(tap=2)
    street.loops(arming=False, safety=True)
    street.loops(arming=False, safety=False)
    assert street.told() == [(codes.PASSAGE, 1), (codes.PASSAGE, 2)]


def test_a_card_is_not_asked_for_while_a_grant_is_unused():
    street = granted()
    assert not street.lane.wants_card


def test_a_tap_without_a_car_does_not_open():
    street = Street()
    assert not street.admit(tap=1)
    assert street.pulses == 0


def test_a_lane_out_of_service_opens_from_afar_only():
    street = Street()
    street.loops(arming=True, safety=False)
    street.lane.is_out_of_service = True
    assert not street.admit(tap=1)
    assert street.lane.state == lanes.OUT_OF_SERVICE
    assert street.admit(command="c-1")


def test_a_remote_open_without_a_car_is_told_and_expires():
    street = Street()
    assert street.admit(command="c-1")
    street.close()
    assert street.told() == [(codes.OPENED, "c-1"), (codes.BACKED_OUT, "c-1")]


def test_a_remote_open_for_a_car_with_a_grant_leaves_the_passage_to_its_tap():
    street = granted()
    assert street.admit(command="c-1")
    pass_through(street)
    assert street.told() == [(codes.OPENED, "c-1"), (codes.PASSAGE, 7)]


def test_an_arm_that_stays_down_is_a_fault_and_the_driver_may_try_again():
    street = Street()
    street.loops(arming=True, safety=False)
    pulse, _ = street.lane.admit({"tap": 1}, street.now_ms)
    assert pulse
    street.wait(1_000)
    assert street.lane.state == lanes.FAULT
    assert street.lane.wants_card
    assert street.admit(tap=2)
    street.wait(100)
    pass_through(street)
    kinds = [kind for kind, _ in street.events]
    assert kinds == [codes.FAULT, codes.BACKED_OUT, codes.RESTORED, codes.PASSAGE]


def test_an_arm_that_stays_up_is_a_fault_and_passages_are_tailgating():
    street = granted()
    pass_through(street)
    street.wait(14_000)
    assert street.lane.state == lanes.FAULT
    pass_through(street)
    street.close()
    kinds = [kind for kind, _ in street.events]
    assert kinds == [codes.PASSAGE, codes.FAULT, codes.TAILGATED, codes.RESTORED]


def test_an_arm_lifted_by_hand_is_reported():
    street = Street()
    street.wait()
    street.arm = ARM_UP
    street.wait()
    assert street.events[0][0] == codes.FAULT
    assert street.events[0][1]["code"] == "arm_forced"


def test_a_gate_that_restarts_under_an_open_arm_is_no_fault():
    street = Street()
    street.arm = ARM_UP
    street.wait()
    assert street.lane.state == lanes.CLOSING


moves = st.lists(
    st.one_of(
        st.tuples(st.just("loops"), st.booleans(), st.booleans()),
        st.tuples(st.just("arm"), st.sampled_from(("up", "down", "moving"))),
        st.tuples(st.just("tap")),
        st.tuples(st.just("command")),
        st.tuples(st.just("wait"), st.integers(10, 3_000)),
    ),
    max_size=60,
)


@settings(max_examples=200, deadline=None)
@given(moves, st.booleans())
def test_the_relay_moves_for_grants_only_and_every_grant_ends_once(steps, switches):
    street = Street(switches=switches)
    grants = 0
    for number, step in enumerate(steps):
        if step[0] == "loops":
            street.loops(arming=step[1], safety=step[2])
        elif step[0] == "arm" and switches:
            street.arm = step[1]
            street.wait()
        elif step[0] == "wait":
            street.wait(step[1])
        elif step[0] in ("tap", "command"):
            grant = {step[0]: number}
            pulse, events = street.lane.admit(grant, street.now_ms)
            street.pulses += pulse
            street.events += events
            grants += pulse
    assert street.pulses == grants
    street.loops(arming=False, safety=False)
    street.wait(15_000)
    ended = [
        data.get("tap")
        for kind, data in street.events
        if kind in (codes.PASSAGE, codes.BACKED_OUT) and "tap" in data
    ]
    assert len(ended) == len(set(ended))
    assert not [word for word in ended if word is None]


@given(st.integers(1, 5), st.integers(50, 400))
def test_every_car_beyond_the_first_on_one_grant_is_tailgating(followers, gap_ms):
    street = granted()
    pass_through(street)
    for _ in range(followers):
        street.wait(gap_ms // STEP_MS * STEP_MS)
        pass_through(street)
    kinds = [kind for kind, _ in street.events]
    assert kinds.count(codes.PASSAGE) == 1
    assert kinds.count(codes.TAILGATED) == followers
