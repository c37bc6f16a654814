"""What can be traded: prices, lots, fees and protections of one instrument, and its phases."""

from collections.abc import Sequence
from enum import IntEnum
from itertools import pairwise
from typing import Any, Final

from trading.bounds import FEE_RATE_MAX, FIGURE_MAX, ORDER_UNITS_MAX, ORDER_WORTH_MAX
from trading.exact import scaled_down, scaled_up
from trading.orders import MONEY_MAX, PRICE_TICKS_MAX, QUANTITY_UNITS_MAX


class Phase(IntEnum):
    """What an instrument's market does now.

    CLOSED and the three calls collect orders without matching them; leaving them for CONTINUOUS (or
    the closing call for CLOSED) holds an auction. HALTED takes cancels only.
    """

    CLOSED = 1
    OPENING_CALL = 2
    CONTINUOUS = 3
    VOLATILITY_CALL = 4
    CLOSING_CALL = 5
    HALTED = 6


CLOSED: Final = 1
OPENING_CALL: Final = 2
CONTINUOUS: Final = 3
VOLATILITY_CALL: Final = 4
CLOSING_CALL: Final = 5
HALTED: Final = 6

PHASE_CHANGES: Final[dict[int, tuple[int, ...]]] = {
    CLOSED: (OPENING_CALL, CONTINUOUS, HALTED),
    OPENING_CALL: (CONTINUOUS, CLOSED, HALTED),
    CONTINUOUS: (VOLATILITY_CALL, CLOSING_CALL, CLOSED, HALTED),
    VOLATILITY_CALL: (CONTINUOUS, CLOSING_CALL, HALTED),
    CLOSING_CALL: (CLOSED, HALTED),
    HALTED: (VOLATILITY_CALL, CLOSING_CALL, CLOSED),
}

FEE_SCALE: Final = 1_000_000
BPS: Final = 10_000
_TICK_TABLE_MAX: Final = 100


