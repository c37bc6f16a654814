"""The lane's cycle survives what it cannot foresee."""

from tests.support.micropython import run_micropython


def test_an_error_in_the_cycle_is_a_fault_and_the_lane_goes_on_after_a_second():
    done = run_micropython("tests/firmware/main/micropython/lane_errors.py")
    assert done.stdout.endswith("went on\n")
