"""Quick where numbers are small, and the same as plain arithmetic wherever they lie."""

import hypothesis.strategies as st
from hypothesis import example, given

from trading.exact import scaled_down, scaled_up

EDGES = [0, 1, 2**18 - 1, 2**18, 2**31 - 1, 2**31, 2**44 - 1, 2**44, 2**63 - 1, 2**63, 10**40]
amounts = st.sampled_from(EDGES) | st.integers(0, 2**90)


@given(amounts, amounts, amounts.map(lambda number: number + 1))
@example(2**44 - 1, 2**18 - 1, 2**44 - 1)
@example(2**31 - 1, 2**31 - 1, 2**44 - 1)
def test_both_roundings_are_those_of_exact_fractions(amount, numerator, denominator):
    product = amount * numerator
    assert scaled_down(amount, numerator, denominator) == product // denominator
    assert scaled_up(amount, numerator, denominator) == -(-product // denominator)


@given(st.integers(-(2**70), -1), amounts)
def test_negative_amounts_are_rounded_the_same_way(amount, numerator):
    assert scaled_down(amount, numerator, 7) == amount * numerator // 7
    assert scaled_up(amount, numerator, 7) == -(-amount * numerator // 7)
