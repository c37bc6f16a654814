"""Who drives to which car park when: a recorded day, or a synthetic one from a seed.

A plan is data. The same arguments give the same plan for ever, so a run can be repeated from its
seed alone.
"""

import csv
import gzip
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from enum import StrEnum
from pathlib import Path

CHINA = timezone(timedelta(hours=8))
NOISE_MINUTES_MAX = 5
"""Rows shorter than this are lock tests, say the authors of the recordings."""


class Behaviour(StrEnum):
    """What a driver does at the entry."""

    NORMAL = "normal"
    BACKS_OUT = "backs_out"
    TAILGATES = "tailgates"
    HESITATES = "hesitates"


@dataclass(frozen=True, slots=True, order=True)
class Visit:
    """One car's stay: it arrives, shows its card, parks, and leaves with the same card."""

    arrives_at_ms: int
    leaves_at_ms: int
    car: int
    """Number of the car, from 0; it names the card."""
    is_booked: bool = False
    behaviour: Behaviour = Behaviour.NORMAL


@dataclass(frozen=True, slots=True)
class Passage:
    """One car wanting through one lane at one time."""

    at_ms: int
    car: int
    is_entry: bool
    visit: Visit


def passages(visits: list[Visit]) -> list[Passage]:
    """Entries and exits of all visits in the order they happen; an exit before an entry on ties."""
    wanted = [Passage(v.arrives_at_ms, v.car, True, v) for v in visits]
    wanted += [Passage(v.leaves_at_ms, v.car, False, v) for v in visits]
    return sorted(wanted, key=lambda p: (p.at_ms, p.is_entry, p.car))


def recorded_days(path: Path) -> list[date]:
    """The days of arrival that a thsparking file holds, in order (local time of China)."""
    return sorted({arrival.astimezone(CHINA).date() for arrival, _ in _rows(path)})


def recorded_day(path: Path, day: date, *, spaces: int) -> list[Visit]:
    """The stays of one recorded day that began on `day`, as visits of cars 0, 1, 2...

    path: a thsparking `P*.csv.gz`, one row a stay.
    spaces: cars inside at once at most; a row that finds the lot full is left out, since the
        recording is of separate locks and the lot here has one gate.
    Minutes are all that was recorded, so rows of one minute are spread over it by their order.
    """
    rows = [(a, d) for a, d in _rows(path) if a.astimezone(CHINA).date() == day]
    visits: list[Visit] = []
    leaving: list[int] = []
    for car, (arrival, departure) in enumerate(sorted(rows)):
        arrives_at_ms = _ms(arrival) + 1_000 * (car % 60)
        leaves_at_ms = _ms(departure) + 1_000 * (car % 60)
        leaving = [at_ms for at_ms in leaving if at_ms > arrives_at_ms]
        if len(leaving) < spaces:
            leaving.append(leaves_at_ms)
            visits.append(Visit(arrives_at_ms, leaves_at_ms, car))
    return visits


def _rows(path: Path) -> Iterator[tuple[datetime, datetime]]:
    with gzip.open(path, "rt", newline="") as file:
        reader = csv.reader(file)
        next(reader)
        for row in reader:
            arrival, departure = _instant(row[0]), _instant(row[1])
            if departure - arrival >= timedelta(minutes=NOISE_MINUTES_MAX):
                yield arrival, departure


def _instant(text: str) -> datetime:
    day, clock = text.split(" ")
    year, month, dom = (int(part) for part in day.split("/"))
    hour, minute = (int(part) for part in clock.split(":"))
    return datetime(year, month, dom, hour, minute, tzinfo=CHINA).astimezone(UTC)


def _ms(at: datetime) -> int:
    return int(at.timestamp()) * 1_000


# Share of a day's arrivals in each hour: a commuter car park with a lunch bump.
_HOURLY = (1, 1, 1, 1, 2, 5, 14, 34, 46, 30, 16, 14, 20, 18, 12, 11, 13, 16, 14, 9, 6, 4, 2, 1)

_ODD_BEHAVIOURS = (Behaviour.BACKS_OUT, Behaviour.TAILGATES, Behaviour.HESITATES)


def synthetic_day(
    *, seed: int, midnight_ms: int, cars: int, booked_share: float = 0.4, odd_share: float = 0.06
) -> list[Visit]:
    """A day of `cars` visits, one a car, from 00:00 at `midnight_ms`.

    booked_share: how many hold a booking, 0 to 1.
    odd_share: how many back out, tailgate or hesitate at the entry, 0 to 1.
    """
    draw = random.Random(seed)  # noqa: S311 - a repeatable plan, not a secret
    visits = []
    for car in range(cars):
        hour = draw.choices(range(24), weights=_HOURLY)[0]
        arrives_at_ms = midnight_ms + hour * 3_600_000 + draw.randrange(3_600) * 1_000
        stay_min = min(600, max(8, int(draw.lognormvariate(4.4, 0.8))))
        behaviour = Behaviour.NORMAL
        if draw.random() < odd_share:
            behaviour = draw.choice(_ODD_BEHAVIOURS)
        visits.append(
            Visit(
                arrives_at_ms,
                arrives_at_ms + stay_min * 60_000 + draw.randrange(60) * 1_000,
                car,
                is_booked=draw.random() < booked_share,
                behaviour=behaviour,
            )
        )
    return sorted(visits)
