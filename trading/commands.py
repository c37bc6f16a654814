"""Wishes, imperative, each with the number and the time the sequencer gave it.

`sequence` rises by one with every command of a venue; `at_ns` (since the Unix epoch) never falls.
They are all the engine knows of time and order. Identifiers are positive integers that whoever
sends commands has assigned; order, group and trade ids are the engine's. Integers may be of any
size: out of range is a refusal.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final

from mypy_extensions import mypyc_attr

from trading.command_base import Command
from trading.instruments import Instrument, instrument_of
from trading.terms import Limits, NewOrder


@mypyc_attr(acyclic=True)
class ListInstrument(Command):
    """Let an instrument be traded (it starts CLOSED), or change it while it is CLOSED."""

    KIND: ClassVar[int] = 1

    def __init__(self, sequence: int, at_ns: int, instrument: Instrument) -> None:
        super().__init__(sequence, at_ns)
        self.instrument: Final[Instrument] = instrument

    def _fields(self) -> tuple[object, ...]:
        return (
            self.sequence,
            self.at_ns,
            self.instrument.as_tuple(),
        )


@mypyc_attr(acyclic=True)
class OpenPortfolio(Command):
    """Open a portfolio; self-trades and the kill switch go by account, which may have several."""

    KIND: ClassVar[int] = 2

    def __init__(self, sequence: int, at_ns: int, portfolio_id: int, account_id: int) -> None:
        super().__init__(sequence, at_ns)
        self.portfolio_id: Final[int] = portfolio_id
        self.account_id: Final[int] = account_id

    def _fields(self) -> tuple[object, ...]:
        return (
            self.sequence,
            self.at_ns,
            self.portfolio_id,
            self.account_id,
        )


@mypyc_attr(acyclic=True)
class SetLimits(Command):
    """Set the risk limits of a portfolio; 0: the default of all without their own."""

    KIND: ClassVar[int] = 3

    def __init__(self, sequence: int, at_ns: int, portfolio_id: int, limits: Limits) -> None:
        super().__init__(sequence, at_ns)
        self.portfolio_id: Final[int] = portfolio_id
        self.limits: Final[Limits] = limits

    def _fields(self) -> tuple[object, ...]:
        return (
            self.sequence,
            self.at_ns,
            self.portfolio_id,
            self.limits.as_tuple(),
        )


@mypyc_attr(acyclic=True)
class Deposit(Command):
    """Bring in settled cash; `transfer_id` comes back in the event."""

    KIND: ClassVar[int] = 4

    def __init__(
        self, sequence: int, at_ns: int, portfolio_id: int, amount: int, transfer_id: int = 0
    ) -> None:
        super().__init__(sequence, at_ns)
        self.portfolio_id: Final[int] = portfolio_id
        self.amount: Final[int] = amount
        self.transfer_id: Final[int] = transfer_id

    def _fields(self) -> tuple[object, ...]:
        return (
            self.sequence,
            self.at_ns,
            self.portfolio_id,
            self.amount,
            self.transfer_id,
        )


@mypyc_attr(acyclic=True)
class ReserveWithdrawal(Command):
    """First phase: hold settled, free cash under this transfer's id."""

    KIND: ClassVar[int] = 5

    def __init__(
        self, sequence: int, at_ns: int, portfolio_id: int, amount: int, transfer_id: int
    ) -> None:
        super().__init__(sequence, at_ns)
        self.portfolio_id: Final[int] = portfolio_id
        self.amount: Final[int] = amount
        self.transfer_id: Final[int] = transfer_id

    def _fields(self) -> tuple[object, ...]:
        return (
            self.sequence,
            self.at_ns,
            self.portfolio_id,
            self.amount,
            self.transfer_id,
        )


@mypyc_attr(acyclic=True)
class EndWithdrawal(Command):
    """Second phase: complete (the cash leaves) or abandon (it is free again)."""

    KIND: ClassVar[int] = 6

    def __init__(self, sequence: int, at_ns: int, transfer_id: int, is_completed: bool) -> None:
        super().__init__(sequence, at_ns)
        self.transfer_id: Final[int] = transfer_id
        self.is_completed: Final[bool] = is_completed

    def _fields(self) -> tuple[object, ...]:
        return (
            self.sequence,
            self.at_ns,
            self.transfer_id,
            self.is_completed,
        )


