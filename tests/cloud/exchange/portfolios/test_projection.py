"""Projections: known quantiles of t, and intervals that really contain what happens."""

import math
import random

import pytest

from cloud.exchange.portfolios import student_t
from cloud.exchange.portfolios.projection import (
    HORIZON_DAYS_MAX,
    QUANTILES,
    Method,
    TooFewDaysError,
    project,
)


# From the printed tables of Student's t.
@pytest.mark.parametrize(
    ("probability", "freedom", "expected"),
    [(0.975, 1, 12.7062), (0.95, 9, 1.8331), (0.975, 10, 2.2281), (0.75, 30, 0.6828),
     (0.995, 120, 2.6174), (0.05, 9, -1.8331), (0.5, 4, 0.0)],
)  # fmt: skip
def test_quantiles_of_t_are_those_of_the_tables(probability, freedom, expected):
    assert student_t.quantile(probability, freedom) == pytest.approx(expected, abs=1e-4)


def test_the_quantile_is_the_inverse_of_the_distribution():
    for freedom in (1, 2, 7, 40, 755):
        for probability in (0.001, 0.05, 0.3, 0.5, 0.8, 0.999):
            value = student_t.quantile(probability, freedom)
            assert student_t.cdf(value, freedom) == pytest.approx(probability, abs=1e-9)


@pytest.mark.parametrize(("probability", "freedom"), [(0, 5), (1, 5), (0.5, 0), (-1, 3)])
def test_there_are_no_quantiles_outside(probability, freedom):
    with pytest.raises(ValueError, match="no quantile"):
        student_t.quantile(probability, freedom)


def _days(draw: random.Random, count: int, mean: float, deviation: float) -> list[float]:
    return [math.exp(draw.gauss(mean, deviation)) for _ in range(count)]


@pytest.mark.parametrize(
    ("method", "trials", "least", "most"),
    # The bootstrap cannot know of days that were not observed: it is a little too sure of itself.
    [(Method.LOGNORMAL, 400, 0.87, 0.93), (Method.BOOTSTRAP, 60, 0.75, 0.97)],
)
def test_nine_of_ten_outcomes_lie_between_the_outer_quantiles(method, trials, least, most):
    draw = random.Random(7)
    inside = 0
    for trial in range(trials):
        observed = _days(draw, 40, 0.0005, 0.012)
        outcome = 1_000_000 * math.prod(_days(draw, 20, 0.0005, 0.012))
        last = project(1_000_000, observed, 20, method, seed=trial).days[-1].equity
        inside += last[0] <= outcome <= last[-1]
    assert least <= inside / trials <= most


@pytest.mark.parametrize("method", list(Method))
def test_quantiles_are_ordered_and_widen_with_time(method):
    projection = project(500_00, _days(random.Random(1), 30, 0, 0.02), 60, method, seed=3)
    assert [day.days_ahead for day in projection.days] == list(range(1, 61))
    assert all(list(day.equity) == sorted(day.equity) for day in projection.days)
    assert len(projection.days[0].equity) == len(QUANTILES)
    widths = [day.equity[-1] - day.equity[0] for day in projection.days]
    assert widths[0] < widths[9] < widths[59]


def test_fewer_days_make_the_interval_wider():
    few = [1.01, 0.99] * 5
    narrow = project(10_000_00, few * 20, 20, Method.LOGNORMAL).days[-1].equity
    wide = project(10_000_00, few, 20, Method.LOGNORMAL).days[-1].equity
    assert wide[0] < narrow[0] < narrow[-1] < wide[-1]


def test_a_portfolio_that_never_moved_is_projected_to_stay():
    for method in Method:
        days = project(123_45, [1.0] * 20, 5, method).days
        assert {value for day in days for value in day.equity} == {123_45}


def test_the_same_seed_gives_the_same_paths():
    growth = _days(random.Random(2), 25, 0, 0.03)
    first = project(1_000_00, growth, 10, Method.BOOTSTRAP, seed=5)
    assert project(1_000_00, growth, 10, Method.BOOTSTRAP, seed=5) == first
    assert project(1_000_00, growth, 10, Method.BOOTSTRAP, seed=6) != first


def test_what_cannot_be_estimated_is_refused():
    with pytest.raises(TooFewDaysError, match="9 days are known"):
        project(1_000, [1.0] * 9, 5, Method.LOGNORMAL)
    for equity, horizon in ((0, 5), (-5, 5), (100, 0), (100, HORIZON_DAYS_MAX + 1)):
        with pytest.raises(ValueError, match="Nothing can be said"):
            project(equity, [1.0] * 20, horizon, Method.LOGNORMAL)


def test_an_absurd_history_stays_a_number():
    days = project(10**15, [1e9] * 20 + [1e-9], 252, Method.LOGNORMAL).days
    assert all(isinstance(value, int) for day in days for value in day.equity)
