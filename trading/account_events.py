"""What can happen to portfolios, instruments and the venue; `events` has them with all others."""

from typing import ClassVar, Final

from mypy_extensions import mypyc_attr

from trading.bounds import known
from trading.event_base import Event


@mypyc_attr(acyclic=True)
class InstrumentListed(Event):
    """An instrument exists, or was changed; `parameters` is `Instrument.as_tuple()`."""

    KIND: ClassVar[int] = 1

    def __init__(self, sequence: int, instrument_id: int, parameters: tuple[object, ...]) -> None:
        super().__init__(sequence)
        self.instrument_id: Final[int] = instrument_id
        self.parameters: Final[tuple[object, ...]] = parameters

    def _fields(self) -> tuple[object, ...]:
        return (
            self.sequence,
            self.instrument_id,
            self.parameters,
        )


@mypyc_attr(acyclic=True)
class PortfolioOpened(Event):
    """A portfolio can hold cash and units."""

    KIND: ClassVar[int] = 2

    def __init__(self, sequence: int, portfolio_id: int, account_id: int) -> None:
        super().__init__(sequence)
        self.portfolio_id: Final[int] = portfolio_id
        self.account_id: Final[int] = account_id

    def _fields(self) -> tuple[object, ...]:
        return (
            self.sequence,
            self.portfolio_id,
            self.account_id,
        )


@mypyc_attr(acyclic=True)
class LimitsSet(Event):
    """From now on these limits hold; portfolio 0 is the default of all without their own."""

    KIND: ClassVar[int] = 3

    def __init__(self, sequence: int, portfolio_id: int, limits: tuple[int, ...]) -> None:
        super().__init__(sequence)
        self.portfolio_id: Final[int] = portfolio_id
        self.limits: Final[tuple[int, ...]] = limits

    def _fields(self) -> tuple[object, ...]:
        return (
            self.sequence,
            self.portfolio_id,
            self.limits,
        )


@mypyc_attr(acyclic=True)
class CashMoved(Event):
    """Cash came in (positive) or went out other than by a trade; `cause` is a `MoveCause`."""

    KIND: ClassVar[int] = 4

    def __init__(
        self, sequence: int, portfolio_id: int, amount: int, cause: int, transfer_id: int
    ) -> None:
        super().__init__(sequence)
        self.portfolio_id: Final[int] = portfolio_id
        self.amount: Final[int] = amount
        self.cause: Final[int] = cause
        self.transfer_id: Final[int] = transfer_id

    def _fields(self) -> tuple[object, ...]:
        return (
            self.sequence,
            self.portfolio_id,
            self.amount,
            self.cause,
            self.transfer_id,
        )


@mypyc_attr(acyclic=True)
class UnitsMoved(Event):
    """Units came in (positive) or went out (negative) other than by a trade, at this cost."""

    KIND: ClassVar[int] = 5

    def __init__(
        self,
        sequence: int,
        portfolio_id: int,
        instrument_id: int,
        units: int,
        cost: int,
        cause: int,
        transfer_id: int,
    ) -> None:
        super().__init__(sequence)
        self.portfolio_id: Final[int] = portfolio_id
        self.instrument_id: Final[int] = instrument_id
        self.units: Final[int] = units
        self.cost: Final[int] = cost
        self.cause: Final[int] = cause
        self.transfer_id: Final[int] = transfer_id

    def _fields(self) -> tuple[object, ...]:
        return (
            self.sequence,
            self.portfolio_id,
            self.instrument_id,
            self.units,
            self.cost,
            self.cause,
            self.transfer_id,
        )


