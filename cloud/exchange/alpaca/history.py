"""The equity curve in Alpaca's shape, which has JSON numbers: shown as floats, never read back."""

from datetime import datetime, timedelta
from typing import Final

import msgspec

from cloud.exchange.orders.errors import MalformedOrderError
from cloud.exchange.portfolios.equity import Curve, Timeframe

PERIOD_DEFAULT: Final = "1M"
_PERIOD_DAYS: Final = {"D": 1, "W": 7, "M": 31, "A": 366, "Y": 366}
_DAYS_MAX: Final = 20_000
_MINOR: Final = 100
_PPM: Final = 1_000_000


class PortfolioHistory(msgspec.Struct, frozen=True):
    """Points in order of time: timestamp (seconds) is when a window began, the others its end."""

    timestamp: list[int]
    equity: list[float]
    profit_loss: list[float]
    profit_loss_pct: list[float | None]
    base_value: float
    base_value_asof: str | None
    timeframe: str
    cashflow: dict[str, list[float]]


class Span(msgspec.Struct, frozen=True):
    """From when to when, in windows how wide."""

    starts_at: datetime
    ends_at: datetime
    timeframe: Timeframe


def span_of(
    now: datetime,
    *,
    period: str | None,
    timeframe: str | None,
    start: datetime | None,
    end: datetime | None,
) -> Span:
    """What is asked for: up to now and a month back, unless said otherwise.

    Raises:
        MalformedOrderError: a word is unknown, or the end is not after the start.
    """
    length = timedelta(days=_days_of(period or PERIOD_DEFAULT))
    if end is None:
        end = now if start is None or period is None else min(now, start + length)
    if start is None:
        start = end - length
    if start >= end:
        raise MalformedOrderError("end_invalid", "The end must be after the start.")
    if timeframe is None:
        width = end - start
        narrow = width < timedelta(days=7)
        medium = Timeframe.QUARTER if width < timedelta(days=30) else Timeframe.DAY
        return Span(start, end, Timeframe.MINUTE if narrow else medium)
    if timeframe not in list(Timeframe):
        raise MalformedOrderError(
            "timeframe_invalid", f"timeframe is one of {', '.join(Timeframe)}."
        )
    return Span(start, end, Timeframe(timeframe))


def _days_of(period: str) -> int:
    number, unit = period[:-1], period[-1:].upper()
    is_number = number.isascii() and number.isdigit() and len(number) <= 5
    if unit not in _PERIOD_DAYS or not is_number or int(number) == 0:
        raise MalformedOrderError("period_invalid", "period is a number and D, W, M or A: 1M.")
    days = int(number) * _PERIOD_DAYS[unit]
    if days > _DAYS_MAX:
        raise MalformedOrderError("period_invalid", "period is too long.")
    return days


def portfolio_history(curve: Curve, timeframe: Timeframe) -> PortfolioHistory:
    """The curve; amounts in dollars, profit from the base, deposits and withdrawals apart."""
    points = curve.points
    return PortfolioHistory(
        timestamp=[int(point.starts_at.timestamp()) for point in points],
        equity=[point.equity / _MINOR for point in points],
        profit_loss=[point.profit / _MINOR for point in points],
        profit_loss_pct=[
            None if point.profit_ppm is None else point.profit_ppm / _PPM for point in points
        ],
        base_value=curve.base / _MINOR,
        base_value_asof=None if curve.base_at is None else curve.base_at.date().isoformat(),
        timeframe=timeframe.value,
        cashflow={},
    )
