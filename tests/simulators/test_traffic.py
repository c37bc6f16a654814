"""Plans of traffic are repeatable and make sense."""

import os
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators import traffic

DATA = Path(os.environ.get("CURB_RECORDINGS_DIR", Path(__file__).parents[3] / "shared" / "data"))
P7 = DATA / "parking" / "thsparking" / "P7.csv.gz"


@given(seed=st.integers(0, 2**32), cars=st.integers(0, 60))
def test_a_synthetic_day_is_the_same_for_the_same_seed_and_leaves_after_it_arrives(seed, cars):
    day = traffic.synthetic_day(seed=seed, midnight_ms=0, cars=cars)
    assert day == traffic.synthetic_day(seed=seed, midnight_ms=0, cars=cars)
    assert len(day) == cars
    assert {visit.car for visit in day} == set(range(cars))
    assert all(visit.leaves_at_ms >= visit.arrives_at_ms + 8 * 60_000 for visit in day)


def test_passages_come_in_order_and_each_car_enters_before_it_leaves():
    wanted = traffic.passages(traffic.synthetic_day(seed=4, midnight_ms=0, cars=300))
    assert len(wanted) == 600
    inside = set()
    last_ms = 0
    for passage in wanted:
        assert passage.at_ms >= last_ms
        last_ms = passage.at_ms
        if passage.is_entry:
            inside.add(passage.car)
        else:
            inside.remove(passage.car)
    assert not inside


@pytest.mark.skipif(not P7.exists(), reason="recordings are not here (../shared/data)")
def test_a_recorded_day_never_holds_more_cars_than_spaces():
    day = traffic.recorded_day(P7, date(2018, 9, 12), spaces=31)
    assert len(day) > 40
    inside = 0
    for passage in traffic.passages(day):
        inside += 1 if passage.is_entry else -1
        assert 0 <= inside <= 31
