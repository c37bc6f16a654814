"""The few things the detectors look at, told in their words: trades between accounts."""

from typing import Final

import msgspec

from trading.orders import BUY, SELL


class Fill(msgspec.Struct, frozen=True, gc=False):
    """One trade. taker_side: what the taker did; in an auction, of the younger order.

    A struct, because a frozen dataclass of so many fields takes ten times as long to make.
    """

    sequence: int
    at_ns: int
    trade_id: int
    instrument_id: int
    maker_account: int
    taker_account: int
    maker_order: int
    taker_order: int
    taker_side: int
    price_ticks: int
    units: int
    is_auction: bool

    @property
    def buyer(self) -> int:
        """The account that bought."""
        return self.taker_account if self.taker_side == BUY else self.maker_account

    @property
    def seller(self) -> int:
        """The account that sold."""
        return self.maker_account if self.taker_side == BUY else self.taker_account


OTHER: Final = {BUY: SELL, SELL: BUY}
WORDS: Final = {BUY: "bought", SELL: "sold"}