@mypyc_attr(acyclic=True)
class TransferCash(Command):
    """Move settled, free cash from one portfolio to another."""

    KIND: ClassVar[int] = 7

    def __init__(
        self,
        sequence: int,
        at_ns: int,
        from_portfolio_id: int,
        to_portfolio_id: int,
        amount: int,
        transfer_id: int = 0,
    ) -> None:
        super().__init__(sequence, at_ns)
        self.from_portfolio_id: Final[int] = from_portfolio_id
        self.to_portfolio_id: Final[int] = to_portfolio_id
        self.amount: Final[int] = amount
        self.transfer_id: Final[int] = transfer_id

    def _fields(self) -> tuple[object, ...]:
        return (
            self.sequence,
            self.at_ns,
            self.from_portfolio_id,
            self.to_portfolio_id,
            self.amount,
            self.transfer_id,
        )


@mypyc_attr(acyclic=True)
class DepositUnits(Command):
    """Bring in settled units that cost this much."""

    KIND: ClassVar[int] = 8

    def __init__(
        self,
        sequence: int,
        at_ns: int,
        portfolio_id: int,
        instrument_id: int,
        units: int,
        cost: int,
        transfer_id: int = 0,
    ) -> None:
        super().__init__(sequence, at_ns)
        self.portfolio_id: Final[int] = portfolio_id
        self.instrument_id: Final[int] = instrument_id
        self.units: Final[int] = units
        self.cost: Final[int] = cost
        self.transfer_id: Final[int] = transfer_id

    def _fields(self) -> tuple[object, ...]:
        return (
            self.sequence,
            self.at_ns,
            self.portfolio_id,
            self.instrument_id,
            self.units,
            self.cost,
            self.transfer_id,
        )


@mypyc_attr(acyclic=True)
class TransferUnits(Command):
    """Move settled, free units (oldest first) with their cost; to portfolio 0: out of the venue."""

    KIND: ClassVar[int] = 9

    def __init__(
        self,
        sequence: int,
        at_ns: int,
        from_portfolio_id: int,
        to_portfolio_id: int,
        instrument_id: int,
        units: int,
        transfer_id: int = 0,
    ) -> None:
        super().__init__(sequence, at_ns)
        self.from_portfolio_id: Final[int] = from_portfolio_id
        self.to_portfolio_id: Final[int] = to_portfolio_id
        self.instrument_id: Final[int] = instrument_id
        self.units: Final[int] = units
        self.transfer_id: Final[int] = transfer_id

    def _fields(self) -> tuple[object, ...]:
        return (
            self.sequence,
            self.at_ns,
            self.from_portfolio_id,
            self.to_portfolio_id,
            self.instrument_id,
            self.units,
            self.transfer_id,
        )


@mypyc_attr(acyclic=True)
class PlaceOrder(Command):
    """Place one order."""

    KIND: ClassVar[int] = 10

    def __init__(self, sequence: int, at_ns: int, order: NewOrder) -> None:
        super().__init__(sequence, at_ns)
        self.order: Final[NewOrder] = order

    def _fields(self) -> tuple[object, ...]:
        return (
            self.sequence,
            self.at_ns,
            self.order.as_tuple(),
        )


@mypyc_attr(acyclic=True)
class PlaceGroup(Command):
    """Place orders that depend on each other; all are accepted or none.

    OCO: two exits or entries of one side and quantity, a LIMIT and a stop. OTO: a parent, then one
    child that is let go with what the parent filled. BRACKET: a parent, then a LIMIT (take profit)
    and a stop (stop loss) on the other side that become an OCO with what the parent filled.
    """

    KIND: ClassVar[int] = 11

    def __init__(self, sequence: int, at_ns: int, kind: int, orders: tuple[NewOrder, ...]) -> None:
        super().__init__(sequence, at_ns)
        self.kind: Final[int] = kind
        self.orders: Final[tuple[NewOrder, ...]] = orders

    def _fields(self) -> tuple[object, ...]:
        return (
            self.sequence,
            self.at_ns,
            self.kind,
            tuple([order.as_tuple() for order in self.orders]),
        )


