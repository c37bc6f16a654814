"""Fees of makers and takers, and their one rounding rule: toward zero, to the trader's favour.

A charge is rounded down and so is a rebate. Rounding charges down is what makes reservations
exact: floor(a) + ceil(b) <= ceil(a + b), whatever parts an order is filled in.
"""

from trading.exact import scaled_down, scaled_up
from trading.instruments import FEE_SCALE, Instrument


def fee(notional: int, rate: int) -> int:
    """The fee on one fill at a rate of 1/100 basis points; negative for a rebate."""
    if rate < 0:
        return -scaled_down(notional, -rate, FEE_SCALE)
    return scaled_down(notional, rate, FEE_SCALE)


def worst_fee(instrument: Instrument, notional: int) -> int:
    """What may be charged at most on fills of this notional together."""
    return scaled_up(notional, instrument.worst_fee_rate, FEE_SCALE)
