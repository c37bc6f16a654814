"""When a trading day begins: midnight in New York."""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from trading.bars import HOUR, NS

MARKET_ZONE: Final = "America/New_York"
_ZONE: Final = ZoneInfo(MARKET_ZONE)


def day_offset_ns(at_ns: int) -> int:
    """How far New York's clocks are ahead of UTC then (less than 0)."""
    # They never change within an hour of UTC.
    return _offset_ns(at_ns // (HOUR * NS))


@lru_cache(maxsize=1_024)
def _offset_ns(hours: int) -> int:
    at = datetime.fromtimestamp(hours * HOUR, UTC)
    offset = at.astimezone(_ZONE).utcoffset()
    assert offset is not None, "a zone knows its offset"
    return int(offset.total_seconds()) * NS


def day_start(at: datetime) -> datetime:
    """The midnight in New York with which the day of this instant began, in UTC."""
    local = at.astimezone(_ZONE)
    return local.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)


def start_of(day: date) -> datetime:
    """The midnight in New York with which this date begins, in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=_ZONE).astimezone(UTC)


def next_day_start(at: datetime) -> datetime:
    """The midnight in New York after this instant, in UTC."""
    # Days have 23 to 25 hours: the middle of the next one is never far from 36.
    return day_start(day_start(at) + timedelta(hours=36))
