"""The life of a booking in one transition table, its refusals, and what cancelling costs."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from cloud.kit.money import share_of
from cloud.parking.tariffs.rules import Window

LENGTH_MIN = timedelta(minutes=15)
LENGTH_MAX = timedelta(days=31)
AHEAD_MAX = timedelta(days=366)
# Clocks differ, and people press the button a moment later.
START_GRACE = timedelta(minutes=5)


class BookingState(StrEnum):
    """Stored and shown."""

    HELD = "held"
    CONFIRMED = "confirmed"
    ACTIVE = "active"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    NO_SHOW = "no_show"


class BookingStep(StrEnum):
    """What can happen to a booking."""

    CONFIRM = "confirm"
    ENTER = "enter"
    LEAVE = "leave"
    CANCEL = "cancel"
    EXPIRE = "expire"
    MISS = "miss"


LIVE = frozenset({BookingState.HELD, BookingState.CONFIRMED, BookingState.ACTIVE})
"""The states that keep others off the space; the exclusion constraint names the same three."""

TRANSITIONS: dict[tuple[BookingState, BookingStep], BookingState] = {
    (BookingState.HELD, BookingStep.CONFIRM): BookingState.CONFIRMED,
    (BookingState.HELD, BookingStep.CANCEL): BookingState.CANCELLED,
    (BookingState.HELD, BookingStep.EXPIRE): BookingState.EXPIRED,
    (BookingState.CONFIRMED, BookingStep.ENTER): BookingState.ACTIVE,
    (BookingState.CONFIRMED, BookingStep.CANCEL): BookingState.CANCELLED,
    (BookingState.CONFIRMED, BookingStep.MISS): BookingState.NO_SHOW,
    (BookingState.ACTIVE, BookingStep.LEAVE): BookingState.COMPLETED,
    # A site that was offline tells late: the car was there after all, its window has passed.
    (BookingState.NO_SHOW, BookingStep.LEAVE): BookingState.COMPLETED,
    (BookingState.CONFIRMED, BookingStep.LEAVE): BookingState.COMPLETED,
}


def next_state(state: BookingState, step: BookingStep) -> BookingState | None:
    """The state after a step, or None if the step cannot be taken from here."""
    return TRANSITIONS.get((state, step))


def window_problem(window: Window, now: datetime) -> str | None:
    """Why nobody can book this window, as a sentence, or None if one can."""
    if window.ends_at - window.starts_at < LENGTH_MIN:
        minutes = LENGTH_MIN // timedelta(minutes=1)
        return f"A booking ends at least {minutes} minutes after it starts."
    if window.ends_at - window.starts_at > LENGTH_MAX:
        return f"A booking lasts at most {LENGTH_MAX.days} days."
    if window.starts_at < now - START_GRACE:
        return "A booking cannot start in the past."
    if window.starts_at > now + AHEAD_MAX:
        return f"A booking starts at most {AHEAD_MAX.days} days ahead."
    return None


@dataclass(frozen=True, slots=True)
class CancelRule:
    """What a lot gives back.

    free_until: so long before the start a cancellation costs nothing.
    late_percent: what is kept of the price when it comes later, 0 to 100; from the start on, all.
    """

    free_until: timedelta = timedelta(hours=1)
    late_percent: int = 50


def cancel_fee_cents(rule: CancelRule, price_cents: int, starts_at: datetime, now: datetime) -> int:
    """What is kept when a confirmed booking is cancelled now; the rest is given back."""
    if now <= starts_at - rule.free_until:
        return 0
    if now >= starts_at:
        return price_cents
    return share_of(price_cents, numerator=rule.late_percent, denominator=100)
