"""Money: whole minor units and a currency, never a float."""

import msgspec


class CurrencyMismatchError(ValueError):
    """Two currencies were about to be mixed; that is a bug of ours, never a user's doing."""


class Money(msgspec.Struct, frozen=True, order=False):
    """An amount, also a negative one.

    amount_minor: in the currency's smallest unit (cents for EUR).
    currency: ISO 4217, three capital letters.
    """

    amount_minor: int
    currency: str

    def __add__(self, other: "Money") -> "Money":
        self._same_currency(other)
        return Money(self.amount_minor + other.amount_minor, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return self + -other

    def __neg__(self) -> "Money":
        return Money(-self.amount_minor, self.currency)

    def _same_currency(self, other: "Money") -> None:
        if self.currency != other.currency:
            raise CurrencyMismatchError(f"{self.currency} and {other.currency} cannot be added.")


def share_of(amount_minor: int, *, numerator: int, denominator: int) -> int:
    """`amount * numerator / denominator`, rounded half to even: the one rounding of money in Curb.

    Raises:
        ValueError: the denominator is not positive.
    """
    if denominator <= 0:
        raise ValueError("A share needs a positive denominator.")
    whole, rest = divmod(amount_minor * numerator, denominator)
    is_up = 2 * rest > denominator or (2 * rest == denominator and whole % 2 == 1)
    return whole + is_up
