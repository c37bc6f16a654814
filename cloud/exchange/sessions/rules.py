"""What the time of day asks of the venue: pure rules.

They look at what should be and at what is, not at what was done last: whatever happened in between
(a restart, a day of outage, a phase set by hand), the next look leads back to the schedule.
Halted instruments are nobody's but the venue's operator's; over a change of day they stay halted,
but their day orders end like all others.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cloud.exchange.sessions.calendar import Schedule
from trading.instruments import (
    CLOSED,
    CLOSING_CALL,
    CONTINUOUS,
    HALTED,
    OPENING_CALL,
    VOLATILITY_CALL,
)

# By what steps a market gets from one phase (first) to another (second) within a day.
_PATHS: Final[dict[tuple[int, int], tuple[int, ...]]] = {
    (CLOSED, OPENING_CALL): (OPENING_CALL,),
    (CLOSED, CONTINUOUS): (CONTINUOUS,),
    (CLOSED, CLOSING_CALL): (CONTINUOUS, CLOSING_CALL),
    (OPENING_CALL, CLOSED): (CLOSED,),
    (OPENING_CALL, CONTINUOUS): (CONTINUOUS,),
    (OPENING_CALL, CLOSING_CALL): (CONTINUOUS, CLOSING_CALL),
    (CONTINUOUS, CLOSED): (CLOSING_CALL, CLOSED),
    (CONTINUOUS, OPENING_CALL): (CLOSED, OPENING_CALL),
    (CONTINUOUS, CLOSING_CALL): (CLOSING_CALL,),
    # A volatility call has an end of its own, but not beyond the close.
    (VOLATILITY_CALL, CLOSING_CALL): (CLOSING_CALL,),
    (VOLATILITY_CALL, CLOSED): (CLOSING_CALL, CLOSED),
    (CLOSING_CALL, CLOSED): (CLOSED,),
    (CLOSING_CALL, OPENING_CALL): (CLOSED, OPENING_CALL),
    (CLOSING_CALL, CONTINUOUS): (CLOSED, CONTINUOUS),
}
# The shortest way to the end of a day: nothing that waited over night meets in an auction now.
_ENDINGS: Final[dict[int, tuple[int, ...]]] = {
    CLOSED: (),
    OPENING_CALL: (CLOSED,),
    CONTINUOUS: (CLOSED,),
    VOLATILITY_CALL: (CLOSING_CALL, CLOSED),
    CLOSING_CALL: (CLOSED,),
    HALTED: (CLOSED, HALTED),
}


@dataclass(frozen=True)
class PhaseStep:
    """Move an instrument to a phase."""

    instrument_id: int
    phase: int


@dataclass(frozen=True)
class DayStep:
    """Begin the settlement day of this number."""

    day: int


@dataclass(frozen=True)
class TimeStep:
    """Let orders that are good until a time expire."""


Step = PhaseStep | DayStep | TimeStep


def steps(
    schedule: Schedule,
    now: datetime,
    *,
    day: int,
    phases: Mapping[int, int],
    calls_over: frozenset[int] = frozenset(),
    is_expiry_due: bool = False,
) -> list[Step]:
    """What to do now, in order; nothing when the venue is as it should be.

    day: the settlement day that the engine is in. phases: by instrument id.
    calls_over: instruments whose volatility call has lasted long enough.
    is_expiry_due: an order's time has come and no command has told the engine so.
    """
    found: list[Step] = [TimeStep()] if is_expiry_due else []
    if not schedule.is_driven:
        return found + _ended_calls(phases, calls_over)
    today = schedule.current(now)
    current = dict(phases)
    if day < today.number:
        for instrument_id, phase in phases.items():
            ending = _ENDINGS[phase]
            found += [PhaseStep(instrument_id, one) for one in ending]
            current[instrument_id] = ending[-1] if ending else phase
        found.append(DayStep(today.number))
    target = today.phase_at(now)
    for instrument_id, phase in current.items():
        if phase == VOLATILITY_CALL and target == CONTINUOUS and instrument_id in calls_over:
            found.append(PhaseStep(instrument_id, CONTINUOUS))
        else:
            path = _PATHS.get((phase, target), ())
            found += [PhaseStep(instrument_id, one) for one in path]
    return found


def _ended_calls(phases: Mapping[int, int], calls_over: frozenset[int]) -> list[Step]:
    return [
        PhaseStep(instrument_id, CONTINUOUS)
        for instrument_id, phase in phases.items()
        if phase == VOLATILITY_CALL and instrument_id in calls_over
    ]
