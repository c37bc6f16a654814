"""Our engine as the venue of a recorded session: names and decimals outside, integers inside."""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from simulators.l3.recording import Level, Scale
from trading import commands
from trading.command_base import Command
from trading.engine import Engine
from trading.event_base import Event
from trading.instruments import CONTINUOUS, Instrument
from trading.order_events import OrderAccepted, OrderFilled, OrderRejected
from trading.orders import (
    ALLOW,
    BUY,
    GTC,
    IOC,
    LIMIT,
    MONEY_MAX,
    PRICE_TICKS_MAX,
    QUANTITY_UNITS_MAX,
    SELL,
)
from trading.terms import NewOrder

# (maker, taker, price, size)
Trade = tuple[str, str, Decimal, Decimal]
_BUYER: Final = 1
_SELLER: Final = 2
_DEPOSITS: Final = 100


@dataclass
class Venue:
    """One instrument and two portfolios that never run dry; `trades` are our own."""

    scale: Scale
    engine: Engine = field(default_factory=Engine)
    trades: list[Trade] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    submitted: int = 0
    cancelled: int = 0
    _ids: dict[str, int] = field(default_factory=dict)
    _names: dict[int, str] = field(default_factory=dict)
    _number: int = 0

    def open(self) -> None:
        """List the instrument, fund the portfolios, start to trade."""
        divisor = self.scale.ticks * self.scale.units
        one = Instrument(1, "SESSION", self.scale.ticks, money_divisor=divisor)
        self._do(commands.ListInstrument, one)
        for portfolio in (_BUYER, _SELLER):
            self._do(commands.OpenPortfolio, portfolio, portfolio)
            for _ in range(_DEPOSITS):
                self._do(commands.Deposit, portfolio, MONEY_MAX)
                self._do(commands.DepositUnits, portfolio, 1, QUANTITY_UNITS_MAX, 0)
        self._do(commands.SetPhase, 1, CONTINUOUS)

    def knows(self, name: str) -> bool:
        """Whether this order was ever submitted."""
        return name in self._ids

    def remaining(self, name: str) -> Decimal:
        """What an order still has to trade; 0 when it has ended."""
        order = self.engine.venue.orders.get(self._ids.get(name, 0))
        return Decimal(0 if order is None else int(order.remaining)) / self.scale.units

    def limit(self, name: str, side: str, price: Decimal, size: Decimal) -> None:
        """Submit a limit order; the feed decides about self-trades, so ours is off."""
        self._place(name, side, int(size * self.scale.units), int(price * self.scale.ticks), GTC)

    def market(self, name: str, side: str, size: Decimal | None, funds: Decimal | None) -> None:
        """Submit a market order for a size, or for what its funds pay for in our book."""
        units = QUANTITY_UNITS_MAX if size is None else int(size * self.scale.units)
        if funds is not None:
            units = min(units, self._affordable(side, funds))
        if units > 0:
            self._place(name, side, units, PRICE_TICKS_MAX if side == "buy" else 1, IOC)

    def cancel(self, name: str) -> None:
        """Cancel an order, if it lives."""
        order_id = self._ids.get(name)
        if order_id is not None and order_id in self.engine.venue.orders:
            self.cancelled += 1
            self._do(commands.CancelOrder, order_id, 0)

    def shrink(self, name: str, size: Decimal) -> None:
        """Leave a live order this much; it keeps its place."""
        order = self.engine.venue.orders.get(self._ids.get(name, 0))
        if order is None:
            return
        left = int(size * self.scale.units)
        if left <= 0:
            self.cancel(name)
            return
        portfolio = order.portfolio.portfolio_id
        self._do(commands.ReplaceOrder, self._ids[name], portfolio, order.filled() + left)

    def book(self) -> tuple[list[Level], list[Level]]:
        """(price, size) of bids and asks, best first."""
        bids, asks = (
            [
                (
                    Decimal(one.price_ticks) / self.scale.ticks,
                    Decimal(one.visible_units) / self.scale.units,
                )
                for one in side
            ]
            for side in self.engine.depth(1)
        )
        return bids, asks

    def _affordable(self, side: str, funds: Decimal) -> int:
        bids, asks = self.engine.depth(1)
        money = int(funds * self.scale.ticks * self.scale.units)
        bought = 0
        for level in asks if side == "buy" else bids:
            part = min(level.visible_units, money // level.price_ticks)
            bought += part
            money -= part * level.price_ticks
            if part < level.visible_units:
                break
        return bought

    def _place(self, name: str, side: str, units: int, price: int, tif: int) -> None:
        is_buy = side == "buy"
        terms = NewOrder(
            _BUYER if is_buy else _SELLER,
            1,
            BUY if is_buy else SELL,
            LIMIT,
            tif,
            units,
            price_ticks=price,
            self_trade=ALLOW,
        )
        self.submitted += 1
        for event in self._do(commands.PlaceOrder, terms):
            if isinstance(event, OrderAccepted):
                self._ids[name] = event.order_id
                self._names[event.order_id] = name
            elif isinstance(event, OrderFilled):
                self._note(event)
            elif isinstance(event, OrderRejected):
                self.refusals.append(f"{name}: reason {event.reason}")

    def _note(self, event: OrderFilled) -> None:
        self.trades.append(
            (
                self._names[event.maker_order_id],
                self._names[event.taker_order_id],
                Decimal(event.price_ticks) / self.scale.ticks,
                Decimal(event.quantity_units) / self.scale.units,
            )
        )

    def _do(self, kind: Callable[..., Command], *arguments: object) -> list[Event]:
        self._number += 1
        return self.engine.apply(kind(self._number, self._number, *arguments))
