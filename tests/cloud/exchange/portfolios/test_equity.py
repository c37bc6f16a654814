"""The equity curve: windows, and profit that deposits do not touch."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.exchange.portfolios.equity import (
    Sample,
    Timeframe,
    closing_samples,
    curve,
    daily_growth,
    window_start,
)

NOON = datetime(2026, 3, 2, 17, 0, tzinfo=UTC)  # 12:00 in New York


def _at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("at", "timeframe", "start"),
    [
        (_at(0), Timeframe.MINUTE, _at(-1)),
        (_at(0.5), Timeframe.MINUTE, _at(0)),
        (_at(5), Timeframe.FIVE_MINUTES, _at(0)),
        (_at(6), Timeframe.FIVE_MINUTES, _at(5)),
        (_at(15), Timeframe.QUARTER, _at(0)),
        (_at(1), Timeframe.HOUR, _at(0)),
        (_at(0), Timeframe.DAY, datetime(2026, 3, 2, 5, 0, tzinfo=UTC)),
        # Midnight in New York closes the day before; in summer it is an hour earlier here.
        (
            datetime(2026, 3, 2, 5, 0, tzinfo=UTC),
            Timeframe.DAY,
            datetime(2026, 3, 1, 5, tzinfo=UTC),
        ),
        (
            datetime(2026, 7, 2, 3, 0, tzinfo=UTC),
            Timeframe.DAY,
            datetime(2026, 7, 1, 4, tzinfo=UTC),
        ),
    ],
)
def test_a_sample_belongs_to_the_window_it_closes(at, timeframe, start):
    assert window_start(at, timeframe) == start


def test_a_window_ends_with_its_last_sample():
    samples = [Sample(_at(n), 100 + n, 100) for n in range(1, 11)]
    found = curve(samples, Timeframe.FIVE_MINUTES, base=Sample(_at(0), 100, 100))
    assert [(p.starts_at, p.equity, p.profit) for p in found.points] == [
        (_at(0), 105, 5),
        (_at(5), 110, 10),
    ]
    assert found.points[0].profit_ppm == 50_000


def test_a_deposit_is_no_profit():
    base = Sample(_at(0), 1_000, 1_000)
    samples = [Sample(_at(1), 6_000, 6_000), Sample(_at(2), 6_300, 6_000)]
    found = curve(samples, Timeframe.MINUTE, base=base)
    assert [p.profit for p in found.points] == [0, 300]
    assert found.points[1].profit_ppm == 50_000


def test_a_curve_from_the_beginning_is_measured_from_nothing():
    found = curve([Sample(_at(1), 1_050, 1_000)], Timeframe.MINUTE)
    assert (found.base, found.base_at) == (0, None)
    assert (found.points[0].profit, found.points[0].profit_ppm) == (50, 50_000)


def test_nothing_at_work_has_no_percentage():
    found = curve([Sample(_at(1), -7, 0)], Timeframe.MINUTE)
    assert (found.points[0].profit, found.points[0].profit_ppm) == (-7, None)


@given(
    st.lists(
        st.tuples(st.integers(-(10**12), 10**12), st.integers(-(10**12), 10**12)),
        min_size=1,
        max_size=50,
    ),
    st.sampled_from(list(Timeframe)),
)
def test_profits_and_flows_always_make_the_equity(steps, timeframe):
    equity = flows = 0
    samples = []
    for minute, (flow, profit) in enumerate(steps, 1):
        equity, flows = equity + flow + profit, flows + flow
        samples.append(Sample(_at(7 * minute), equity, flows))
    base = Sample(_at(0), 0, 0)
    found = curve(samples, timeframe, base)
    last = found.points[-1]
    assert last.equity == equity
    assert last.profit == sum(profit for _, profit in steps)
    assert last.flows == sum(flow for flow, _ in steps)
    starts = [point.starts_at for point in found.points]
    assert starts == sorted(set(starts))


def test_growth_leaves_flows_and_empty_days_out():
    day = timedelta(days=1)
    samples = [
        Sample(NOON, 0, 0),
        Sample(NOON + day, 1_000, 1_000),
        Sample(NOON + 2 * day, 1_600, 1_500),  # 500 came in, 100 were made
        Sample(NOON + 3 * day, 800, 1_500),
        Sample(NOON + 4 * day, -10, 1_500),  # everything was lost: no logarithm of that
    ]
    assert daily_growth(samples) == pytest.approx([1.1, 0.5])


def test_a_day_closes_with_its_last_sample():
    samples = [Sample(_at(n), n, 0) for n in (0, 60, 600)] + [Sample(_at(1_440), 9, 0)]
    assert [s.equity for s in closing_samples(samples)] == [600, 9]
