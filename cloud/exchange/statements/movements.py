"""Everything that can change the books of a portfolio, one value each, in the venue's order."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Trade:
    """The portfolio's side of one trade. fee: negative for a rebate."""

    sequence: int
    at: datetime
    trade_id: int
    order_id: int
    instrument_id: int
    is_buy: bool
    price_ticks: int
    units: int
    notional: int
    fee: int

    @property
    def cash(self) -> int:
        """What it did to the cash."""
        return (-self.notional if self.is_buy else self.notional) - self.fee


@dataclass(frozen=True, slots=True)
class CashMove:
    """Cash that came (positive) or went without a trade; `cause` is a `MoveCause`."""

    sequence: int
    at: datetime
    cash: int
    cause: int
    transfer_id: int


@dataclass(frozen=True, slots=True)
class UnitsMove:
    """Units that came (positive) or went without a trade, with what they cost."""

    sequence: int
    at: datetime
    instrument_id: int
    units: int
    cost: int
    cause: int
    transfer_id: int


@dataclass(frozen=True, slots=True)
class Split:
    """Old units exchanged for new ones.

    paid: the cash of the fraction, also a `CashMove` of its own; negative for a short position.
    """

    sequence: int
    at: datetime
    instrument_id: int
    numerator: int
    denominator: int
    paid: int


AnyMovement = Trade | CashMove | UnitsMove | Split