class Instrument:
    """One traded thing; a price of n ticks is n times its smallest price unit.

    tick_table: `(from_price_ticks, multiple)` ascending, the first from 0: a price at or above
        `from_price_ticks` must be a multiple of `multiple`.
    money_multiplier, money_divisor: money (minor units) of one unit is
        price_ticks * money_multiplier / money_divisor; equities quoted in cents have 1 / 1.
    maker_fee_rate, taker_fee_rate: 1/100 of a basis point (1,000,000 is the whole notional);
        a negative maker rate is a rebate, never larger than the taker's fee. At most a tenth.
    reference_ticks: the price that protections are measured from until there was a trade.
    protection_bps: how far from the reference a market order may trade.
    band_bps: limit up / limit down around the reference at each open; 0: none.
    volatility_bps: a trade this far from the last one calls an auction instead; 0: never.
    settle_days: 0 or 1.
    quantity_max: the units one order may have; follows from the worth of a unit, see `bounds`.
    """

    def __init__(
        self,
        instrument_id: int,
        symbol: str,
        reference_ticks: int,
        tick_table: tuple[tuple[int, int], ...] = ((0, 1),),
        lot_units: int = 1,
        money_multiplier: int = 1,
        money_divisor: int = 1,
        maker_fee_rate: int = 0,
        taker_fee_rate: int = 0,
        settle_days: int = 0,
        protection_bps: int = 1_000,
        band_bps: int = 0,
        volatility_bps: int = 0,
        is_shortable: bool = False,
    ) -> None:
        self.instrument_id: Final[int] = instrument_id
        self.symbol: Final[str] = symbol
        self.reference_ticks: Final[int] = reference_ticks
        self.tick_table: Final[tuple[tuple[int, int], ...]] = tick_table
        self.lot_units: Final[int] = lot_units
        self.money_multiplier: Final[int] = money_multiplier
        self.money_divisor: Final[int] = money_divisor
        self.maker_fee_rate: Final[int] = maker_fee_rate
        self.taker_fee_rate: Final[int] = taker_fee_rate
        self.worst_fee_rate: Final[int] = max(maker_fee_rate, taker_fee_rate)
        self.settle_days: Final[int] = settle_days
        self.protection_bps: Final[int] = protection_bps
        self.band_bps: Final[int] = band_bps
        self.volatility_bps: Final[int] = volatility_bps
        self.is_shortable: Final[bool] = is_shortable
        self.quantity_max: Final[int] = _quantity_max(money_multiplier, money_divisor)

    def as_tuple(self) -> tuple[object, ...]:
        """The constructor's arguments in order."""
        return (
            self.instrument_id,
            self.symbol,
            self.reference_ticks,
            self.tick_table,
            self.lot_units,
            self.money_multiplier,
            self.money_divisor,
            self.maker_fee_rate,
            self.taker_fee_rate,
            self.settle_days,
            self.protection_bps,
            self.band_bps,
            self.volatility_bps,
            self.is_shortable,
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Instrument) and self.as_tuple() == other.as_tuple()

    def __hash__(self) -> int:
        return hash(self.as_tuple())

    def __repr__(self) -> str:
        return f"Instrument{self.as_tuple()!r}"

    def is_valid(self) -> bool:
        """Whether every figure is one the engine can work with."""
        froms = [entry[0] for entry in self.tick_table]
        return (
            0 < self.instrument_id <= FIGURE_MAX
            and 0 < self.reference_ticks <= PRICE_TICKS_MAX
            and bool(froms)
            and froms[0] == 0
            and froms[-1] <= PRICE_TICKS_MAX
            and len(froms) <= _TICK_TABLE_MAX
            and all(low < high for low, high in pairwise(froms))
            and all(0 < entry[1] <= PRICE_TICKS_MAX for entry in self.tick_table)
            and 0 < self.lot_units <= QUANTITY_UNITS_MAX
            and 0 < self.money_multiplier <= MONEY_MAX
            and 0 < self.money_divisor <= MONEY_MAX
            # One unit at the highest price is an amount.
            and PRICE_TICKS_MAX * self.money_multiplier <= MONEY_MAX * self.money_divisor
            and 0 <= self.taker_fee_rate <= FEE_RATE_MAX
            and -self.taker_fee_rate <= self.maker_fee_rate <= FEE_RATE_MAX
            and self.settle_days in (0, 1)
            and 0 < self.protection_bps < BPS
            and 0 <= self.band_bps < BPS
            and 0 <= self.volatility_bps < BPS
        )

    def tick_at(self, price_ticks: int) -> int:
        """The multiple that prices at this level must be of."""
        multiple = self.tick_table[0][1]
        for start, step in self.tick_table:
            if price_ticks < start:
                break
            multiple = step
        return multiple

    def is_on_tick(self, price_ticks: int) -> bool:
        """Whether orders may have this price."""
        return price_ticks % self.tick_at(price_ticks) == 0

    def ticks_of(self, numerator: int, denominator: int) -> int:
        """The price of `numerator / denominator` minor units; 0 where orders cannot have it."""
        money, tick = numerator * self.money_divisor, denominator * self.money_multiplier
        ticks = money // tick
        return ticks if ticks * tick == money and self.is_on_tick(ticks) else 0

    def round_down(self, price_ticks: int) -> int:
        """The highest allowed price at or below this one; 0 where there is none."""
        for start, step in reversed(self.tick_table):
            rounded = price_ticks - price_ticks % step
            if price_ticks >= start and rounded >= start:
                return rounded
            price_ticks = min(price_ticks, start - 1)
        return 0

    def round_up(self, price_ticks: int) -> int:
        """The lowest allowed price at or above this one."""
        step = self.tick_at(price_ticks)
        rounded = -(-price_ticks // step) * step
        if self.tick_at(rounded) == step:
            return rounded
        # Past the end of this part of the table, whose next part starts in between.
        for start, _ in self.tick_table:
            if start > price_ticks:
                above = self.tick_at(start)
                return -(-start // above) * above
        return rounded


def _quantity_max(money_multiplier: int, money_divisor: int) -> int:
    if money_multiplier <= 0:
        return 0
    units = ORDER_WORTH_MAX * money_divisor // (PRICE_TICKS_MAX * money_multiplier)
    return min(units, ORDER_UNITS_MAX)


def instrument_of(values: object) -> Instrument:
    """The instrument that `as_tuple` made these of; lists stand for tuples."""
    fields = list(_items(values))
    fields[3] = tuple([tuple(_items(entry)) for entry in _items(fields[3])])
    return Instrument(*fields)


def _items(value: object) -> Sequence[Any]:
    assert isinstance(value, (tuple, list)), "no plain tuple"
    return value


def notional_floor(instrument: Instrument, price_ticks: int, quantity_units: int) -> int:
    """The money that changes hands, in minor units: the one place where it is rounded (down)."""
    if instrument.money_multiplier == 1:
        return scaled_down(price_ticks, quantity_units, instrument.money_divisor)
    return price_ticks * quantity_units * instrument.money_multiplier // instrument.money_divisor


def notional_ceil(instrument: Instrument, price_ticks: int, quantity_units: int) -> int:
    """What a buy may cost at most at this price.

    floor(a) + ceil(b) <= ceil(a + b), so what partial fills take and what stays reserved for the
    rest never add up to more than was reserved at first.
    """
    if instrument.money_multiplier == 1:
        return scaled_up(price_ticks, quantity_units, instrument.money_divisor)
    product = price_ticks * quantity_units * instrument.money_multiplier
    return -(-product // instrument.money_divisor)
