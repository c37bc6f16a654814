"""The days on which US equity markets rest or close early, by rule, from 1998 on.

Source: NYSE Rules 7.2 and 7.2T, and the exchange's published calendars; what no rule foresees
(days of mourning, a hurricane, 2001) is listed.
"""

from datetime import date, timedelta
from typing import Final

_DAY: Final = timedelta(days=1)
_MONDAY, _THURSDAY, _FRIDAY, _SATURDAY, _SUNDAY = 0, 3, 4, 5, 6

UNFORESEEN: Final = frozenset(
    {
        *(date(2001, 9, day) for day in (11, 12, 13, 14)),
        date(2004, 6, 11),
        date(2007, 1, 2),
        date(2012, 10, 29),
        date(2012, 10, 30),
        date(2018, 12, 5),
        date(2025, 1, 9),
    }
)


def is_holiday(day: date) -> bool:
    """Whether the market does not open on this weekday; weekends are not its business."""
    return day in UNFORESEEN or day in _holidays_of(day.year)


def is_early_close(day: date) -> bool:
    """Whether it closes at 13:00: before Independence Day and Christmas, after Thanksgiving."""
    if day.weekday() >= _SATURDAY or is_holiday(day):
        return False
    if (day.month, day.day) == (7, 3):
        # The day before a holiday that is kept on its own day.
        return (day + _DAY).weekday() < _SATURDAY
    if (day.month, day.day) == (12, 24):
        return True
    return day == _nth(day.year, 11, _THURSDAY, 4) + _DAY


def easter(year: int) -> date:
    """Easter Sunday.

    Source: the anonymous Gregorian computus (Nature, 20 April 1876).
    """
    a, (b, c) = year % 19, divmod(year, 100)
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    m = (32 + 2 * e + 2 * i - h - k) % 7
    n = (a + 11 * h + 22 * m) // 451
    month, day = divmod(h + m - 7 * n + 114, 31)
    return date(year, month, day + 1)


def _holidays_of(year: int) -> frozenset[date]:
    fixed = [_kept(date(year, 7, 4)), _kept(date(year, 12, 25))]
    new_year = date(year, 1, 1)
    # On a Saturday it is not kept: the Friday before is the last of its year's accounts.
    if new_year.weekday() != _SATURDAY:
        fixed.append(_kept(new_year))
    if year >= 2022:
        fixed.append(_kept(date(year, 6, 19)))
    return frozenset(
        {
            *fixed,
            _nth(year, 1, _MONDAY, 3),
            _nth(year, 2, _MONDAY, 3),
            easter(year) - 2 * _DAY,
            _last_monday_of_may(year),
            _nth(year, 9, _MONDAY, 1),
            _nth(year, 11, _THURSDAY, 4),
        }
    )


def _kept(day: date) -> date:
    """The weekday on which a holiday of fixed date is kept."""
    if day.weekday() == _SATURDAY:
        return day - _DAY
    return day + _DAY if day.weekday() == _SUNDAY else day


def _nth(year: int, month: int, weekday: int, count: int) -> date:
    first = date(year, month, 1)
    return first + _DAY * ((weekday - first.weekday()) % 7 + 7 * (count - 1))


def _last_monday_of_may(year: int) -> date:
    last = date(year, 5, 31)
    return last - _DAY * last.weekday()
