"""The steps of a transfer between the ledger and the venue: pure rules.

Neither book can see into the other's transaction, so money is always taken first and given second,
and between the two it is in the transfer's name: in the ledger's exchange account (on the way in),
or reserved at the venue (on the way out). Every step asks first what has been done already; so it
may be interrupted anywhere and taken up by anybody.

    in:  taken -> done | returned        the wallet pays as the row is written; the venue deposits
    out: asked -> paid -> done           the venue reserves; the wallet gets it; the venue lets go
               -> refused
"""

from enum import StrEnum
from typing import Final

from trading.reasons import Reason


class Direction(StrEnum):
    """Where the cash goes: IN to the portfolio, OUT to the wallet."""

    IN = "in"
    OUT = "out"


class State(StrEnum):
    """Where a transfer stands."""

    TAKEN = "taken"
    ASKED = "asked"
    PAID = "paid"
    DONE = "done"
    RETURNED = "returned"
    REFUSED = "refused"


class Action(StrEnum):
    """What to do next."""

    DEPOSIT = "deposit"
    RESERVE = "reserve"
    PAY = "pay"
    COMPLETE = "complete"
    FINISH = "finish"
    NOTHING = "nothing"


FIRST: Final = {Direction.IN: State.TAKEN, Direction.OUT: State.ASKED}
OPEN: Final = frozenset({State.TAKEN, State.ASKED, State.PAID})

_WORDS: Final = {
    Reason.INSUFFICIENT_FUNDS: "The portfolio has less free cash than that.",
    Reason.UNSETTLED_FUNDS: "Part of that cash has not settled yet; try again when it has.",
    Reason.UNKNOWN_PORTFOLIO: "The portfolio is not open at the venue.",
    Reason.AMOUNT_TOO_LARGE: "No transfer may be as large as that.",
}


def next_action(state: State, *, is_deposited: bool, is_reserved: bool) -> Action:
    """What a transfer in this state needs.

    is_deposited: the venue has stored a deposit with this transfer's number.
    is_reserved: the venue holds cash under this transfer's number.
    """
    if state == State.TAKEN:
        return Action.FINISH if is_deposited else Action.DEPOSIT
    if state == State.ASKED:
        return Action.PAY if is_reserved else Action.RESERVE
    if state == State.PAID:
        return Action.COMPLETE if is_reserved else Action.FINISH
    return Action.NOTHING


def words_of(reason: int) -> str:
    """A refusal of the venue as a sentence."""
    known = Reason(reason)
    return f"{_WORDS.get(known, 'The venue refused it.')} ({known.name.lower()})"
