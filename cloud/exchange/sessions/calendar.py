"""On which days the venue trades and at what instants each of its phases begins.

A schedule is a time zone, hours, and rules for days off; everything else follows. Times of day are
minutes of wall-clock time, so that a day may end at midnight (1,440) and summer time is the time
zone's business.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from trading.instruments import CLOSED, CLOSING_CALL, CONTINUOUS, OPENING_CALL

MINUTES_OF_DAY: Final = 1_440
# No market rests longer; a schedule without any trading day is refused when it is read.
_DAYS_OFF_MAX: Final = 31


@dataclass(frozen=True)
class Hours:
    """Minutes after local midnight, rising.

    begins: the settlement day begins (`AdvanceDay`); opening_call and closing_call: orders are
    collected for the auction that follows, at `opens` and at `closes`.
    """

    begins: int
    opening_call: int
    opens: int
    closing_call: int
    closes: int

    def is_valid(self) -> bool:
        """Whether they rise within one day, and something is traded."""
        return (
            0 <= self.begins <= self.opening_call <= self.opens < self.closes <= MINUTES_OF_DAY
            and self.opens <= self.closing_call <= self.closes
        )

    def closing_at(self, closes: int) -> "Hours":
        """The same day, ending earlier; its closing call moves along."""
        return Hours(
            self.begins,
            self.opening_call,
            self.opens,
            max(self.opens, self.closing_call - (self.closes - closes)),
            closes,
        )


@dataclass(frozen=True)
class TradingDay:
    """One day of trading; instants in UTC. settles_on: when a trade of T+1 settles."""

    day: date
    begins_at: datetime
    opening_call_at: datetime
    opens_at: datetime
    closing_call_at: datetime
    closes_at: datetime
    settles_on: date

    @property
    def number(self) -> int:
        """What the engine calls this day: the proleptic Gregorian ordinal of its date."""
        return self.day.toordinal()

    def phase_at(self, now: datetime) -> int:
        """The phase that the schedule foresees at this instant of the day."""
        if now < self.opening_call_at or now >= self.closes_at:
            return CLOSED
        if now < self.opens_at:
            return OPENING_CALL
        return CONTINUOUS if now < self.closing_call_at else CLOSING_CALL


def never(_day: date) -> bool:
    """No day off."""
    return False


@dataclass(frozen=True)
class Schedule:
    """When a venue trades.

    early_closes: minutes after midnight at which such a day ends, None for an ordinary one.
    weekdays: Monday is 0.
    is_driven: False leaves phases and days to commands by hand; the calendar is only shown.
    """

    name: str
    zone: ZoneInfo
    hours: Hours
    weekdays: frozenset[int] = frozenset(range(7))
    is_day_off: Callable[[date], bool] = never
    early_closes: Callable[[date], int | None] = field(default=lambda _day: None)
    is_driven: bool = True

    def is_trading_day(self, day: date) -> bool:
        """Whether there is trading on this date of the schedule's zone."""
        return day.weekday() in self.weekdays and not self.is_day_off(day)

    def day(self, day: date) -> TradingDay | None:
        """The trading day of this date; None when there is none."""
        if not self.is_trading_day(day):
            return None
        early = self.early_closes(day)
        hours = self.hours if early is None else self.hours.closing_at(early)
        begins, opening_call, opens, closing_call, closes = (
            self._instant(day, minutes)
            for minutes in (
                hours.begins,
                hours.opening_call,
                hours.opens,
                hours.closing_call,
                hours.closes,
            )
        )
        settles_on = next(self._dates(day + timedelta(days=1)))
        return TradingDay(day, begins, opening_call, opens, closing_call, closes, settles_on)

    def days(self, first: date, last: date) -> list[TradingDay]:
        """The trading days from `first` to `last`, both included."""
        span = (first + timedelta(days=n) for n in range((last - first).days + 1))
        return [found for one in span if (found := self.day(one)) is not None]

    def current(self, now: datetime) -> TradingDay:
        """The trading day that began last."""
        day = now.astimezone(self.zone).date()
        for back in range(_DAYS_OFF_MAX + 1):
            found = self.day(day - timedelta(days=back))
            if found is not None and found.begins_at <= now:
                return found
        raise AssertionError("a schedule without trading days")

    def is_open(self, now: datetime) -> bool:
        """Whether it is between the open and the close of a trading day, calls included."""
        today = self.current(now)
        return today.opens_at <= now < today.closes_at

    def next_open(self, now: datetime) -> datetime:
        """The first open after now."""
        return next(day.opens_at for day in self._days_from(now) if day.opens_at > now)

    def next_close(self, now: datetime) -> datetime:
        """The first close after now."""
        return next(day.closes_at for day in self._days_from(now) if day.closes_at > now)

    def _days_from(self, now: datetime) -> Iterator[TradingDay]:
        # From yesterday: a day may end at midnight, which is another date already.
        first = now.astimezone(self.zone).date() - timedelta(days=1)
        for one in self._dates(first):
            found = self.day(one)
            assert found is not None
            yield found

    def _dates(self, first: date) -> Iterator[date]:
        day = first
        for _ in range(10 * _DAYS_OFF_MAX):
            if self.is_trading_day(day):
                yield day
            day += timedelta(days=1)
        raise AssertionError("a schedule without trading days")

    def _instant(self, day: date, minutes: int) -> datetime:
        wall = datetime.combine(day, time()) + timedelta(minutes=minutes)
        return wall.replace(tzinfo=self.zone).astimezone(UTC)
