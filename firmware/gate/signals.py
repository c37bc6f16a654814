"""What a driver sees and hears: lamp, buzzer and display for each state and each answer."""

from firmware.gate import lane
from protocols.portable import codes

RED = "red"
GREEN = "green"
AMBER = "amber"

# Pairs of (sound ms, silence ms).
BEEP_NONE = ()
BEEP_YES = ((80, 0),)
BEEP_NO = ((150, 100), (150, 100), (150, 0))

# How long an answer stays on the display before the state of the lane shows again.
ANSWER_SHOWN_MS = 4000

_STATES = {
    lane.IDLE: (RED, ""),
    lane.VEHICLE: (RED, "Please hold your card to the reader."),
    lane.DECIDING: (AMBER, "One moment."),
    lane.OPENING: (AMBER, "The barrier is opening."),
    lane.OPEN: (GREEN, "Please drive through."),
    lane.PASSING: (GREEN, "Please drive through."),
    lane.CLOSING: (RED, "The barrier is closing."),
    lane.FAULT: (RED, "Barrier fault. Please call the operator."),
    lane.OUT_OF_SERVICE: (RED, codes.sentence(codes.OUT_OF_SERVICE)),
}


def for_state(state):
    """The (lamp, display text) of a lane's state."""
    return _STATES[state]


def for_answer(reason):
    """The (buzzer pattern, display text) of an answer to a card."""
    return (BEEP_YES if codes.is_admitted(reason) else BEEP_NO), codes.sentence(reason)
