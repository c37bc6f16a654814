"""Reconnecting waits longer and longer, with full jitter, never beyond the ceiling."""

from hypothesis import given
from hypothesis import strategies as st

from firmware.link.mqtt import RETRY_DELAY_MS_MAX, retry_delay_ms


@given(st.integers(0, 100), st.floats(0, 1, exclude_max=True))
def test_the_delay_stays_within_its_ceiling(attempt, draw):
    assert 0 <= retry_delay_ms(attempt, draw) <= RETRY_DELAY_MS_MAX


def test_the_ceiling_doubles_until_it_is_reached():
    ceilings = [retry_delay_ms(attempt, 0.999999) for attempt in range(12)]
    assert ceilings[0] < 500
    assert ceilings == sorted(ceilings)
    assert ceilings[-1] >= RETRY_DELAY_MS_MAX - 1