@mypyc_attr(acyclic=True)
class ReplaceOrder(Command):
    """Change an order in place; 0 leaves a field as it is.

    quantity_units is the whole order with what was filled already, so a fill on the way cannot
    enlarge it. Less quantity alone keeps the place in the queue, and so does another time in force,
    which is DAY, GTC, or GTD with expires_at_ns; expires_at_ns goes with it and never alone.
    Journals have this command without these two, its last: new fields go behind them.
    """

    KIND: ClassVar[int] = 12

    def __init__(
        self,
        sequence: int,
        at_ns: int,
        order_id: int,
        portfolio_id: int,
        quantity_units: int = 0,
        price_ticks: int = 0,
        stop_ticks: int = 0,
        trail_ticks: int = 0,
        trail_bps: int = 0,
        display_units: int = 0,
        time_in_force: int = 0,
        expires_at_ns: int = 0,
    ) -> None:
        super().__init__(sequence, at_ns)
        self.order_id: Final[int] = order_id
        self.portfolio_id: Final[int] = portfolio_id
        self.quantity_units: Final[int] = quantity_units
        self.price_ticks: Final[int] = price_ticks
        self.stop_ticks: Final[int] = stop_ticks
        self.trail_ticks: Final[int] = trail_ticks
        self.trail_bps: Final[int] = trail_bps
        self.display_units: Final[int] = display_units
        self.time_in_force: Final[int] = time_in_force
        self.expires_at_ns: Final[int] = expires_at_ns

    def _fields(self) -> tuple[object, ...]:
        return (
            self.sequence,
            self.at_ns,
            self.order_id,
            self.portfolio_id,
            self.quantity_units,
            self.price_ticks,
            self.stop_ticks,
            self.trail_ticks,
            self.trail_bps,
            self.display_units,
            self.time_in_force,
            self.expires_at_ns,
        )


@mypyc_attr(acyclic=True)
class CancelOrder(Command):
    """Cancel one order; of an OCO, both. portfolio_id 0 is the venue itself."""

    KIND: ClassVar[int] = 13

    def __init__(self, sequence: int, at_ns: int, order_id: int, portfolio_id: int) -> None:
        super().__init__(sequence, at_ns)
        self.order_id: Final[int] = order_id
        self.portfolio_id: Final[int] = portfolio_id

    def _fields(self) -> tuple[object, ...]:
        return (
            self.sequence,
            self.at_ns,
            self.order_id,
            self.portfolio_id,
        )


@mypyc_attr(acyclic=True)
class MassCancel(Command):
    """Cancel all orders that match every id given; 0 matches all."""

    KIND: ClassVar[int] = 14

    def __init__(
        self,
        sequence: int,
        at_ns: int,
        account_id: int = 0,
        portfolio_id: int = 0,
        instrument_id: int = 0,
    ) -> None:
        super().__init__(sequence, at_ns)
        self.account_id: Final[int] = account_id
        self.portfolio_id: Final[int] = portfolio_id
        self.instrument_id: Final[int] = instrument_id

    def _fields(self) -> tuple[object, ...]:
        return (
            self.sequence,
            self.at_ns,
            self.account_id,
            self.portfolio_id,
            self.instrument_id,
        )


@mypyc_attr(acyclic=True)
class SetKillSwitch(Command):
    """On: cancel every order of the account (0: the venue) and refuse new ones until it is off."""

    KIND: ClassVar[int] = 15

    def __init__(self, sequence: int, at_ns: int, account_id: int, is_on: bool) -> None:
        super().__init__(sequence, at_ns)
        self.account_id: Final[int] = account_id
        self.is_on: Final[bool] = is_on

    def _fields(self) -> tuple[object, ...]:
        return (
            self.sequence,
            self.at_ns,
            self.account_id,
            self.is_on,
        )


@mypyc_attr(acyclic=True)
class SetPhase(Command):
    """Move an instrument (0: all that can) to a phase; leaving a call holds its auction."""

    KIND: ClassVar[int] = 16

    def __init__(self, sequence: int, at_ns: int, instrument_id: int, phase: int) -> None:
        super().__init__(sequence, at_ns)
        self.instrument_id: Final[int] = instrument_id
        self.phase: Final[int] = phase

    def _fields(self) -> tuple[object, ...]:
        return (
            self.sequence,
            self.at_ns,
            self.instrument_id,
            self.phase,
        )


@mypyc_attr(acyclic=True)
class SetBands(Command):
    """Set limit down and limit up by hand until the next open; 0: no bound."""

    KIND: ClassVar[int] = 17

    def __init__(
        self, sequence: int, at_ns: int, instrument_id: int, lower_ticks: int, upper_ticks: int
    ) -> None:
        super().__init__(sequence, at_ns)
        self.instrument_id: Final[int] = instrument_id
        self.lower_ticks: Final[int] = lower_ticks
        self.upper_ticks: Final[int] = upper_ticks

    def _fields(self) -> tuple[object, ...]:
        return (
            self.sequence,
            self.at_ns,
            self.instrument_id,
            self.lower_ticks,
            self.upper_ticks,
        )


