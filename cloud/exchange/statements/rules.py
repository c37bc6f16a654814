"""A statement of a period: from where it started, by what happened, to where it ended.

Nothing in it is taken on trust: the totals are sums of the lines, and the closing cash must be the
opening cash and those totals, or there is no statement.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from cloud.exchange.statements.books import Balance, Books
from cloud.exchange.statements.movements import AnyMovement, CashMove, Split, Trade, UnitsMove
from trading.bounds import told
from trading.events import MoveCause
from trading.instruments import Instrument


class Total(StrEnum):
    """What changed the cash, in the order a statement shows it."""

    DEPOSITS = "deposits"
    WITHDRAWALS = "withdrawals"
    TRANSFERS_IN = "transfers_in"
    TRANSFERS_OUT = "transfers_out"
    DIVIDENDS = "dividends"
    SPLIT_FRACTIONS = "split_fractions"
    SALES = "sales"
    PURCHASES = "purchases"
    FEES = "fees"
    REBATES = "rebates"


_PLAIN: Final = {
    MoveCause.DEPOSIT: Total.DEPOSITS,
    MoveCause.WITHDRAWAL: Total.WITHDRAWALS,
    MoveCause.SPLIT_FRACTION: Total.SPLIT_FRACTIONS,
    MoveCause.DIVIDEND: Total.DIVIDENDS,
}


class DisagreementError(Exception):
    """The records do not lead to the balances: our bug, and no statement is better than a wrong."""


@dataclass(slots=True)
class Period:
    """What happened from `starts_at` (included) to `ends_at` (not included).

    movements: all of them, in the venue's order. totals: signed, of the cash.
    """

    starts_at: datetime
    ends_at: datetime
    opening: Balance
    closing: Balance
    movements: list[AnyMovement] = field(default_factory=list)
    totals: dict[Total, int] = field(default_factory=dict)

    def check(self) -> None:
        """Whether what is shown leads from the opening to the closing.

        Raises:
            DisagreementError: it does not.
        """
        came_to = self.opening.cash + sum(self.totals.values())
        if came_to != self.closing.cash:
            raise DisagreementError(
                f"Opening cash {self.opening.cash} and the movements come to {came_to}; "
                f"the closing cash is {self.closing.cash}."
            )
        fees = self.opening.fees - self.totals[Total.FEES] - self.totals[Total.REBATES]
        if fees != self.closing.fees:
            raise DisagreementError(f"The fees come to {fees}, not to {self.closing.fees}.")
        if (net := self._net_units()) != (change := self._changes()):
            raise DisagreementError(f"The movements come to units {net}, the balances to {change}.")

    def trades(self) -> list[Trade]:
        """The trades among the movements."""
        return [one for one in self.movements if isinstance(one, Trade)]

    def cash_moves(self) -> list[CashMove]:
        """Cash that moved without a trade."""
        return [one for one in self.movements if isinstance(one, CashMove)]

    def units_moves(self) -> list[UnitsMove | Split]:
        """Units that moved without a trade, and splits."""
        return [one for one in self.movements if isinstance(one, UnitsMove | Split)]

    def _net_units(self) -> dict[int, int]:
        """By instrument, what trades and moves made of the opening's units, splits applied."""
        units = {h.instrument_id: h.units for h in self.opening.holdings}
        for one in self.movements:
            match one:
                case Trade():
                    units[one.instrument_id] = units.get(one.instrument_id, 0) + (
                        one.units if one.is_buy else -one.units
                    )
                case UnitsMove():
                    units[one.instrument_id] = units.get(one.instrument_id, 0) + one.units
                case Split():
                    before = units.get(one.instrument_id, 0)
                    size = abs(before) * one.numerator // one.denominator
                    units[one.instrument_id] = size if before >= 0 else -size
                case CashMove():
                    pass
        return {instrument: count for instrument, count in units.items() if count}

    def _changes(self) -> dict[int, int]:
        return {h.instrument_id: h.units for h in self.closing.holdings if h.units}


def total_of(movement: AnyMovement) -> dict[Total, int]:
    """What a movement adds to the totals."""
    match movement:
        case Trade():
            kind = Total.PURCHASES if movement.is_buy else Total.SALES
            money = -movement.notional if movement.is_buy else movement.notional
            return {kind: money, Total.FEES if movement.fee >= 0 else Total.REBATES: -movement.fee}
        case CashMove(cause=MoveCause.TRANSFER):
            return {Total.TRANSFERS_IN if movement.cash > 0 else Total.TRANSFERS_OUT: movement.cash}
        case CashMove():
            return {_PLAIN[MoveCause(movement.cause)]: movement.cash}
        case UnitsMove() | Split():
            return {}


class Cutter:
    """Cuts a period out of all movements of a portfolio, fed in order from its opening on."""

    def __init__(
        self, starts_at: datetime, ends_at: datetime, instrument: Callable[[int], Instrument]
    ) -> None:
        self.books = Books(instrument)
        self._starts_at, self._ends_at = starts_at, ends_at
        self._opening: Balance | None = None
        self._closing: Balance | None = None
        self._inside: list[AnyMovement] = []

    def feed(self, movements: Iterable[AnyMovement]) -> None:
        """Take the next movements."""
        for movement in movements:
            if self._opening is None and movement.at >= self._starts_at:
                self._opening = self.books.balance()
            if self._closing is None and movement.at >= self._ends_at:
                self._closing = self.books.balance()
            self.books.apply(movement)
            if self._starts_at <= movement.at < self._ends_at:
                self._inside.append(movement)

    @property
    def count(self) -> int:
        """How many movements of the period were fed."""
        return len(self._inside)

    def period(self) -> Period:
        """The period, checked; the books stay as they are after everything that was fed.

        Raises:
            DisagreementError: the movements do not lead from its opening to its closing.
        """
        now = self.books.balance()
        totals = dict.fromkeys(Total, 0)
        for movement in self._inside:
            for kind, cash in total_of(movement).items():
                totals[kind] += cash
        period = Period(
            self._starts_at,
            self._ends_at,
            now if self._opening is None else self._opening,
            now if self._closing is None else self._closing,
            self._inside,
            totals,
        )
        period.check()
        return period


def disagreements(books: Balance, recorded: Balance) -> list[str]:
    """Where the replayed books and the venue's own records differ; empty when they agree.

    recorded: from the tables the engine's transaction writes; its lots are not compared, and what
        added up beyond FIGURE_MAX is there as that.
    """
    found = [
        f"{name}: {mine} by the movements, {theirs} on record"
        for name in ("cash", "fees", "realised")
        if (mine := told(getattr(books, name))) != (theirs := getattr(recorded, name))
    ]
    named = {one.instrument_id for balance in (books, recorded) for one in balance.holdings}
    for instrument_id in sorted(named):
        ours, their = _figures(books, instrument_id), _figures(recorded, instrument_id)
        if ours != their:
            found.append(
                f"instrument {instrument_id}: units, cost, realised, realised FIFO {ours} by the "
                f"movements, {their} on record"
            )
    return found


def _figures(balance: Balance, instrument_id: int) -> tuple[int, int, int, int]:
    for one in balance.holdings:
        if one.instrument_id == instrument_id:
            return (one.units, told(one.cost), told(one.realised), told(one.realised_fifo))
    return (0, 0, 0, 0)
