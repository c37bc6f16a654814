"""What a simulated trader can see of one instrument, and what it can wish for.

Prices are ticks of 1/10,000 dollar, whatever the venue counts in; its API speaks decimals.
"""

from dataclasses import dataclass
from enum import Enum

TICKS_PER_DOLLAR = 10_000


class Way(Enum):
    """Which way units go for the trader; the value is the API's word."""

    BUY = "buy"
    SELL = "sell"

    @property
    def other(self) -> "Way":
        """The opposite one."""
        return Way.SELL if self is Way.BUY else Way.BUY


@dataclass(frozen=True, slots=True)
class OwnOrder:
    """A working order of the trader. tag: the client order id. placed_at_ms: when it was sent."""

    tag: str
    way: Way
    price_ticks: int
    units: int
    placed_at_ms: int


@dataclass(frozen=True, slots=True)
class View:
    """The market at one instant, for one trader.

    reference_ticks: what the trader believes. bid_ticks, ask_ticks, last_ticks: 0 where there is
    none. step_ticks: what prices are a multiple of. position_units: held, never below 0.
    orders: the trader's own, oldest first.
    """

    at_ms: int
    reference_ticks: int
    bid_ticks: int
    ask_ticks: int
    last_ticks: int
    step_ticks: int
    position_units: int
    orders: tuple[OwnOrder, ...] = ()

    def units_on(self, way: Way) -> int:
        """How many units the trader's own orders still want to move that way."""
        return sum(order.units for order in self.orders if order.way is way)

    @property
    def units_to_sell(self) -> int:
        """Held and not on offer yet."""
        return max(0, self.position_units - self.units_on(Way.SELL))


@dataclass(frozen=True, slots=True)
class Place:
    """A new order; price_ticks 0 is at the market. lasts: the API's time in force."""

    way: Way
    units: int
    price_ticks: int = 0
    lasts: str = "day"


@dataclass(frozen=True, slots=True)
class Cancel:
    """Take back the order of that client order id."""

    tag: str


Wish = Place | Cancel


def down(price_ticks: int, step_ticks: int) -> int:
    """The nearest allowed price at or below; at least one step."""
    return max(step_ticks, price_ticks - price_ticks % step_ticks)


def up(price_ticks: int, step_ticks: int) -> int:
    """The nearest allowed price at or above."""
    return max(step_ticks, -(-price_ticks // step_ticks) * step_ticks)
