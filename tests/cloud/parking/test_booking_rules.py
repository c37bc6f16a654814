"""The life of a booking, which windows can be booked, and what a cancellation costs."""

from datetime import UTC, datetime, timedelta

import pytest

from cloud.parking.bookings.rules import (
    LIVE,
    TRANSITIONS,
    BookingState,
    BookingStep,
    CancelRule,
    cancel_fee_cents,
    next_state,
    window_problem,
)
from cloud.parking.tariffs.rules import Window

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_a_booking_that_ended_never_comes_alive_again():
    ended = set(BookingState) - LIVE
    assert all(after not in LIVE for (state, _), after in TRANSITIONS.items() if state in ended)


def test_every_state_can_be_reached():
    assert {BookingState.HELD, *TRANSITIONS.values()} == set(BookingState)


@pytest.mark.parametrize(
    ("state", "step", "after"),
    [
        (BookingState.HELD, BookingStep.CONFIRM, BookingState.CONFIRMED),
        (BookingState.HELD, BookingStep.ENTER, None),
        (BookingState.CONFIRMED, BookingStep.EXPIRE, None),
        (BookingState.ACTIVE, BookingStep.CANCEL, None),
        (BookingState.COMPLETED, BookingStep.CANCEL, None),
        (BookingState.NO_SHOW, BookingStep.LEAVE, BookingState.COMPLETED),
    ],
)
def test_steps(state, step, after):
    assert next_state(state, step) == after


@pytest.mark.parametrize(
    ("starts", "length", "problem"),
    [
        (timedelta(0), HOUR, None),
        (timedelta(minutes=-4), HOUR, None),
        (timedelta(minutes=-6), HOUR, "in the past"),
        (HOUR, timedelta(minutes=14), "at least 15 minutes"),
        (HOUR, -HOUR, "at least 15 minutes"),
        (HOUR, timedelta(days=32), "at most 31 days"),
        (timedelta(days=367), HOUR, "days ahead"),
    ],
)
def test_windows(starts, length, problem):
    said = window_problem(Window(NOON + starts, NOON + starts + length), NOON)
    assert (said is None) if problem is None else problem in said


@pytest.mark.parametrize(
    ("before_start", "fee"),
    [
        (timedelta(hours=2), 0),
        (HOUR, 0),
        (timedelta(minutes=59), 200),
        (timedelta(0), 400),
        (-HOUR, 400),
    ],
)
def test_what_a_cancellation_costs(before_start, fee):
    assert cancel_fee_cents(CancelRule(HOUR, 50), 400, NOON, NOON - before_start) == fee
