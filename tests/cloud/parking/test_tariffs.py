"""Prices: hand-reckoned cases, days of 23 and 25 hours, and what must hold for every stay."""

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.parking.lots.kinds import SpaceType
from cloud.parking.tariffs.rules import (
    LineKind,
    PriceLine,
    Tariff,
    Window,
    price_booked_stay,
    price_booking,
    price_walk_up,
)

BERLIN = Tariff(
    currency="EUR",
    timezone="Europe/Berlin",
    hourly_cents={SpaceType.STANDARD: 200, SpaceType.CHARGING: 350},
    free_minutes=15,
    step_minutes=30,
    daily_cap_cents=1500,
    overstay_percent=150,
)


def local(text: str, zone: str = "Europe/Berlin", fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)


def window(start: str, end: str, zone: str = "Europe/Berlin") -> Window:
    return Window(local(start, zone), local(end, zone))


@pytest.mark.parametrize(
    ("start", "end", "cents"),
    [
        ("2026-05-04 10:00", "2026-05-04 10:00", 0),
        ("2026-05-04 10:00", "2026-05-04 10:15", 0),
        ("2026-05-04 10:00", "2026-05-04 10:15:01", 100),
        ("2026-05-04 10:00", "2026-05-04 10:45", 100),
        ("2026-05-04 10:00", "2026-05-04 12:00", 400),
        ("2026-05-04 08:00", "2026-05-04 20:00", 1500),
        ("2026-05-04 23:00", "2026-05-05 00:30", 300),
        ("2026-05-04 08:00", "2026-05-06 20:00", 4500),
        ("2026-05-04 10:00", "2026-05-04 09:00", 0),
    ],
)
def test_walk_ups_reckoned_by_hand(start, end, cents):
    assert price_walk_up(BERLIN, SpaceType.STANDARD, window(start, end)).total_cents == cents


def test_the_lines_of_a_walk_up_say_how_it_came_about():
    price = price_walk_up(
        BERLIN, SpaceType.STANDARD, window("2026-05-04 08:00", "2026-05-06 20:00")
    )
    monday, tuesday, wednesday = (date(2026, 5, d) for d in (4, 5, 6))
    assert price.lines == (
        PriceLine(kind=LineKind.FREE, day=monday, minutes=15, amount_cents=0),
        PriceLine(kind=LineKind.PARKING, day=monday, minutes=960, amount_cents=3200),
        PriceLine(kind=LineKind.DAILY_CAP, day=monday, minutes=0, amount_cents=-1700),
        PriceLine(kind=LineKind.PARKING, day=tuesday, minutes=1440, amount_cents=4800),
        PriceLine(kind=LineKind.DAILY_CAP, day=tuesday, minutes=0, amount_cents=-3300),
        PriceLine(kind=LineKind.PARKING, day=wednesday, minutes=1200, amount_cents=4000),
        PriceLine(kind=LineKind.DAILY_CAP, day=wednesday, minutes=0, amount_cents=-2500),
    )


def test_a_space_type_with_its_own_rate_costs_it_and_others_cost_the_standard_rate():
    hour = window("2026-05-04 10:00", "2026-05-04 11:00")
    assert price_booking(BERLIN, SpaceType.CHARGING, hour).total_cents == 350
    assert price_booking(BERLIN, SpaceType.LARGE, hour).total_cents == 200


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        ("2026-03-29 00:00", "2026-03-30 00:00", 23),
        ("2026-10-25 00:00", "2026-10-26 00:00", 25),
        ("2026-03-29 01:30", "2026-03-29 03:30", 1),
        ("2026-10-25 01:30", "2026-10-25 03:30", 3),
    ],
)
def test_hours_are_those_that_passed_when_the_clocks_change(start, end, hours):
    uncapped = Tariff(
        currency="EUR", timezone="Europe/Berlin", hourly_cents={SpaceType.STANDARD: 200}
    )
    assert (
        price_booking(uncapped, SpaceType.STANDARD, window(start, end)).total_cents == 200 * hours
    )


@pytest.mark.parametrize(
    ("zone", "start", "end", "days"),
    [
        ("Europe/Berlin", "2026-03-28 12:00", "2026-03-30 12:00", 3),
        ("America/St_Johns", "2010-11-06 12:00", "2010-11-08 12:00", 3),
        ("Pacific/Apia", "2011-12-29 12:00", "2011-12-31 12:00", 2),
        ("America/Sao_Paulo", "2018-11-03 12:00", "2018-11-05 12:00", 3),
        ("Asia/Shanghai", "2018-05-09 12:00", "2018-05-11 12:00", 3),
    ],
)
def test_each_local_day_is_capped_once_however_the_clocks_are_put(zone, start, end, days):
    tariff = Tariff(
        currency="EUR",
        timezone=zone,
        hourly_cents={SpaceType.STANDARD: 200},
        step_minutes=1,
        daily_cap_cents=300,
    )
    assert (
        price_booking(tariff, SpaceType.STANDARD, window(start, end, zone)).total_cents
        == 300 * days
    )


def test_a_year_of_standing_is_few_lines():
    price = price_walk_up(
        BERLIN, SpaceType.STANDARD, window("2026-05-04 08:00", "2027-05-04 08:00")
    )
    assert price.total_cents == 365 * 1500 + 1500
    assert len(price.lines) <= 16


BOOKED = window("2026-05-04 10:00", "2026-05-04 12:00")
GRACE = timedelta(minutes=10)


