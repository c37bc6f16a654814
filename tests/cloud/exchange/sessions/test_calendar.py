"""When the venue trades."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.exchange.sessions.calendar import Schedule
from cloud.exchange.sessions.holidays import easter, is_early_close, is_holiday
from cloud.exchange.sessions.schedules import (
    ALWAYS,
    MANUAL,
    US_EQUITIES,
    minutes_of,
    schedule_of,
)
from cloud.kit.settings import SettingsError
from trading.instruments import CLOSED, CLOSING_CALL, CONTINUOUS, OPENING_CALL

# Published by the exchange for these years.
HOLIDAYS = {
    2024: "01-01 01-15 02-19 03-29 05-27 06-19 07-04 09-02 11-28 12-25",
    2025: "01-01 01-09 01-20 02-17 04-18 05-26 06-19 07-04 09-01 11-27 12-25",
    2026: "01-01 01-19 02-16 04-03 05-25 06-19 07-03 09-07 11-26 12-25",
    2027: "01-01 01-18 02-15 03-26 05-31 06-18 07-05 09-06 11-25 12-24",
}
EARLY = {2024: "07-03 11-29 12-24", 2025: "07-03 11-28 12-24", 2026: "11-27 12-24", 2027: "11-26"}


def days_of(year: int) -> list[date]:
    first = date(year, 1, 1)
    return [first + timedelta(days=n) for n in range((date(year + 1, 1, 1) - first).days)]


@pytest.mark.parametrize("year", HOLIDAYS)
def test_the_holidays_are_those_the_exchange_published(year: int):
    found = [f"{day:%m-%d}" for day in days_of(year) if is_holiday(day) and day.weekday() < 5]
    assert " ".join(found) == HOLIDAYS[year]


@pytest.mark.parametrize("year", EARLY)
def test_the_early_closes_are_those_the_exchange_published(year: int):
    assert " ".join(f"{day:%m-%d}" for day in days_of(year) if is_early_close(day)) == EARLY[year]


def test_new_years_day_on_a_saturday_is_not_kept_on_the_friday():
    assert not is_holiday(date(2021, 12, 31))


@pytest.mark.parametrize("day", [date(2000, 4, 23), date(2024, 3, 31), date(2038, 4, 25)])
def test_easter(day: date):
    assert easter(day.year) == day


def test_a_year_of_us_equities_has_so_many_days():
    assert len(US_EQUITIES.days(date(2024, 1, 1), date(2024, 12, 31))) == 252
    assert len(US_EQUITIES.days(date(2025, 1, 1), date(2025, 12, 31))) == 250


def test_the_open_follows_summer_time():
    winter = US_EQUITIES.day(date(2026, 3, 6))
    summer = US_EQUITIES.day(date(2026, 3, 9))
    assert winter is not None
    assert summer is not None
    assert winter.opens_at == datetime(2026, 3, 6, 14, 30, tzinfo=UTC)
    assert summer.opens_at == datetime(2026, 3, 9, 13, 30, tzinfo=UTC)


def test_trades_settle_on_the_next_trading_day():
    friday = US_EQUITIES.day(date(2026, 1, 16))
    assert friday is not None
    assert friday.settles_on == date(2026, 1, 20)  # Monday is a holiday


def test_an_early_close_moves_the_closing_call_along():
    day = US_EQUITIES.day(date(2026, 11, 27))
    assert day is not None
    assert day.closes_at == datetime(2026, 11, 27, 18, 0, tzinfo=UTC)
    assert day.closing_call_at == datetime(2026, 11, 27, 17, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "phase"),
    [
        ("09:00", CLOSED),
        ("09:25", OPENING_CALL),
        ("09:30", CONTINUOUS),
        ("15:58", CONTINUOUS),
        ("15:59", CLOSING_CALL),
        ("16:00", CLOSED),
    ],
)
def test_phases_of_a_day(at: str, phase: int):
    local = datetime(2026, 11, 23, tzinfo=US_EQUITIES.zone) + timedelta(minutes=minutes_of(at))
    now = local.astimezone(UTC)
    assert US_EQUITIES.current(now).phase_at(now) == phase


def test_the_weekend_belongs_to_friday_and_opens_on_monday():
    sunday = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
    assert US_EQUITIES.current(sunday).day == date(2026, 11, 20)
    assert not US_EQUITIES.is_open(sunday)
    assert US_EQUITIES.next_open(sunday) == datetime(2026, 11, 23, 14, 30, tzinfo=UTC)
    assert US_EQUITIES.next_close(sunday) == datetime(2026, 11, 23, 21, 0, tzinfo=UTC)


def test_around_the_clock_it_is_always_open_and_the_day_turns_at_midnight():
    now = datetime(2026, 11, 22, 23, 59, tzinfo=UTC)
    midnight = datetime(2026, 11, 23, tzinfo=UTC)
    assert ALWAYS.is_open(now)
    assert ALWAYS.is_open(midnight)
    assert ALWAYS.current(now).number + 1 == ALWAYS.current(midnight).number
    assert ALWAYS.next_close(now) == midnight


EPOCH = datetime(1999, 1, 1, tzinfo=UTC)
instants = st.integers(0, 3_155_760_000).map(lambda s: EPOCH + timedelta(seconds=s))


@pytest.mark.parametrize("schedule", [ALWAYS, US_EQUITIES], ids=lambda one: one.name)
@given(now=instants)
def test_the_next_open_and_close_are_ahead_and_the_current_day_is_behind(
    schedule: Schedule, now: datetime
):
    assert schedule.current(now).begins_at <= now
    assert schedule.next_open(now) > now
    assert schedule.next_close(now) > now
    if not schedule.is_open(now):
        assert schedule.next_open(now) < schedule.next_close(now)
    else:
        assert schedule.current(now).closes_at == schedule.next_close(now)


@given(now=instants)
def test_the_calendar_of_by_hand_shows_the_same_days(now: datetime):
    assert MANUAL.current(now) == ALWAYS.current(now)


LONDON = """
zone = "Europe/London"
holidays = ["2026-12-25"]
[hours]
begins = "04:00"
opening_call = "07:50"
opens = "08:00"
closing_call = "16:30"
closes = "16:35"
[early_closes]
"2026-12-24" = "12:35"
"""


def test_a_schedule_of_ones_own(tmp_path: Path):
    path = tmp_path / "london.toml"
    path.write_text(LONDON)
    schedule = schedule_of(str(path))
    assert schedule.name == "london"
    assert schedule.day(date(2026, 12, 25)) is None
    day = schedule.day(date(2026, 12, 24))
    assert day is not None
    assert day.opens_at == datetime(2026, 12, 24, 8, 0, tzinfo=UTC)
    assert day.closing_call_at == datetime(2026, 12, 24, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Europe/London", "Nowhere/Atlantis"),
        ("08:00", "25:00"),
        ("08:00", "17:00"),
        ("begins", "starts"),
        ('zone = "Europe/London"', 'zone = "Europe/London"\nweekdays = []'),
        ('zone = "Europe/London"', 'zone = "Europe/London"\nweekdays = [7]'),
        ("[hours]", "[hours"),
        ("12:35", "07:00"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused_with_its_name(tmp_path: Path, old: str, new: str):
    path = tmp_path / "london.toml"
    path.write_text(LONDON.replace(old, new, 1))
    with pytest.raises(SettingsError, match="london"):
        schedule_of(str(path))


@pytest.mark.parametrize("name", ["", "nyse", "missing.toml"])
def test_an_unknown_schedule_is_refused(name: str):
    with pytest.raises(SettingsError):
        schedule_of(name)
