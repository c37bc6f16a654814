"""The steps of a transfer, cut anywhere: the money is in one place, and in the end where it goes.

A model of both books: the wallet is a number, the venue the real engine. A cut loses what was in
memory and nothing else; then somebody takes the transfer up again.
"""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from cloud.exchange.transfers.rules import (
    FIRST,
    OPEN,
    Action,
    Direction,
    State,
    next_action,
    words_of,
)
from trading import Engine
from trading.commands import Deposit, EndWithdrawal, OpenPortfolio, ReserveWithdrawal
from trading.events import CommandRefused
from trading.reasons import Reason

PORTFOLIO, TRANSFER = 1, 7


class CutError(Exception):
    """The process ends here."""


@dataclass
class Books:
    wallet: int
    exchange: int = 0
    engine: Engine = field(default_factory=Engine)
    deposited: bool = False

    def do(self, kind: type, *arguments: object) -> bool:
        """A command, committed; whether the venue did it."""
        events = self.engine.apply(kind(self.engine.sequence + 1, 1, *arguments))
        return not any(isinstance(event, CommandRefused) for event in events)

    @property
    def cash(self) -> int:
        found = self.engine.venue.portfolios.get(PORTFOLIO)
        return 0 if found is None else found.cash

    def pay(self, amount: int) -> None:
        """From the wallet to the exchange account, in one transaction."""
        assert self.wallet >= amount
        self.wallet -= amount
        self.exchange += amount


def step(books: Books, state: State, amount: int, cut_at: int) -> State:
    """One step, cut after so many of its commits (a command is one, the database another)."""
    action = next_action(
        state,
        is_deposited=books.deposited,
        is_reserved=TRANSFER in books.engine.venue.withdrawals,
    )
    if action == Action.DEPOSIT:
        was_done = books.do(Deposit, PORTFOLIO, amount, TRANSFER)
        books.deposited = books.deposited or was_done
        if cut_at == 1:
            raise CutError
        if was_done:
            return State.DONE
        books.pay(-amount)
        return State.RETURNED
    if action == Action.RESERVE:
        was_done = books.do(ReserveWithdrawal, PORTFOLIO, amount, TRANSFER)
        if cut_at == 1:
            raise CutError
        return state if was_done else State.REFUSED
    if action == Action.PAY:
        books.pay(-amount)
        return State.PAID
    if action == Action.COMPLETE:
        books.do(EndWithdrawal, TRANSFER, True)
        if cut_at == 1:
            raise CutError
    return State.DONE


@given(
    direction=st.sampled_from(Direction),
    amount=st.integers(1, 120),
    is_open=st.booleans(),
    cuts=st.lists(st.integers(0, 1), max_size=6),
)
def test_however_often_it_is_cut_no_money_is_lost_or_made(
    direction: Direction, amount: int, is_open: bool, cuts: list[int]
):
    books = Books(wallet=300)
    if is_open:
        books.do(OpenPortfolio, PORTFOLIO, 1)
        books.pay(100)
        books.do(Deposit, PORTFOLIO, 100, 1)
    before = (books.wallet, books.cash)
    state = FIRST[direction]
    if direction == Direction.IN:
        books.pay(amount)
    for cut_at in [*cuts, *([0] * 4)]:
        if state in OPEN:
            try:
                state = step(books, state, amount, cut_at)
            except CutError:
                continue
        in_flight = amount if state == State.TAKEN and not books.deposited else 0
        in_flight -= amount if state == State.PAID and books.engine.venue.withdrawals else 0
        assert books.wallet + books.exchange == 300
        assert books.exchange == books.cash + in_flight
    assert state not in OPEN
    assert not books.engine.venue.withdrawals
    moved = amount if direction == Direction.IN else -amount
    if state == State.DONE:
        assert (books.wallet, books.cash) == (before[0] - moved, before[1] + moved)
    else:
        assert (books.wallet, books.cash) == before
    is_possible = is_open and (direction == Direction.IN or amount <= 100)
    assert (state == State.DONE) == is_possible


def test_a_transfer_that_has_ended_asks_for_nothing():
    for state in set(State) - OPEN:
        for facts in ((False, False), (True, False), (False, True)):
            found = next_action(state, is_deposited=facts[0], is_reserved=facts[1])
            assert found == Action.NOTHING


def test_every_refusal_has_words():
    assert "free cash" in words_of(Reason.INSUFFICIENT_FUNDS)
    assert all(words_of(reason).endswith(".") or "(" in words_of(reason) for reason in Reason)
