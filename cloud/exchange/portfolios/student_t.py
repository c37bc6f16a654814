"""Quantiles of Student's t distribution, which the standard library does not have."""

import math
from typing import Final

_TERMS_MAX: Final = 300
_TINY: Final = 1e-300
_ENOUGH: Final = 1e-15


def quantile(probability: float, freedom: int) -> float:
    """The value that a t variable with this many degrees of freedom stays below so often.

    probability: above 0 and below 1. freedom: 1 or more. Good to about twelve digits.

    Raises:
        ValueError: outside of these ranges.
    """
    if not 0 < probability < 1 or freedom < 1:
        raise ValueError(f"There is no quantile {probability} of t with {freedom} degrees.")
    if probability < 0.5:
        return -quantile(1 - probability, freedom)
    low, high = 0.0, 1.0
    while cdf(high, freedom) < probability:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        if cdf(middle, freedom) < probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def cdf(value: float, freedom: int) -> float:
    """How often a t variable with this many degrees of freedom stays below the value."""
    tail = _incomplete_beta(freedom / (freedom + value * value), freedom / 2, 0.5) / 2
    return 1 - tail if value >= 0 else tail


def _incomplete_beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function.

    Source: W. Press et al., Numerical Recipes, 3rd edition, section 6.4 (Lentz's method).
    """
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(x, a, b) / a
    return 1 - front * _fraction(1 - x, b, a) / b


def _fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, 1 / _away_from_zero(1 - (a + b) * x / (a + 1))
    result = d
    for m in range(1, _TERMS_MAX):
        for step in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / _away_from_zero(1 + step * d)
            c = _away_from_zero(1 + step / c)
            result *= c * d
        if abs(c * d - 1) < _ENOUGH:
            break
    return result


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
