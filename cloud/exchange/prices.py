"""Between what people read (dollars, as decimal text) and what the engine counts (whole ticks).

A price of n ticks is n * money_multiplier / (money_divisor * 100) in whole currency, exactly: an
instrument whose unit is no finite decimal cannot be shown and so is not listed (`has_text`).
"""

from decimal import Context, Decimal, DecimalException, Inexact, InvalidOperation, Overflow
from functools import lru_cache
from typing import Final

from trading.instruments import Instrument

MINOR_PER_MAJOR: Final = 100
PLACES_MIN: Final = 2
PLACES_MAX: Final = 12
# Averages have no exact decimal in general; so many more places than the price itself.
AVERAGE_PLACES: Final = 4

# Exact or not at all: whatever would be rounded raises. The exponents bound what `int` unfolds.
_EXACT: Final = Context(prec=60, Emin=-60, Emax=60, traps=[Inexact, InvalidOperation, Overflow])


@lru_cache(maxsize=4_096)
def _scale(multiplier: int, divisor: int) -> tuple[int, int] | None:
    """(factor, places): n ticks are n * factor / 10**places; None where that is never whole."""
    whole = divisor * MINOR_PER_MAJOR
    for places in range(PLACES_MIN, PLACES_MAX + 1):
        if multiplier * 10**places % whole == 0:
            return multiplier * 10**places // whole, places
    return None


def has_text(instrument: Instrument) -> bool:
    """Whether every price of the instrument is a finite decimal of at most twelve places."""
    return _scale(instrument.money_multiplier, instrument.money_divisor) is not None


def _scale_of(instrument: Instrument) -> tuple[int, int]:
    found = _scale(instrument.money_multiplier, instrument.money_divisor)
    assert found is not None, f"{instrument.symbol} was listed although its prices have no text"
    return found


def price_text(instrument: Instrument, ticks: int) -> str:
    """The price as people write it: "150.25", "0.0001"; two decimal places or as many as needed."""
    factor, places = _scale_of(instrument)
    return fixed_text(ticks * factor, places)


def average_text(instrument: Instrument, ticks_times_units: int, units: int) -> str:
    """The average price of so many units, rounded half up at four places more than a price has.

    ticks_times_units: the sum of price_ticks * quantity_units over the fills.
    """
    factor, places = _scale_of(instrument)
    scaled = ticks_times_units * factor * 10**AVERAGE_PLACES
    return fixed_text((2 * scaled + units) // (2 * units), places + AVERAGE_PLACES)


def money_text(minor: int) -> str:
    """An amount in whole currency with two decimal places: 12345 gives "123.45"."""
    return fixed_text(minor, PLACES_MIN)


def ratio_text(numerator: int, denominator: int, places: int = 8) -> str:
    """A quotient rounded half up, as text; "0.00" where there is nothing to divide by."""
    if denominator == 0:
        return "0.00"
    sign = -1 if (numerator < 0) != (denominator < 0) else 1
    numerator, denominator = abs(numerator), abs(denominator)
    scaled = (2 * numerator * 10**places + denominator) // (2 * denominator)
    return fixed_text(sign * scaled, places)


def fixed_text(scaled: int, places: int) -> str:
    """scaled / 10**places with trailing zeros cut down to two decimal places.

    places: at least two.
    """
    digits = str(abs(scaled)).rjust(places + 1, "0")
    whole, fraction = digits[:-places], digits[-places:]
    cut = fraction.rstrip("0").ljust(PLACES_MIN, "0")
    return f"{'-' if scaled < 0 else ''}{whole}.{cut}"


@lru_cache(maxsize=4_096)
def _ticks_factor(multiplier: int, divisor: int) -> tuple[Decimal, int]:
    return Decimal(divisor * MINOR_PER_MAJOR), multiplier


def whole_ticks(instrument: Instrument, price: Decimal) -> int | None:
    """The price in ticks; None if it is no whole number of them, or absurd.

    Any finite or infinite Decimal may be handed in; the sign is kept and the tick table not asked.
    """
    factor, multiplier = _ticks_factor(instrument.money_multiplier, instrument.money_divisor)
    try:
        scaled = _EXACT.multiply(price, factor)
        count = int(scaled)
    except (DecimalException, ValueError, OverflowError):
        return None
    if scaled != count or count % multiplier != 0:
        return None
    return count // multiplier


def ticks_of(instrument: Instrument, price: Decimal) -> int | None:
    """The price in ticks if orders may have it; None: off tick, or not positive."""
    ticks = whole_ticks(instrument, price)
    if ticks is None or ticks <= 0 or not instrument.is_on_tick(ticks):
        return None
    return ticks


def increment_text(instrument: Instrument, ticks: int) -> str:
    """The smallest step of prices at this level."""
    return price_text(instrument, instrument.tick_at(ticks))
