"""Products and quotients of integers of any size: exact always, and quick where they are small.

Compiled, `a * b` of two numbers past 2^30 is worked out by Python's long arithmetic, ten times as
slow as the processor's. Amounts of money are often past it and nearly never past what is tried
first here; the answer is the same on either way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    # In annotations only, so that plain Python runs without the package.
    from mypy_extensions import i64

# A product of two below _MIDDLE, or of one below _LARGE and one below _SMALL, is at most 2^62;
# together with a denominator below _LARGE it is a 64-bit number still.
_LARGE: Final = 1 << 44
_MIDDLE: Final = 1 << 31
_SMALL: Final = 1 << 18


def scaled_down(amount: int, numerator: int, denominator: int) -> int:
    """floor(amount * numerator / denominator); the denominator is positive."""
    if _is_small(amount, numerator) and denominator < _LARGE:
        a: i64 = amount
        b: i64 = numerator
        c: i64 = denominator
        return a * b // c
    return amount * numerator // denominator


def scaled_up(amount: int, numerator: int, denominator: int) -> int:
    """ceil(amount * numerator / denominator); the denominator is positive."""
    if _is_small(amount, numerator) and denominator < _LARGE:
        a: i64 = amount
        b: i64 = numerator
        c: i64 = denominator
        return (a * b + c - 1) // c
    return -(-amount * numerator // denominator)


def _is_small(one: int, other: int) -> bool:
    if one < 0 or other < 0:
        return False
    if one < _MIDDLE:
        return other < _MIDDLE
    return one < _LARGE and other < _SMALL
