"""From the API's words and decimals to the engine's numbers, and back; pure."""

from decimal import Decimal
from fractions import Fraction
from typing import Final

from cloud.exchange.prices import price_text, whole_ticks
from cloud.exchange.tables import InstrumentRow
from cloud.exchange.venue.errors import DividendAmountError, PriceTextError
from cloud.exchange.venue.schemas import Listing
from trading.instruments import Instrument, Phase
from trading.orders import MONEY_MAX, PRICE_TICKS_MAX

# One tick is 1/100 cent; from one dollar on, prices are whole cents (the sub-penny rule of
# Regulation NMS, rule 612, which Alpaca checks too). Money is in cents.
TICK_TABLE: Final = ((0, 1), (10_000, 100))
MONEY_MULTIPLIER: Final = 1
MONEY_DIVISOR: Final = 100

PHASE_WORDS: Final = {int(phase): phase.name.lower() for phase in Phase}
PHASES: Final = {word: number for number, word in PHASE_WORDS.items()}
_AMOUNT_PLACES_MAX: Final = 10


def instrument_from(symbol: str, instrument_id: int, listing: Listing) -> Instrument:
    """The equity that is to be listed.

    Raises:
        PriceTextError: the reference price is not a price of an equity.
    """
    unit = Instrument(
        instrument_id,
        symbol,
        1,
        TICK_TABLE,
        money_multiplier=MONEY_MULTIPLIER,
        money_divisor=MONEY_DIVISOR,
    )
    return Instrument(
        instrument_id,
        symbol,
        price_ticks(unit, listing.reference_price),
        TICK_TABLE,
        listing.lot_units,
        MONEY_MULTIPLIER,
        MONEY_DIVISOR,
        listing.maker_fee_rate,
        listing.taker_fee_rate,
        listing.settle_days,
        listing.protection_bps,
        listing.band_bps,
        listing.volatility_bps,
        listing.is_shortable,
    )


def price_ticks(instrument: Instrument, price: Decimal) -> int:
    """A price in whole ticks; it need not be one that orders may have.

    Raises:
        PriceTextError: not positive, too large, or finer than a tick.
    """
    ticks = whole_ticks(instrument, price)
    if ticks is None or not 0 < ticks <= PRICE_TICKS_MAX:
        raise PriceTextError(
            f"{str(price)[:40]} is not a price: it must be above 0, at most "
            f"{price_text(instrument, PRICE_TICKS_MAX)}, and a multiple of "
            f"{price_text(instrument, 1)}."
        )
    return ticks


def instrument_of_row(row: InstrumentRow) -> Instrument:
    """The engine's instrument, as the table has it."""
    return Instrument(
        row.id,
        row.symbol,
        row.reference_ticks,
        tuple((entry[0], entry[1]) for entry in row.tick_table),
        row.lot_units,
        row.money_multiplier,
        row.money_divisor,
        row.maker_fee_rate,
        row.taker_fee_rate,
        row.settle_days,
        row.protection_bps,
        row.band_bps,
        row.volatility_bps,
        row.is_shortable,
    )


def dividend_ratio(amount: Decimal) -> tuple[int, int]:
    """Minor units for one unit held, as numerator and denominator.

    Raises:
        DividendAmountError: it is not positive, or not of at most ten places.
    """
    exponent = amount.as_tuple().exponent
    is_plain = isinstance(exponent, int) and -_AMOUNT_PLACES_MAX <= exponent <= 0
    if not is_plain or not 0 < amount <= MONEY_MAX:
        raise DividendAmountError(
            f"{str(amount)[:40]} is not a dividend: write a positive amount for one unit, such as "
            "0.24, with at most ten decimal places."
        )
    minor = Fraction(amount) * 100
    if minor.numerator > MONEY_MAX:
        raise DividendAmountError(f"{str(amount)[:40]} for each unit is more than can be paid.")
    return minor.numerator, minor.denominator
