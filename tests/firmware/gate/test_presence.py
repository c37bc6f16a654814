"""A car arrives once, however long it stays and however the contact chatters."""

from hypothesis import given
from hypothesis import strategies as st

from firmware.gate.presence import PresenceLoop


def test_a_car_that_stays_arrives_once():
    loop = PresenceLoop(debounce_ms=20)
    heard = [loop.sample(True, at) for at in range(0, 60_000, 10)]
    assert [word for word in heard if word] == ["arrived"]


def test_chatter_shorter_than_the_debounce_is_silence():
    loop = PresenceLoop(debounce_ms=20)
    assert not any(loop.sample(at % 20 == 0, at) for at in range(0, 5_000, 10))


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 60)), max_size=200))
def test_arrivals_and_departures_alternate_and_match_the_state(samples):
    loop = PresenceLoop(debounce_ms=20)
    now_ms = 0
    expected = "arrived"
    for detected, gap_ms in samples:
        now_ms += gap_ms
        word = loop.sample(detected, now_ms)
        if word:
            assert word == expected
            assert loop.present == (word == "arrived")
            expected = "left" if word == "arrived" else "arrived"