@mypyc_attr(acyclic=True)
class BalanceChanged(Event):
    """The money of a portfolio after this command; at most one each, behind all other facts.

    cash: by trade date; settled_cash: what has settled; held_cash: of `cash`, reserved for open
    orders, prepared withdrawals and short positions, so `cash - held_cash` is what may be spent.
    fees, realised: since the portfolio was opened; `realised` is by average cost, without fees.
        Like all lifetime totals they are told as `bounds.FIGURE_MAX` where they are more.
    """

    KIND: ClassVar[int] = 6

    def __init__(
        self,
        sequence: int,
        portfolio_id: int,
        cash: int,
        settled_cash: int,
        held_cash: int,
        fees: int,
        realised: int,
    ) -> None:
        super().__init__(sequence)
        self.portfolio_id: Final[int] = portfolio_id
        self.cash: Final[int] = cash
        self.settled_cash: Final[int] = settled_cash
        self.held_cash: Final[int] = held_cash
        self.fees: Final[int] = fees
        self.realised: Final[int] = realised

    def _fields(self) -> tuple[object, ...]:
        return (
            self.sequence,
            self.portfolio_id,
            self.cash,
            self.settled_cash,
            self.held_cash,
            self.fees,
            self.realised,
        )


@mypyc_attr(acyclic=True)
class PositionChanged(Event):
    """The units of a portfolio in one instrument after this command; at most one each command.

    units: by trade date, negative when short; held_units: reserved by open orders that reduce it.
    cost: what the open units cost (short: brought in), without fees, by average cost; `realised` is
    by average cost, `realised_fifo` by first in, first out.
    """

    KIND: ClassVar[int] = 7

    def __init__(
        self,
        sequence: int,
        portfolio_id: int,
        instrument_id: int,
        units: int,
        settled_units: int,
        held_units: int,
        cost: int,
        realised: int,
        realised_fifo: int,
    ) -> None:
        super().__init__(sequence)
        self.portfolio_id: Final[int] = portfolio_id
        self.instrument_id: Final[int] = instrument_id
        self.units: Final[int] = units
        self.settled_units: Final[int] = settled_units
        self.held_units: Final[int] = held_units
        self.cost: Final[int] = cost
        self.realised: Final[int] = realised
        self.realised_fifo: Final[int] = realised_fifo

    def _fields(self) -> tuple[object, ...]:
        return (
            self.sequence,
            self.portfolio_id,
            self.instrument_id,
            self.units,
            self.settled_units,
            self.held_units,
            self.cost,
            self.realised,
            self.realised_fifo,
        )


@mypyc_attr(acyclic=True)
class CommandRefused(Event):
    """Any other command was refused; `subject_id` is the order, portfolio, instrument... meant.

    An id that can be none is told as 0.
    """

    KIND: ClassVar[int] = 20

    def __init__(self, sequence: int, kind: int, subject_id: int, reason: int) -> None:
        super().__init__(sequence)
        self.kind: Final[int] = kind
        self.subject_id: Final[int] = known(subject_id)
        self.reason: Final[int] = reason

    def _fields(self) -> tuple[object, ...]:
        return (
            self.sequence,
            self.kind,
            self.subject_id,
            self.reason,
        )


@mypyc_attr(acyclic=True)
class PhaseChanged(Event):
    """An instrument's market is in another phase."""

    KIND: ClassVar[int] = 21

    def __init__(self, sequence: int, instrument_id: int, phase: int, reason: int) -> None:
        super().__init__(sequence)
        self.instrument_id: Final[int] = instrument_id
        self.phase: Final[int] = phase
        self.reason: Final[int] = reason

    def _fields(self) -> tuple[object, ...]:
        return (
            self.sequence,
            self.instrument_id,
            self.phase,
            self.reason,
        )


@mypyc_attr(acyclic=True)
class BandsChanged(Event):
    """No trade happens below the lower or above the upper price; 0: no bound."""

    KIND: ClassVar[int] = 22

    def __init__(
        self, sequence: int, instrument_id: int, lower_ticks: int, upper_ticks: int
    ) -> None:
        super().__init__(sequence)
        self.instrument_id: Final[int] = instrument_id
        self.lower_ticks: Final[int] = lower_ticks
        self.upper_ticks: Final[int] = upper_ticks

    def _fields(self) -> tuple[object, ...]:
        return (
            self.sequence,
            self.instrument_id,
            self.lower_ticks,
            self.upper_ticks,
        )


