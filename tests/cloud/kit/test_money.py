"""Money is whole, and rounds in one place."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.kit.money import CurrencyMismatchError, Money, share_of

AMOUNTS = st.integers(-(10**12), 10**12)


@given(AMOUNTS, st.integers(0, 10**6), st.integers(1, 10**6))
def test_a_share_is_what_exact_fractions_round_to(amount: int, numerator: int, denominator: int):
    exact = Fraction(amount * numerator, denominator)
    assert share_of(amount, numerator=numerator, denominator=denominator) == round(exact)


def test_a_share_of_nothing_parts_is_refused():
    with pytest.raises(ValueError, match="positive"):
        share_of(1, numerator=1, denominator=0)


@given(AMOUNTS, AMOUNTS)
def test_what_is_added_can_be_taken_away(a: int, b: int):
    assert Money(a, "EUR") + Money(b, "EUR") - Money(b, "EUR") == Money(a, "EUR")


def test_two_currencies_do_not_add():
    with pytest.raises(CurrencyMismatchError):
        Money(1, "EUR") + Money(1, "USD")