@mypyc_attr(acyclic=True)
class AdvanceTime(Command):
    """Let time pass: GTD orders whose time has come expire. Every other command does so too."""

    KIND: ClassVar[int] = 18

    def __init__(self, sequence: int, at_ns: int) -> None:
        super().__init__(sequence, at_ns)

    def _fields(self) -> tuple[object, ...]:
        return (
            self.sequence,
            self.at_ns,
        )


@mypyc_attr(acyclic=True)
class AdvanceDay(Command):
    """Begin a settlement day: settle what is due, start daily limits anew."""

    KIND: ClassVar[int] = 19

    def __init__(self, sequence: int, at_ns: int, day: int) -> None:
        super().__init__(sequence, at_ns)
        self.day: Final[int] = day

    def _fields(self) -> tuple[object, ...]:
        return (
            self.sequence,
            self.at_ns,
            self.day,
        )


@mypyc_attr(acyclic=True)
class SplitInstrument(Command):
    """Make `numerator` units of every `denominator`; its open orders are cancelled."""

    KIND: ClassVar[int] = 20

    def __init__(
        self, sequence: int, at_ns: int, instrument_id: int, numerator: int, denominator: int
    ) -> None:
        super().__init__(sequence, at_ns)
        self.instrument_id: Final[int] = instrument_id
        self.numerator: Final[int] = numerator
        self.denominator: Final[int] = denominator

    def _fields(self) -> tuple[object, ...]:
        return (
            self.sequence,
            self.at_ns,
            self.instrument_id,
            self.numerator,
            self.denominator,
        )


@mypyc_attr(acyclic=True)
class PayDividend(Command):
    """Pay amount_numerator / amount_denominator minor units for each unit held, rounded down."""

    KIND: ClassVar[int] = 21

    def __init__(
        self,
        sequence: int,
        at_ns: int,
        instrument_id: int,
        amount_numerator: int,
        amount_denominator: int = 1,
    ) -> None:
        super().__init__(sequence, at_ns)
        self.instrument_id: Final[int] = instrument_id
        self.amount_numerator: Final[int] = amount_numerator
        self.amount_denominator: Final[int] = amount_denominator

    def _fields(self) -> tuple[object, ...]:
        return (
            self.sequence,
            self.at_ns,
            self.instrument_id,
            self.amount_numerator,
            self.amount_denominator,
        )


KINDS: Final[dict[int, Callable[..., Command]]] = {
    1: ListInstrument,
    2: OpenPortfolio,
    3: SetLimits,
    4: Deposit,
    5: ReserveWithdrawal,
    6: EndWithdrawal,
    7: TransferCash,
    8: DepositUnits,
    9: TransferUnits,
    10: PlaceOrder,
    11: PlaceGroup,
    12: ReplaceOrder,
    13: CancelOrder,
    14: MassCancel,
    15: SetKillSwitch,
    16: SetPhase,
    17: SetBands,
    18: AdvanceTime,
    19: AdvanceDay,
    20: SplitInstrument,
    21: PayDividend,
}


def encode(command: Command) -> tuple[object, ...]:
    """The command as a plain tuple for the journal, its kind first; lossless."""
    return (command.KIND, *command.as_tuple())


def decode(row: tuple[object, ...]) -> Command:
    """The command that `encode` made this tuple of; lists stand for tuples.

    Fields that came to a command later are its last and have defaults, so that older tuples read.
    """
    kind = row[0]
    assert isinstance(kind, int)
    fields = list(row[1:])
    if kind == ListInstrument.KIND:
        fields[2] = instrument_of(fields[2])
    elif kind == SetLimits.KIND:
        fields[3] = Limits(*_items(fields[3]))
    elif kind == PlaceOrder.KIND:
        fields[2] = NewOrder(*_items(fields[2]))
    elif kind == PlaceGroup.KIND:
        fields[3] = tuple([NewOrder(*_items(order)) for order in _items(fields[3])])
    return KINDS[kind](*fields)


def _items(value: object) -> Sequence[Any]:
    assert isinstance(value, (tuple, list))
    return value
