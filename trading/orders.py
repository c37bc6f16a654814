"""The words of an order, with the numbers they are stored as, and the one table of its states.

The enums are for whoever reads or writes commands and events; the engine computes with the plain
numbers below them, because compiled code compares those without touching a Python object.
"""

from enum import IntEnum
from typing import Final


class Side(IntEnum):
    """Which way the units go for whoever placed the order."""

    BUY = 1
    SELL = 2


class OrderType(IntEnum):
    """What sets the price and what wakes the order up."""

    MARKET = 1
    LIMIT = 2
    STOP = 3
    STOP_LIMIT = 4
    TRAILING_STOP = 5


class TimeInForce(IntEnum):
    """How long an order works: OPG and CLS take part in that auction only."""

    DAY = 1
    GTC = 2
    GTD = 3
    IOC = 4
    FOK = 5
    OPG = 6
    CLS = 7


class SelfTrade(IntEnum):
    """What happens when an arriving order meets a resting one of the same account."""

    ALLOW = 1
    CANCEL_NEWEST = 2
    CANCEL_OLDEST = 3
    CANCEL_BOTH = 4
    DECREMENT = 5


class GroupKind(IntEnum):
    """How orders of one group depend on each other."""

    OCO = 1
    OTO = 2
    BRACKET = 3


class OrderState(IntEnum):
    """Where an order is in its life; `TRANSITIONS` says where it may go."""

    NEW = 0
    HELD = 1
    UNTRIGGERED = 2
    OPEN = 3
    PARTIALLY_FILLED = 4
    FILLED = 5
    CANCELLED = 6
    EXPIRED = 7
    REJECTED = 8


BUY: Final = 1
SELL: Final = 2

MARKET: Final = 1
LIMIT: Final = 2
STOP: Final = 3
STOP_LIMIT: Final = 4
TRAILING_STOP: Final = 5

DAY: Final = 1
GTC: Final = 2
GTD: Final = 3
IOC: Final = 4
FOK: Final = 5
OPG: Final = 6
CLS: Final = 7

ALLOW: Final = 1
CANCEL_NEWEST: Final = 2
CANCEL_OLDEST: Final = 3
CANCEL_BOTH: Final = 4
DECREMENT: Final = 5

OCO: Final = 1
OTO: Final = 2
BRACKET: Final = 3

NEW: Final = 0
HELD: Final = 1
UNTRIGGERED: Final = 2
OPEN: Final = 3
PARTIALLY_FILLED: Final = 4
FILLED: Final = 5
CANCELLED: Final = 6
EXPIRED: Final = 7
REJECTED: Final = 8

# What API and storage may hand in at most; the products of two of them are computed exactly.
PRICE_TICKS_MAX: Final = 10**12
QUANTITY_UNITS_MAX: Final = 10**14
MONEY_MAX: Final = 10**18

# An order starts at NEW and is only seen by others after its first step.
TRANSITIONS: Final[dict[int, tuple[int, ...]]] = {
    NEW: (HELD, UNTRIGGERED, OPEN),
    HELD: (UNTRIGGERED, OPEN, CANCELLED, EXPIRED, REJECTED),
    UNTRIGGERED: (OPEN, CANCELLED, EXPIRED),
    OPEN: (PARTIALLY_FILLED, FILLED, CANCELLED, EXPIRED),
    PARTIALLY_FILLED: (PARTIALLY_FILLED, FILLED, CANCELLED, EXPIRED),
    FILLED: (),
    CANCELLED: (),
    EXPIRED: (),
    REJECTED: (),
}


def is_allowed(state: int, successor: int) -> bool:
    """Whether an order may go from one state to the other."""
    return successor in TRANSITIONS[state]


def is_terminal(state: int) -> bool:
    """Whether nothing can happen to an order in this state any more."""
    return not TRANSITIONS[state]
