"""The equity curve: what a portfolio was worth, and what of that was profit. Pure rules.

A sample says how much the portfolio was worth at an instant and how much had flowed into it until
then, from its opening on: deposits, withdrawals and transfers, units at their value when they
moved. So the profit between two samples is the change of the one less the change of the other, and
nobody gets rich by a deposit. Samples are taken by the minute and kept only where something
changed; a window without one ended as the one before.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

MARKET_ZONE: Final = ZoneInfo("America/New_York")
_INSTANT: Final = timedelta(microseconds=1)


class Timeframe(StrEnum):
    """How wide the windows of a curve are; the words are Alpaca's."""

    MINUTE = "1Min"
    FIVE_MINUTES = "5Min"
    QUARTER = "15Min"
    HOUR = "1H"
    DAY = "1D"


_MINUTES: Final = {
    Timeframe.MINUTE: 1,
    Timeframe.FIVE_MINUTES: 5,
    Timeframe.QUARTER: 15,
    Timeframe.HOUR: 60,
}


@dataclass(frozen=True, slots=True)
class Sample:
    """What a portfolio was worth at an instant, in minor units.

    flows: everything that came in less everything that went out until then.
    """

    at: datetime
    equity: int
    flows: int


@dataclass(frozen=True, slots=True)
class Point:
    """One window of a curve: when it began, and how it ended.

    profit: since the base of the curve, flows apart.
    profit_ppm: of what the profit was made with (the base and what came in since), in millionths;
        None where that is nothing.
    """

    starts_at: datetime
    equity: int
    flows: int
    profit: int
    profit_ppm: int | None


@dataclass(frozen=True, slots=True)
class Curve:
    """Points in order of time. base: the equity the profits are measured from; 0 without any."""

    base: int
    base_at: datetime | None
    points: tuple[Point, ...]


def window_start(at: datetime, timeframe: Timeframe) -> datetime:
    """When the window began that a sample of this instant closes; days are New York's.

    A sample on the edge belongs to the window that ends there.
    """
    inside = at - _INSTANT
    if timeframe is Timeframe.DAY:
        local = inside.astimezone(MARKET_ZONE)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight.astimezone(at.tzinfo)
    minutes = _MINUTES[timeframe]
    return inside.replace(minute=inside.minute - inside.minute % minutes, second=0, microsecond=0)


def curve(samples: Iterable[Sample], timeframe: Timeframe, base: Sample | None = None) -> Curve:
    """The windows of these samples (in order of time), each with its last one.

    base: the last sample before the first window; without it, the portfolio began in the first
        one, and the profit is measured from nothing.
    """
    last_by_window: dict[datetime, Sample] = {}
    for sample in samples:
        last_by_window[window_start(sample.at, timeframe)] = sample
    start = base.equity if base else 0
    brought = base.flows if base else 0
    points = tuple(
        _point(starts_at, sample, start, brought) for starts_at, sample in last_by_window.items()
    )
    return Curve(start, base.at if base else None, points)


def _point(starts_at: datetime, sample: Sample, start: int, brought: int) -> Point:
    came_in = sample.flows - brought
    profit = sample.equity - start - came_in
    at_work = start + came_in
    ppm = _rounded(profit * 1_000_000, at_work) if at_work > 0 else None
    return Point(starts_at, sample.equity, sample.flows, profit, ppm)


def daily_growth(days: Sequence[Sample]) -> list[float]:
    """By how much each day multiplied the portfolio, flows apart, from the last sample of each day.

    What flowed on a day is taken to have flowed at its end. Days that began with nothing, or lost
    everything, have no growth to speak of and are left out.
    """
    return [
        (day.equity - (day.flows - before.flows)) / before.equity
        for before, day in pairwise(days)
        if before.equity > 0 and day.equity - (day.flows - before.flows) > 0
    ]


def closing_samples(samples: Iterable[Sample]) -> list[Sample]:
    """The last sample of every day."""
    last: dict[datetime, Sample] = {}
    for sample in samples:
        last[window_start(sample.at, Timeframe.DAY)] = sample
    return list(last.values())


def _rounded(numerator: int, denominator: int) -> int:
    """The nearest whole number, halves away from zero; the denominator is positive."""
    size = (2 * abs(numerator) + denominator) // (2 * denominator)
    return size if numerator >= 0 else -size
