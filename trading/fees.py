"""Fees of makers and takers, and their one rounding rule: toward zero, to the trader's favour.

A charge is rounded down and so is a rebate. Rounding charges down is what makes reservations
exact: floor(a) + ceil(b) <= ceil(a + b), whatever parts an order is filled in.
"""

from trading.instruments import FEE_SCALE, Instrument


def fee(notional: int, rate: int) -> int:
    """The fee on one fill at a rate of 1/100 basis points; negative for a rebate."""
    if rate < 0:
        return -(notional * -rate // FEE_SCALE)
    return notional * rate // FEE_SCALE


def worst_fee(instrument: Instrument, notional: int) -> int:
    """What may be charged at most on fills of this notional together."""
    rate = max(instrument.maker_fee_rate, instrument.taker_fee_rate)
    return -(-notional * rate // FEE_SCALE)
