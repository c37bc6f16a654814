"""Ticks and decimal text: exact both ways, whatever text comes in."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from cloud.exchange.prices import (
    average_text,
    fixed_text,
    has_text,
    money_text,
    price_text,
    ratio_text,
    ticks_of,
    whole_ticks,
)
from trading.instruments import Instrument
from trading.orders import PRICE_TICKS_MAX

EQUITY = Instrument(
    1, "AAPL", 1_500_000, ((0, 1), (10_000, 100)), money_multiplier=1, money_divisor=100
)
CENTS = Instrument(2, "HOUR", 500)
HUNDREDS = Instrument(3, "NOTE", 500, money_multiplier=10_000)


def test_prices_are_written_with_two_places_or_as_many_as_needed():
    assert price_text(EQUITY, 1_502_500) == "150.25"
    assert price_text(EQUITY, 1_500_000) == "150.00"
    assert price_text(EQUITY, 1) == "0.0001"
    assert price_text(EQUITY, 9_990) == "0.999"
    assert price_text(CENTS, 1) == "0.01"
    assert price_text(HUNDREDS, 3) == "300.00"


def test_an_instrument_whose_prices_are_no_decimals_has_no_text():
    assert has_text(EQUITY)
    assert not has_text(Instrument(4, "THIRD", 5, money_divisor=3))


def test_only_prices_on_a_tick_become_ticks():
    assert ticks_of(EQUITY, Decimal("150.25")) == 1_502_500
    assert ticks_of(EQUITY, Decimal("150.255")) is None
    assert ticks_of(EQUITY, Decimal("0.0001")) == 1
    assert ticks_of(EQUITY, Decimal("0.00001")) is None
    assert ticks_of(EQUITY, Decimal("1.5e2")) == 1_500_000
    assert ticks_of(HUNDREDS, Decimal(300)) == 3
    assert ticks_of(HUNDREDS, Decimal(350)) is None


def test_what_is_no_price_is_no_price():
    for text in ("0", "-1", "NaN", "sNaN", "Infinity", "-Infinity", "1e999999", "1e-999999"):
        assert ticks_of(EQUITY, Decimal(text)) is None, text
    # One part in 10**40 off: a context that rounds would take it for 150.25.
    assert ticks_of(EQUITY, Decimal("150.25" + "0" * 37 + "1")) is None
    assert ticks_of(EQUITY, Decimal("150.25" + "0" * 38)) == 1_502_500


@given(st.integers(0, PRICE_TICKS_MAX), st.sampled_from([EQUITY, CENTS, HUNDREDS]))
def test_text_and_back_is_the_same_price(ticks, instrument):
    assert whole_ticks(instrument, Decimal(price_text(instrument, ticks))) == ticks


@given(st.decimals(allow_nan=True, allow_infinity=True))
def test_ticks_are_exact_or_none(price):
    ticks = whole_ticks(EQUITY, price)
    if ticks is not None:
        assert Fraction(price) == Fraction(ticks, 10_000)


def test_averages_are_rounded_half_up():
    assert average_text(EQUITY, 1_500_000 + 1_500_100, 2) == "150.005"
    assert average_text(EQUITY, 2 * 1_500_000 + 1_500_100, 3) == "150.00333333"
    assert average_text(CENTS, 2, 3) == "0.006667"


def test_money_and_ratios():
    assert money_text(12_345) == "123.45"
    assert money_text(-5) == "-0.05"
    assert money_text(0) == "0.00"
    assert ratio_text(1, 3) == "0.33333333"
    assert ratio_text(-1, 8) == "-0.125"
    assert ratio_text(1, 0) == "0.00"
    assert fixed_text(-150, 2) == "-1.50"
