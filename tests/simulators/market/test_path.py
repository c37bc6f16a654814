"""The belief of simulated traders goes through real closes, repeats, and never jumps."""

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.market.anchors import SYMBOLS, Anchor, anchors_of
from simulators.market.pace import Pace
from simulators.market.path import ReferencePath


def path_of(seed="1/AAPL", start_ticks=4_304_700, steps=50, symbol="AAPL"):
    anchors = anchors_of(symbol)
    return ReferencePath(anchors, seed=seed, start_ticks=start_ticks, steps_per_day=steps)


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_there_are_real_days_of_every_stock(symbol):
    days = anchors_of(symbol)
    assert days[-1].day == "2013-03-01"
    assert [each.day for each in days] == sorted({each.day for each in days})
    assert all(each.close > 0 and each.range_share >= 0 for each in days)


def test_an_unknown_stock_has_no_days():
    with pytest.raises(KeyError):
        anchors_of("ZZZZ")


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_it_starts_where_the_venue_is_and_meets_every_close(symbol):
    path = path_of(seed=f"3/{symbol}", symbol=symbol)
    closes = {each.day: each.close for each in anchors_of(symbol)}
    assert path.price_ticks(0) == 4_304_700
    level = 4_304_700 / closes[path.day(0)]
    for day in range(0, 400, 7):
        step = day * 50
        assert path.price_ticks(step) == pytest.approx(level * closes[path.day(step)], abs=1)


def test_it_goes_back_over_the_days_when_they_run_out():
    days = [Anchor(f"2000-01-0{n}", 10.0 + n, 0.02) for n in range(1, 4)]
    path = ReferencePath(days, seed="x", start_ticks=100_000, steps_per_day=1)
    names = [path.day(step) for step in range(8)]
    assert names[4:] == names[:4]
    for earlier, later in itertools.pairwise(names):
        assert abs(int(earlier[-1]) - int(later[-1])) == 1


@settings(max_examples=25)
@given(seed=st.text(max_size=5), start=st.integers(1_000, 10_000_000), step=st.integers(0, 9_000))
def test_equal_seeds_give_equal_paths_whatever_order_they_are_asked_in(seed, start, step):
    forwards, backwards = path_of(seed, start), path_of(seed, start)
    steps = [step, step + 1, step + 60]
    asked = [forwards.price_ticks(each) for each in steps]
    assert asked == [backwards.price_ticks(each) for each in reversed(steps)][::-1]
    assert all(price >= 1 for price in asked)


def test_no_step_is_a_leap():
    path = path_of(steps=600)
    prices = [path.price_ticks(step) for step in range(30 * 600)]
    largest = max(abs(math.log(b / a)) for a, b in itertools.pairwise(prices))
    # Apple moved a few percent a day; a 600th of a day is a small part of that.
    assert largest < 0.01


@pytest.mark.parametrize("wrong", [{"start_ticks": 0}, {"steps": 0}])
def test_a_path_from_nowhere_is_refused(wrong):
    with pytest.raises(ValueError, match="A path needs"):
        path_of(**wrong)


def test_the_pace_is_kept_whatever_the_clock_does():
    pace = Pace(10, burst=5)

    def taken(now_s):
        count = 0
        while pace.room(now_s) > 0:
            pace.take()
            count += 1
        return count

    assert taken(0.0) == 5
    # 10 s at 10 a second, less what a float rounds away.
    assert sum(taken(number / 1_000) for number in range(10_001)) in (99, 100)
    assert taken(5.0) == 0
    assert taken(5_000.0) == 5
