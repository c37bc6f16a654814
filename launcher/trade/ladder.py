"""The ladder's model: book, own orders, trades, P&L, and what keys mean. No terminal, no network.

Prices are dollars as Decimal, levels best first. Whoever feeds it owns the book-keeping.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

TRADES_KEPT = 12
ROWS = 10
_CENT = Decimal("0.01")
_SUB_PENNY = Decimal("0.0001")

Level = tuple[Decimal, int]


@dataclass(frozen=True, slots=True)
class OwnOrder:
    """One of the trader's working orders. price: None of a market order or a stop."""

    id: str
    side: str
    price: Decimal | None
    units: int


@dataclass(frozen=True, slots=True)
class Print:
    """A trade that happened. at: HH:MM:SS. side: the arriving order's, "" in an auction."""

    at: str
    price: Decimal
    units: int
    side: str


@dataclass(frozen=True, slots=True)
class Order:
    """The person wants to buy or sell; price None: at the market."""

    side: str
    units: int
    price: Decimal | None


@dataclass(frozen=True, slots=True)
class CancelOrders:
    """The person wants these orders gone."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Leave:
    """The person has seen enough."""


Wish = Order | CancelOrders | Leave


@dataclass(frozen=True, slots=True)
class Row:
    """One price of the ladder, as it is drawn. own: units of the trader's orders there."""

    price: Decimal
    bid_units: int
    ask_units: int
    own_buys: int
    own_sells: int
    has_cursor: bool


@dataclass(slots=True)
class Ladder:
    """All that the ladder of one instrument shows.

    position: units, negative when short; cost: dollars paid for them.
    """

    symbol: str
    bids: Sequence[Level] = ()
    asks: Sequence[Level] = ()
    trades: deque[Print] = field(default_factory=lambda: deque(maxlen=TRADES_KEPT))
    orders: dict[str, OwnOrder] = field(default_factory=dict)
    position: int = 0
    average: Decimal = Decimal(0)
    cash: Decimal = Decimal(0)
    phase: str = ""
    sequence: int = 0
    units: int = 10
    cursor: Decimal | None = None
    said: str = ""

    @property
    def last(self) -> Decimal | None:
        """The price of the newest trade seen."""
        return self.trades[0].price if self.trades else None

    @property
    def mark(self) -> Decimal | None:
        """What a unit is worth now: the middle of the market, else the last price."""
        if self.bids and self.asks:
            return (self.bids[0][0] + self.asks[0][0]) / 2
        return self.last

    @property
    def unrealised(self) -> Decimal:
        """Profit or loss of the position at the mark, in dollars."""
        mark = self.mark
        return Decimal(0) if mark is None else (mark - self.average) * self.position

    def rows(self) -> list[Row]:
        """The prices to draw, highest first: the best levels of both sides and the cursor's."""
        prices = {price for price, _ in (*self.bids[:ROWS], *self.asks[:ROWS])}
        prices |= {order.price for order in self.orders.values() if order.price is not None}
        if self.cursor is not None:
            prices.add(self.cursor)
        bids, asks = dict(self.bids), dict(self.asks)
        return [
            Row(
                price,
                bids.get(price, 0),
                asks.get(price, 0),
                self._own("buy", price),
                self._own("sell", price),
                price == self.cursor,
            )
            for price in sorted(prices, reverse=True)
        ]

    def press(self, key: str) -> Wish | None:
        """What a key asks for; keys that only move the cursor or the quantity ask for nothing."""
        match key:
            case "q" | "\x03" | "\x04":
                return Leave()
            case "up" | "k":
                self._move(1)
            case "down" | "j":
                self._move(-1)
            case "+" | "=":
                self.units = _next_units(self.units)
            case "-":
                self.units = _next_units(self.units, is_less=True)
            case "b" | "s":
                return self._limit("buy" if key == "b" else "sell")
            case "B" | "S":
                return Order("buy" if key == "B" else "sell", self.units, None)
            case "c":
                return self._cancel(at_cursor=True)
            case "C":
                return self._cancel(at_cursor=False)
        return None

    def _own(self, side: str, price: Decimal) -> int:
        orders = self.orders.values()
        return sum(each.units for each in orders if (each.side, each.price) == (side, price))

    def _move(self, steps: int) -> None:
        start = self.cursor or self._home()
        if start is None:
            self.said = "There is no price to start from yet."
            return
        moved = start if self.cursor is None else start + steps * step_at(start, steps)
        self.cursor = max(step_at(moved, -1), moved)

    def _home(self) -> Decimal | None:
        if self.bids:
            return self.bids[0][0]
        return self.asks[0][0] if self.asks else self.last

    def _limit(self, side: str) -> Order | None:
        if self.cursor is None:
            self.said = "Choose a price first: up and down move the cursor."
            return None
        return Order(side, self.units, self.cursor)

    def _cancel(self, *, at_cursor: bool) -> CancelOrders | None:
        ids = tuple(
            order.id
            for order in self.orders.values()
            if not at_cursor or order.price == self.cursor
        )
        if not ids:
            where = "at the cursor" if at_cursor else "here"
            self.said = f"None of your orders is {where}."
            return None
        return CancelOrders(ids)


def step_at(price: Decimal, direction: int) -> Decimal:
    """The smallest step from a price, up (1) or down (-1): below one dollar 1/100 cent.

    Source: SEC Rule 612 of Regulation NMS, the sub-penny rule.
    """
    is_below = price < 1 or (price == 1 and direction < 0)
    return _SUB_PENNY if is_below else _CENT


def _next_units(units: int, *, is_less: bool = False) -> int:
    """1, 5, 10, 50, 100, 500 ... and back."""
    known = [value * 10**power for power in range(7) for value in (1, 5)]
    if is_less:
        return max((each for each in known if each < units), default=1)
    return min((each for each in known if each > units), default=units)
