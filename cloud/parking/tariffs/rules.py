"""What a stay or a booking costs: pure and exact, the same cents for the same inputs for ever.

Time is charged in begun steps, counted from the end of the free minutes. A step belongs to the
local day it begins in, and each local day is capped. Days are those of the lot's time zone, so one
may last 23 or 25 hours.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from cloud.kit.money import share_of
from cloud.parking.lots.kinds import SpaceType

MS_PER_MINUTE = 60_000
# A percentage of an hourly rate, for some minutes: cents = rate * minutes * percent / this.
_MINUTE_PERCENTS_PER_HOUR = 60 * 100


class LineKind(StrEnum):
    """What a price line charges for, or takes off."""

    FREE = "free"
    PARKING = "parking"
    EARLY = "early"
    OVERSTAY = "overstay"
    DAILY_CAP = "daily_cap"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """One version of a lot's prices; never changed once something was priced by it.

    hourly_cents: by space type; types without a rate of their own cost what `standard` costs.
    daily_cap_cents: the most that one local day of one stay costs; None for no cap.
    step_minutes: every begun step is charged whole, 1 to 1,440.
    overstay_percent: of the hourly rate, for time past a booking's end.
    """

    currency: str
    timezone: str
    hourly_cents: Mapping[SpaceType, int]
    free_minutes: int = 0
    step_minutes: int = 60
    daily_cap_cents: int | None = None
    overstay_percent: int = 100

    def rate_cents(self, space_type: SpaceType) -> int:
        """The hourly rate of a space type."""
        return self.hourly_cents.get(space_type, self.hourly_cents[SpaceType.STANDARD])


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceLine:
    """One line of a quote or receipt; `day` is the first of `days` that all cost the same."""

    kind: LineKind
    day: date
    days: int = 1
    minutes: int
    amount_cents: int


@dataclass(frozen=True, slots=True)
class Price:
    """Lines and their sum."""

    currency: str
    lines: tuple[PriceLine, ...]

    @property
    def total_cents(self) -> int:
        """What is to be paid."""
        return sum(line.amount_cents for line in self.lines)


@dataclass(frozen=True, slots=True)
class Window:
    """From `starts_at` until just before `ends_at`; both aware."""

    starts_at: datetime
    ends_at: datetime


def price_walk_up(tariff: Tariff, space_type: SpaceType, window: Window) -> Price:
    """What a stay without a booking costs; a stay that ends before it starts costs nothing."""
    lines = _charge(tariff, space_type, window, kind=LineKind.PARKING, free=tariff.free_minutes)
    return Price(tariff.currency, tuple(lines))


def price_booking(tariff: Tariff, space_type: SpaceType, window: Window) -> Price:
    """What holding a space for a window costs; free minutes are for cars, not for held spaces."""
    lines = _charge(tariff, space_type, window, kind=LineKind.PARKING)
    return Price(tariff.currency, tuple(lines))


def price_booked_stay(
    tariff: Tariff,
    space_type: SpaceType,
    *,
    booked: Window,
    quoted: Sequence[PriceLine],
    actual: Window,
    early_grace: timedelta,
    late_grace: timedelta,
) -> Price:
    """The final price of a stay on a booking: what was quoted, and the time outside of its window.

    quoted: the lines locked when the booking was made.
    early_grace, late_grace: outside the window, at no cost; beyond it all of it is charged.
    """
    lines = list(quoted)
    if actual.starts_at < booked.starts_at - early_grace:
        early = Window(actual.starts_at, min(booked.starts_at, actual.ends_at))
        lines += _charge(tariff, space_type, early, kind=LineKind.EARLY)
    if actual.ends_at > booked.ends_at + late_grace:
        late = Window(max(booked.ends_at, actual.starts_at), actual.ends_at)
        percent = tariff.overstay_percent
        lines += _charge(tariff, space_type, late, kind=LineKind.OVERSTAY, percent=percent)
    return Price(tariff.currency, tuple(lines))


def _charge(
    tariff: Tariff,
    space_type: SpaceType,
    window: Window,
    *,
    kind: LineKind,
    free: int = 0,
    percent: int = 100,
) -> Iterator[PriceLine]:
    zone = ZoneInfo(tariff.timezone)
    starts_ms, ends_ms = _to_ms(window.starts_at), _to_ms(window.ends_at)
    chargeable_from_ms = starts_ms + free * MS_PER_MINUTE
    if free and ends_ms > starts_ms:
        used_ms = min(ends_ms, chargeable_from_ms) - starts_ms
        minutes = -(-used_ms // MS_PER_MINUTE)
        day = _local_day(starts_ms, zone)
        yield PriceLine(kind=LineKind.FREE, day=day, minutes=minutes, amount_cents=0)
    step_ms = tariff.step_minutes * MS_PER_MINUTE
    steps = max(0, -(-(ends_ms - chargeable_from_ms) // step_ms))
    rate_cents = tariff.rate_cents(space_type)
    for day, days, count in _equal_days(_steps_by_day(chargeable_from_ms, steps, step_ms, zone)):
        minutes = count * tariff.step_minutes
        # Rounded once for each local day, so that no order of adding up can change a cent.
        amount = share_of(
            rate_cents, numerator=minutes * percent, denominator=_MINUTE_PERCENTS_PER_HOUR
        )
        yield PriceLine(
            kind=kind, day=day, days=days, minutes=minutes * days, amount_cents=amount * days
        )
        if tariff.daily_cap_cents is not None and amount > tariff.daily_cap_cents:
            over = amount - tariff.daily_cap_cents
            yield PriceLine(
                kind=LineKind.DAILY_CAP, day=day, days=days, minutes=0, amount_cents=-over * days
            )


def _steps_by_day(
    first_ms: int, steps: int, step_ms: int, zone: ZoneInfo
) -> list[tuple[date, int]]:
    """Each local day in which steps begin, with their number, in order."""
    counts: dict[date, int] = {}
    while steps > 0:
        day = _local_day(first_ms, zone)
        until_midnight_ms = _next_midnight_ms(first_ms, day, zone) - first_ms
        count = min(steps, -(-until_midnight_ms // step_ms))
        counts[day] = counts.get(day, 0) + count
        steps -= count
        first_ms += count * step_ms
    return sorted(counts.items())


def _equal_days(days: Iterable[tuple[date, int]]) -> Iterator[tuple[date, int, int]]:
    """Runs of adjoining days with the same number of steps, as (first day, days, steps of each).

    A car that stands for a year makes a receipt of a few lines, not of hundreds.
    """
    first, length, count = date.min, 0, 0
    for day, steps in days:
        if length and steps == count and day == first + timedelta(days=length):
            length += 1
            continue
        if length:
            yield first, length, count
        first, length, count = day, 1, steps
    if length:
        yield first, length, count


def _local_day(at_ms: int, zone: ZoneInfo) -> date:
    return (_EPOCH + timedelta(milliseconds=at_ms)).astimezone(zone).date()


def _next_midnight_ms(at_ms: int, day: date, zone: ZoneInfo) -> int:
    """When the local day after `day` begins; where midnight is skipped, the instant of the skip.

    Clocks were put back at 00:01 in some places, so that a day begins twice: then the second time,
    if the first is past.
    """
    midnight = datetime.combine(day + timedelta(days=1), time(), tzinfo=zone)
    first_ms = _to_ms(midnight)
    return first_ms if first_ms > at_ms else _to_ms(midnight.replace(fold=1))


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _to_ms(instant: datetime) -> int:
    return (instant.astimezone(UTC) - _EPOCH) // timedelta(milliseconds=1)
