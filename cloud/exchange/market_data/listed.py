"""An instrument as market data shows it: its symbol, and its prices as numbers."""

from datetime import UTC, datetime
from fractions import Fraction
from typing import Final

from trading.bars import NS
from trading.instruments import Instrument

CENTS: Final = 100


class Listed:
    """One instrument with what turns its numbers into what clients read.

    Prices are floats only here, on the way out: the double nearest to the exact price, whose
    shortest text is that price again (they have at most 15 digits).
    units_per_size: how many of the engine's units make up a size of one.
    """

    def __init__(self, instrument: Instrument, units_per_size: int = 1) -> None:
        self.instrument = instrument
        self._units_per_size = units_per_size
        self.id = instrument.instrument_id
        self.symbol = instrument.symbol
        self._numerator = instrument.money_multiplier
        self._denominator = instrument.money_divisor * CENTS

    def price(self, ticks: int) -> float:
        """The price as a number."""
        return ticks * self._numerator / self._denominator

    def exact_price(self, ticks: int) -> Fraction:
        """The price as it is."""
        return Fraction(ticks * self._numerator, self._denominator)

    def size(self, units: int) -> int | float:
        """The size as a number; a whole one wherever units are sizes."""
        return units if self._units_per_size == 1 else units / self._units_per_size

    def mean_price(self, value: int, units: int) -> float:
        """Of a sum of price times units, the mean price, to nine places."""
        return round(value * self._numerator / (self._denominator * max(units, 1)), 9)


def rfc3339(at_ns: int) -> str:
    """An instant with its nanoseconds: 2026-03-02T14:30:00.000000001Z."""
    seconds, rest = divmod(at_ns, NS)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    return f"{text}{fraction}Z"
