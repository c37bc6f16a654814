"""How large the venue's figures may become, so that every table can hold every sum of them.

Whoever stores events has 64-bit columns, and a figure that does not fit would stop the venue. So
what comes in is bounded here, and what follows from it by trading then is too:

cash: all that is there at most CASH_TOTAL_MAX, all that is owed (dividends on short positions) at
    most DEBT_TOTAL_MAX; a trade moves cash, it makes none. What is paid for a trade was reserved
    of it, so no trade is worth more.
units: a position has at most POSITION_UNITS_MAX, whether they come by a deposit, an order or a
    split.
orders: an order's units times the highest price there is are worth at most ORDER_WORTH_MAX, so
    that the fees on all its trades together are a figure, at FEE_RATE_MAX too.

What only ever adds up, over years and however often the same cash goes round, has no such bound:
fees paid, profit realised, what the units of a position cost. The engine reckons on with it
exactly, and tells it as FIGURE_MAX where it is more (`told`).
"""

from typing import Final

FIGURE_MAX: Final = (1 << 62) - 1
"""The most that a figure of an event may be, either way: half of what a 64-bit column holds, and
the most that compiled code has in a register."""
CASH_TOTAL_MAX: Final = 1 << 61
DEBT_TOTAL_MAX: Final = 1 << 60
POSITION_UNITS_MAX: Final = 10**18
ORDER_UNITS_MAX: Final = 10**12
ORDER_WORTH_MAX: Final = 4 * 10**19
FEE_RATE_MAX: Final = 100_000
"""A tenth of the notional, in 1/100 of a basis point."""


def is_figure(number: int) -> bool:
    """Whether a number of a command can be stored: an amount, an id, a day."""
    return -FIGURE_MAX <= number <= FIGURE_MAX


def told(total: int) -> int:
    """A total as events tell it."""
    if total > FIGURE_MAX:
        return FIGURE_MAX
    return total if total >= -FIGURE_MAX else -FIGURE_MAX


def known(identifier: int) -> int:
    """An identifier that somebody sent, as a refusal tells it: 0 where it can be none."""
    return identifier if is_figure(identifier) else 0
