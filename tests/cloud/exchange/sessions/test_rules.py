"""What the time of day asks of the venue: always legal, always leading back to the schedule."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from cloud.exchange.sessions.calendar import Schedule
from cloud.exchange.sessions.rules import DayStep, PhaseStep, TimeStep, steps
from cloud.exchange.sessions.schedules import ALWAYS, MANUAL, US_EQUITIES
from trading.instruments import (
    CLOSED,
    CLOSING_CALL,
    CONTINUOUS,
    HALTED,
    OPENING_CALL,
    PHASE_CHANGES,
    VOLATILITY_CALL,
)

MONDAY = datetime(2026, 11, 23, tzinfo=US_EQUITIES.zone)
FRIDAY_NUMBER = MONDAY.date().toordinal() - 3


def at(hours: int, minutes: int = 0) -> datetime:
    """That wall-clock time of the Monday."""
    return (MONDAY + timedelta(hours=hours, minutes=minutes)).astimezone(UTC)


def of_day(now: datetime, phases: dict[int, int], **more: object) -> list[object]:
    """The steps when the engine has the day already."""
    day = US_EQUITIES.current(now).number
    return list(steps(US_EQUITIES, now, day=day, phases=phases, **more))  # type: ignore[arg-type] # keywords of the one function


def test_a_day_from_its_beginning_to_its_close():
    number = MONDAY.date().toordinal()
    found = steps(US_EQUITIES, at(4), day=FRIDAY_NUMBER, phases={1: CLOSED})
    assert found == [DayStep(number)]
    assert of_day(at(9, 25), {1: CLOSED}) == [PhaseStep(1, OPENING_CALL)]
    assert of_day(at(9, 30), {1: OPENING_CALL}) == [PhaseStep(1, CONTINUOUS)]
    assert of_day(at(12), {1: CONTINUOUS}) == []
    assert of_day(at(15, 59), {1: CONTINUOUS}) == [PhaseStep(1, CLOSING_CALL)]
    assert of_day(at(16), {1: CLOSING_CALL}) == [PhaseStep(1, CLOSED)]
    assert of_day(at(20), {1: CLOSED}) == []


def test_after_an_outage_over_night_yesterdays_orders_end_before_the_new_day():
    found = steps(US_EQUITIES, at(10), day=FRIDAY_NUMBER, phases={1: CONTINUOUS})
    assert found == [
        PhaseStep(1, CLOSED),
        DayStep(MONDAY.date().toordinal()),
        PhaseStep(1, CONTINUOUS),
    ]


def test_after_an_outage_over_the_close_the_closing_auction_is_still_held():
    assert of_day(at(17), {1: CONTINUOUS}) == [PhaseStep(1, CLOSING_CALL), PhaseStep(1, CLOSED)]


def test_a_halted_instrument_stays_halted():
    assert of_day(at(12), {1: HALTED}) == []
    found = steps(US_EQUITIES, at(10), day=FRIDAY_NUMBER, phases={1: HALTED})
    assert found == [
        PhaseStep(1, CLOSED),
        PhaseStep(1, HALTED),
        DayStep(MONDAY.date().toordinal()),
    ]


def test_a_volatility_call_ends_when_it_has_lasted_long_enough():
    assert of_day(at(12), {1: VOLATILITY_CALL}) == []
    found = of_day(at(12), {1: VOLATILITY_CALL}, calls_over=frozenset({1}))
    assert found == [PhaseStep(1, CONTINUOUS)]


def test_a_volatility_call_does_not_outlast_the_close():
    assert of_day(at(16), {1: VOLATILITY_CALL}) == [
        PhaseStep(1, CLOSING_CALL),
        PhaseStep(1, CLOSED),
    ]


def test_around_the_clock_the_turn_of_the_day_ends_day_orders():
    midnight = datetime(2026, 11, 23, tzinfo=UTC)
    number = midnight.date().toordinal()
    assert steps(ALWAYS, midnight, day=number - 1, phases={1: CONTINUOUS}) == [
        PhaseStep(1, CLOSED),
        DayStep(number),
        PhaseStep(1, CONTINUOUS),
    ]


def test_by_hand_nothing_happens_but_what_time_ends():
    phases = {1: CLOSED, 2: VOLATILITY_CALL}
    assert steps(MANUAL, at(12), day=0, phases=phases) == []
    found = steps(
        MANUAL, at(12), day=0, phases=phases, calls_over=frozenset({2}), is_expiry_due=True
    )
    assert found == [TimeStep(), PhaseStep(2, CONTINUOUS)]


@given(
    minute=st.integers(0, 525_600),
    back=st.integers(0, 3),
    phases=st.dictionaries(st.integers(1, 5), st.sampled_from(sorted(PHASE_CHANGES))),
    schedule=st.sampled_from([ALWAYS, US_EQUITIES]),
)
def test_every_step_is_allowed_and_a_second_look_finds_nothing_to_do(
    minute: int, back: int, phases: dict[int, int], schedule: Schedule
):
    now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    day = schedule.current(now).number - back
    for step in steps(schedule, now, day=day, phases=phases):
        if isinstance(step, PhaseStep):
            assert step.phase in PHASE_CHANGES[phases[step.instrument_id]]
            phases[step.instrument_id] = step.phase
        elif isinstance(step, DayStep):
            assert step.day > day
            assert not set(phases.values()) - {CLOSED, HALTED}
            day = step.day
    assert day == schedule.current(now).number
    assert steps(schedule, now, day=day, phases=phases) == []
    target = schedule.current(now).phase_at(now)
    assert set(phases.values()) <= {target, HALTED, VOLATILITY_CALL}
