"""What is alive in the engine: orders with their reservations, groups of them, and markets."""

from __future__ import annotations

from typing import Final

from mypy_extensions import mypyc_attr

from trading.book import BookOrder, HalfBook
from trading.instruments import BPS, CLOSED, Instrument, notional_floor
from trading.orders import BUY, MARKET, NEW, PRICE_TICKS_MAX, STOP, TRAILING_STOP
from trading.portfolio import Portfolio, Position
from trading.terms import NewOrder
from trading.triggers import TriggerBook

# What an order does to its portfolio's position, settled when it is reserved for.
NO_ROLE: Final = 0
OPEN_LONG: Final = 1
CLOSE_LONG: Final = 2
OPEN_SHORT: Final = 3
CLOSE_SHORT: Final = 4


class Market:
    """One instrument with its book, its phase and its waiting stops.

    last_ticks: the last trade's price, at first the instrument's reference.
    lower_ticks, upper_ticks: limit down and limit up; 0: none.
    """

    def __init__(self, instrument: Instrument) -> None:
        self.instrument: Instrument = instrument
        self.phase: int = CLOSED
        self.last_ticks: int = instrument.reference_ticks
        self.lower_ticks: int = 0
        self.upper_ticks: int = 0
        self.bids: HalfBook = HalfBook(True)
        self.asks: HalfBook = HalfBook(False)
        self.triggers: TriggerBook = TriggerBook()

    def value_of(self, units: int) -> int:
        """The money these units are worth at the last price; negative for a short position."""
        if units < 0:
            return -notional_floor(self.instrument, self.last_ticks, -units)
        return notional_floor(self.instrument, self.last_ticks, units)

    def protection_ticks(self, is_buy: bool, around_ticks: int) -> int:
        """The worst price a market order may trade at, inside the bands."""
        one = self.instrument
        if is_buy:
            price = one.round_down(around_ticks * (BPS + one.protection_bps) // BPS)
            if self.upper_ticks != 0 and price > self.upper_ticks:
                price = self.upper_ticks
            # Where one tick is wider than the protection, the next price is still allowed.
            return min(max(price, one.round_up(around_ticks)), PRICE_TICKS_MAX)
        price = one.round_up(-(-around_ticks * (BPS - one.protection_bps) // BPS))
        if price < self.lower_ticks:
            price = self.lower_ticks
        return max(price, one.tick_at(0))


class Group:
    """Orders that depend on each other; `legs` has one (OTO) or two (an OCO once they work)."""

    def __init__(self, group_id: int, kind: int) -> None:
        self.group_id: int = group_id
        self.kind: int = kind
        self.parent: Order | None = None
        self.legs: list[Order] = []

    def sibling_of(self, order: Order) -> Order | None:
        """The other leg of an OCO."""
        if len(self.legs) == 2:
            if order is self.legs[0]:
                return self.legs[1]
            if order is self.legs[1]:
                return self.legs[0]
        return None


@mypyc_attr(acyclic=True)
class Order(BookOrder):
    """One order from acceptance to its end.

    price: the worst it may trade at now. hold_price: what its reservation is reckoned with.
    is_hold_free: an OCO's leg whose sibling carries the reservation for both.
    extreme_ticks: the water mark of a trailing stop.

    Acyclic, like all that there are many of, means that in the compiled engine the garbage
    collector does not look at it. Orders are in cycles as long as they live, and are taken out
    when they end; those of a whole engine that is let go stay in memory as long as the process.
    """

    def __init__(
        self, order_id: int, terms: NewOrder, portfolio: Portfolio, market: Market
    ) -> None:
        super().__init__(
            order_id,
            terms.side == BUY,
            terms.price_ticks,
            terms.quantity_units,
            portfolio.account_id,
            terms.self_trade,
            terms.display_units,
        )
        self.portfolio: Portfolio = portfolio
        self.market: Market = market
        self.position: Position | None = None
        self.terms: NewOrder = terms
        self.order_type: int = terms.order_type
        self.time_in_force: int = terms.time_in_force
        self.quantity: int = terms.quantity_units
        self.stop_ticks: int = terms.stop_ticks
        self.extreme_ticks: int = 0
        self.state: int = NEW
        self.role: int = NO_ROLE
        self.hold_price: int = 0
        self.hold_cash: int = 0
        self.reserved_units: int = 0
        self.margin_bps: int = 0
        self.credit: int = 0
        self.credit_units: int = 1
        self.is_hold_free: bool = False
        self.group: Group | None = None
        # Its neighbours among its portfolio's orders.
        self.before: Order | None = None
        self.after: Order | None = None

    def is_market(self) -> bool:
        """Whether it must not rest: a market order, or a stop that becomes one."""
        return self.order_type in (MARKET, STOP, TRAILING_STOP)

    def filled(self) -> int:
        """What was traded; units lost to self-trade prevention have left `quantity`."""
        return self.quantity - self.remaining

    def place_in(self) -> HalfBook:
        """The side of the book it belongs to."""
        return self.market.bids if self.is_buy else self.market.asks
