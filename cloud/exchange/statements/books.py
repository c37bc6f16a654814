"""The books of one portfolio, kept a second time: from its recorded movements alone.

The engine keeps cash, positions, lots and realised profit as it trades. A statement does not
believe it: it replays every recorded movement since the portfolio was opened and must arrive where
the engine did, to the cent and to the unit, by average cost and first in, first out.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from cloud.exchange.statements.movements import AnyMovement, CashMove, Split, Trade, UnitsMove
from trading.instruments import Instrument
from trading.live import Market
from trading.portfolio import Position


@dataclass(frozen=True, slots=True)
class Lot:
    """Units opened together; negative units and what they brought in, of a short position."""

    units: int
    cost: int


@dataclass(frozen=True, slots=True)
class Holding:
    """One position as the books have it; `trading.events.PositionChanged` has the words."""

    instrument_id: int
    units: int
    cost: int
    realised: int
    realised_fifo: int
    lots: tuple[Lot, ...] = ()


@dataclass(frozen=True, slots=True)
class Balance:
    """The books at one moment; holdings by instrument, also those that are empty by now."""

    cash: int
    fees: int
    realised: int
    holdings: tuple[Holding, ...]


class Books:
    """Apply movements in order; `instrument` knows those that are named."""

    def __init__(self, instrument: Callable[[int], Instrument]) -> None:
        self._instrument = instrument
        self._positions: dict[int, Position] = {}
        self.cash = 0
        self.fees = 0

    def apply(self, movement: AnyMovement) -> None:
        """Book one movement."""
        match movement:
            case Trade():
                self.cash += movement.cash
                self.fees += movement.fee
                self._trade(movement)
            case CashMove():
                self.cash += movement.cash
            case UnitsMove():
                self._move(movement)
            case Split():
                self._split(movement)

    def apply_all(self, movements: Iterable[AnyMovement]) -> None:
        """Book them one after the other."""
        for movement in movements:
            self.apply(movement)

    def balance(self) -> Balance:
        """What the books say now."""
        holdings = tuple(
            Holding(
                instrument_id,
                position.units,
                position.cost,
                position.realised,
                position.realised_fifo,
                tuple(Lot(units, cost) for units, cost in position.lots()),
            )
            for instrument_id, position in sorted(self._positions.items())
        )
        return Balance(self.cash, self.fees, sum(h.realised for h in holdings), holdings)

    def _position(self, instrument_id: int) -> Position:
        position = self._positions.get(instrument_id)
        if position is None:
            position = Position(Market(self._instrument(instrument_id)))
            self._positions[instrument_id] = position
        return position

    def _trade(self, trade: Trade) -> None:
        """Against the position it closes, along with the position it opens: never through zero."""
        position = self._position(trade.instrument_id)
        signed = trade.units if trade.is_buy else -trade.units
        if position.units * signed < 0:
            position.close_units(trade.units, trade.notional)
        else:
            position.open_units(signed, trade.notional)

    def _move(self, move: UnitsMove) -> None:
        position = self._position(move.instrument_id)
        if move.units > 0:
            position.open_units(move.units, move.cost)
            return
        position.take_lots(-move.units)
        position.units += move.units
        position.cost += move.cost

    def _split(self, split: Split) -> None:
        position = self._position(split.instrument_id)
        position.split_units(split.numerator, split.denominator, split.paid)
