"""Prices of before a split or a dividend as if it had been so always: what changed since, is gone.

A split multiplies the units and divides the prices of before it. A cash dividend makes prices of
before its ex-date cheaper by the part of the price that it was, so what is left of the fall on that
day is the market's own. Exact, in fractions: rounding is for whoever shows it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

ONE: Final = Fraction(1)


@dataclass(frozen=True, slots=True)
class Adjusted:
    """What to multiply the units and the prices of a bar with."""

    units: Fraction = ONE
    price: Fraction = ONE


AS_TRADED: Final = Adjusted()


@dataclass(frozen=True, slots=True)
class SplitOfUnits:
    """A split: numerator units were made of denominator.

    last_ns: when the last trade in units of before it was; the market pauses over a split, so
        hardly a bar has trades of both sides. sequence: of the command.
    """

    last_ns: int
    sequence: int
    numerator: int
    denominator: int

    def has_changed(self, starts_ns: int) -> bool:
        """Whether a bar that begins then was traded in units of before it, or began so."""
        return starts_ns <= self.last_ns


@dataclass(frozen=True, slots=True)
class ExDividend:
    """A dividend and the price it was a part of.

    ex_ns: when the first day without it began. sequence: of the command that paid it.
    amount, close: for one unit, in the same currency; close is that of the last day before, which
        began at `closed_ns`, as it was traded.
    """

    ex_ns: int
    sequence: int
    amount: Fraction
    close: Fraction
    closed_ns: int


class Adjustment:
    """What splits and dividends to take out; each in order of time, or none."""

    def __init__(
        self, splits: Sequence[SplitOfUnits] = (), dividends: Sequence[tuple[int, Fraction]] = ()
    ) -> None:
        self._splits = splits
        self._dividends = dividends

    def of(self, starts_ns: int) -> Adjusted:
        """For a bar that begins then; one that began before an ex-date is of before it."""
        if not self._splits and not self._dividends:
            return AS_TRADED
        units = price = ONE
        for split in self._splits:
            if split.has_changed(starts_ns):
                units *= Fraction(split.numerator, split.denominator)
        for ex_ns, factor in self._dividends:
            if starts_ns < ex_ns:
                price *= factor
        return Adjusted(units, price / units)


def dividend_factor(dividend: ExDividend, splits: Sequence[SplitOfUnits]) -> Fraction:
    """What prices of before the ex-date are multiplied with: 1 - amount / close.

    A split between that close and the dividend has divided what the dividend is a part of. One
    that was as much as the price or more leaves prices as they are: nothing sensible is left.

    Source: Yahoo Finance Help, What is the adjusted close? (SLN28256), by the standards of the
        Center for Research in Security Prices (CRSP).
    """
    close = dividend.close
    for split in splits:
        if split.has_changed(dividend.closed_ns) and split.sequence < dividend.sequence:
            close *= Fraction(split.denominator, split.numerator)
    return 1 - dividend.amount / close if dividend.amount < close else ONE