@mypyc_attr(acyclic=True)
class AuctionHeld(Event):
    """An auction found its price; without a cross, price and volume are 0.

    surplus_units: what was left at that price, positive on the buy side.
    """

    KIND: ClassVar[int] = 23

    def __init__(
        self,
        sequence: int,
        instrument_id: int,
        price_ticks: int,
        volume_units: int,
        surplus_units: int,
    ) -> None:
        super().__init__(sequence)
        self.instrument_id: Final[int] = instrument_id
        self.price_ticks: Final[int] = price_ticks
        self.volume_units: Final[int] = volume_units
        self.surplus_units: Final[int] = surplus_units

    def _fields(self) -> tuple[object, ...]:
        return (
            self.sequence,
            self.instrument_id,
            self.price_ticks,
            self.volume_units,
            self.surplus_units,
        )


@mypyc_attr(acyclic=True)
class KillSwitchSet(Event):
    """New orders of the account (0: of the venue) are refused while it is on."""

    KIND: ClassVar[int] = 24

    def __init__(self, sequence: int, account_id: int, is_on: bool) -> None:
        super().__init__(sequence)
        self.account_id: Final[int] = account_id
        self.is_on: Final[bool] = is_on

    def _fields(self) -> tuple[object, ...]:
        return (
            self.sequence,
            self.account_id,
            self.is_on,
        )


@mypyc_attr(acyclic=True)
class DayAdvanced(Event):
    """A new settlement day; what was due on it has settled."""

    KIND: ClassVar[int] = 25

    def __init__(self, sequence: int, day: int) -> None:
        super().__init__(sequence)
        self.day: Final[int] = day

    def _fields(self) -> tuple[object, ...]:
        return (
            self.sequence,
            self.day,
        )


@mypyc_attr(acyclic=True)
class UnitsSplit(Event):
    """Every old `denominator` units of the instrument became `numerator`; prices the other way."""

    KIND: ClassVar[int] = 26

    def __init__(self, sequence: int, instrument_id: int, numerator: int, denominator: int) -> None:
        super().__init__(sequence)
        self.instrument_id: Final[int] = instrument_id
        self.numerator: Final[int] = numerator
        self.denominator: Final[int] = denominator

    def _fields(self) -> tuple[object, ...]:
        return (
            self.sequence,
            self.instrument_id,
            self.numerator,
            self.denominator,
        )


@mypyc_attr(acyclic=True)
class DividendPaid(Event):
    """A long position received, a short one paid (negative), a cash dividend."""

    KIND: ClassVar[int] = 27

    def __init__(
        self, sequence: int, portfolio_id: int, instrument_id: int, units: int, amount: int
    ) -> None:
        super().__init__(sequence)
        self.portfolio_id: Final[int] = portfolio_id
        self.instrument_id: Final[int] = instrument_id
        self.units: Final[int] = units
        self.amount: Final[int] = amount

    def _fields(self) -> tuple[object, ...]:
        return (
            self.sequence,
            self.portfolio_id,
            self.instrument_id,
            self.units,
            self.amount,
        )


@mypyc_attr(acyclic=True)
class WithdrawalReserved(Event):
    """Cash is held until the withdrawal is completed or abandoned."""

    KIND: ClassVar[int] = 28

    def __init__(self, sequence: int, transfer_id: int, portfolio_id: int, amount: int) -> None:
        super().__init__(sequence)
        self.transfer_id: Final[int] = transfer_id
        self.portfolio_id: Final[int] = portfolio_id
        self.amount: Final[int] = amount

    def _fields(self) -> tuple[object, ...]:
        return (
            self.sequence,
            self.transfer_id,
            self.portfolio_id,
            self.amount,
        )


@mypyc_attr(acyclic=True)
class WithdrawalEnded(Event):
    """A reserved withdrawal was completed (the cash left) or abandoned (it is free again)."""

    KIND: ClassVar[int] = 29

    def __init__(
        self, sequence: int, transfer_id: int, portfolio_id: int, amount: int, is_completed: bool
    ) -> None:
        super().__init__(sequence)
        self.transfer_id: Final[int] = transfer_id
        self.portfolio_id: Final[int] = portfolio_id
        self.amount: Final[int] = amount
        self.is_completed: Final[bool] = is_completed

    def _fields(self) -> tuple[object, ...]:
        return (
            self.sequence,
            self.transfer_id,
            self.portfolio_id,
            self.amount,
            self.is_completed,
        )