@pytest.mark.parametrize(
    ("start", "end", "cents"),
    [
        ("2026-05-04 10:00", "2026-05-04 12:00", 400),
        ("2026-05-04 10:30", "2026-05-04 11:00", 400),
        ("2026-05-04 09:50", "2026-05-04 12:10", 400),
        ("2026-05-04 09:49", "2026-05-04 12:00", 500),
        ("2026-05-04 10:00", "2026-05-04 12:11", 550),
        ("2026-05-04 09:00", "2026-05-04 13:00", 900),
        ("2026-05-04 13:00", "2026-05-04 13:30", 550),
        ("2026-05-04 08:00", "2026-05-04 08:30", 500),
    ],
)
def test_a_booked_stay_costs_its_quote_and_the_time_outside(start, end, cents):
    quoted = price_booking(BERLIN, SpaceType.STANDARD, BOOKED).lines
    price = price_booked_stay(
        BERLIN,
        SpaceType.STANDARD,
        booked=BOOKED,
        quoted=quoted,
        actual=window(start, end),
        early_grace=GRACE,
        late_grace=GRACE,
    )
    assert price.total_cents == cents
    assert price.lines[: len(quoted)] == quoted


def test_half_a_cent_goes_to_the_even_cent():
    odd = Tariff(
        currency="EUR",
        timezone="UTC",
        hourly_cents={SpaceType.STANDARD: 199},
        step_minutes=30,
    )
    half_hour = window("2026-05-04 10:00", "2026-05-04 10:30", "UTC")
    assert price_booking(odd, SpaceType.STANDARD, half_hour).total_cents == 100


# Naive on purpose: the strategy adds the zone.
FIRST, LAST = datetime(2000, 1, 1), datetime(2030, 1, 1)  # noqa: DTZ001
ZONES = ("UTC", "Europe/Berlin", "America/St_Johns", "Asia/Shanghai", "Australia/Lord_Howe")
tariffs = st.builds(
    Tariff,
    currency=st.just("EUR"),
    timezone=st.sampled_from(ZONES),
    hourly_cents=st.integers(0, 5_000).map(lambda cents: {SpaceType.STANDARD: cents}),
    free_minutes=st.integers(0, 180),
    step_minutes=st.sampled_from((1, 7, 15, 30, 60, 1440)),
    daily_cap_cents=st.none() | st.integers(0, 20_000),
    overstay_percent=st.integers(0, 400),
)
starts = st.datetimes(FIRST, LAST, timezones=st.just(UTC))
lengths = st.timedeltas(timedelta(0), timedelta(days=9))


@given(tariffs, starts, lengths, lengths)
def test_a_longer_stay_never_costs_less(tariff, start, length, more):
    short, long = (
        price_walk_up(tariff, SpaceType.STANDARD, Window(start, start + span)).total_cents
        for span in (length, length + more)
    )
    assert 0 <= short <= long


@given(tariffs, starts, lengths)
def test_no_local_day_costs_more_than_the_cap(tariff, start, length):
    price = price_walk_up(tariff, SpaceType.STANDARD, Window(start, start + length))
    by_day: dict[date, int] = {}
    for line in price.lines:
        for n in range(line.days):
            day = line.day + timedelta(days=n)
            by_day[day] = by_day.get(day, 0) + line.amount_cents // line.days
    if tariff.daily_cap_cents is not None:
        assert all(cents <= tariff.daily_cap_cents for cents in by_day.values())
    assert sum(by_day.values()) == price.total_cents


@given(tariffs, starts, lengths)
def test_lines_sum_to_the_total_and_come_out_the_same_again(tariff, start, length):
    stay = Window(start, start + length)
    price = price_walk_up(tariff, SpaceType.STANDARD, stay)
    elsewhere = Window(
        start.astimezone(ZoneInfo("Asia/Tokyo")),
        (start + length).astimezone(ZoneInfo("America/Lima")),
    )
    assert price.total_cents == sum(line.amount_cents for line in price.lines)
    assert price_walk_up(tariff, SpaceType.STANDARD, elsewhere) == price


@given(tariffs, starts, lengths, lengths)
def test_staying_longer_on_a_booking_never_costs_less(tariff, start, length, more):
    booked = Window(start, start + timedelta(hours=2))
    quoted = price_booking(tariff, SpaceType.STANDARD, booked).lines
    short, long = (
        price_booked_stay(
            tariff,
            SpaceType.STANDARD,
            booked=booked,
            quoted=quoted,
            actual=Window(start, start + span),
            early_grace=GRACE,
            late_grace=GRACE,
        ).total_cents
        for span in (length, length + more)
    )
    assert short <= long


@given(tariffs, starts, st.timedeltas(timedelta(0), timedelta(days=40)))
def test_the_whole_days_of_a_stay_agree_with_a_step_by_step_count(tariff, start, length):
    """The slow, obvious way: walk every step, ask for its local day, add up, cap."""
    step = timedelta(minutes=tariff.step_minutes)
    if step < timedelta(minutes=15):
        length = min(length, timedelta(days=2))
    begins, ends = start + timedelta(minutes=tariff.free_minutes), start + length
    counts: dict[date, int] = {}
    while begins < ends:
        day = begins.astimezone(ZoneInfo(tariff.timezone)).date()
        counts[day] = counts.get(day, 0) + 1
        begins += step
    rate = tariff.hourly_cents[SpaceType.STANDARD]
    cents = [round(Fraction(rate * n * tariff.step_minutes, 60)) for n in counts.values()]
    cap = tariff.daily_cap_cents
    expected = sum(cents) if cap is None else sum(min(c, cap) for c in cents)
    assert (
        price_walk_up(tariff, SpaceType.STANDARD, Window(start, start + length)).total_cents
        == expected
    )
