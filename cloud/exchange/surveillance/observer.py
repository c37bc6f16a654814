"""From the engine's events to the detectors' words: one pass, nothing kept that grows for ever.

It is fed every command with its events, in order, and works the same on a replayed journal: the
findings depend on nothing else. Orders that rest when the stream is entered are told by `seed`.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from cloud.exchange.surveillance.findings import Finding
from cloud.exchange.surveillance.ignition import IgnitionDetector
from cloud.exchange.surveillance.layering import LayeringDetector
from cloud.exchange.surveillance.tape import OTHER, Fill
from cloud.exchange.surveillance.thresholds import Thresholds
from cloud.exchange.surveillance.wash import WashDetector
from trading import Engine
from trading.command_base import Command
from trading.event_base import Event
from trading.events import (
    ActivationRefused,
    OrderAccepted,
    OrderCancelled,
    OrderExpired,
    OrderFilled,
    OrderReduced,
    OrderReplaced,
    OrderRested,
    PortfolioOpened,
)
from trading.orders import BUY, SELL
from trading.reasons import Reason

_BY_TRADER: Final = (int(Reason.BY_TRADER), int(Reason.MASS_CANCEL))


class Observer:
    """Watches one venue's stream; `take` gives what a command completed."""

    def __init__(self, thresholds: Thresholds | None = None) -> None:
        limits = thresholds or Thresholds()
        self._wash = WashDetector(limits.wash)
        self._layering = LayeringDetector(limits.layering)
        self._ignition = IgnitionDetector(limits.ignition)
        self._accounts: dict[int, int] = {}
        self._owners: dict[int, int] = {}
        """order id -> portfolio id, of live orders: `OrderRested` does not say whose."""
        self._at_ns = 0
        self._found: list[Finding] = []
        self._crossed: list[Fill] = []
        self._handlers: Final[dict[int, Callable[[Any], None]]] = {
            PortfolioOpened.KIND: self._portfolio_opened,
            OrderAccepted.KIND: self._accepted,
            OrderRested.KIND: self._rested,
            OrderFilled.KIND: self._filled,
            OrderCancelled.KIND: self._cancelled,
            OrderExpired.KIND: self._expired,
            OrderReduced.KIND: self._reduced,
            OrderReplaced.KIND: self._replaced,
            ActivationRefused.KIND: self._refused,
        }

    def seed(self, engine: Engine) -> None:
        """Begin from the engine's state: who owns what, and what rests."""
        venue = engine.venue
        for portfolio_id, portfolio in venue.portfolios.items():
            self._accounts[portfolio_id] = portfolio.account_id
        for order in venue.orders.values():
            self._owners[order.order_id] = order.portfolio.portfolio_id
            if order.level is not None:
                self._layering.knows(
                    order.account_id,
                    order.market.instrument.instrument_id,
                    order.order_id,
                    BUY if order.is_buy else SELL,
                    order.visible,
                )

    def take(self, command: Command, events: Sequence[Event]) -> list[Finding]:
        """One command and what it caused; gives what it completed, mostly nothing."""
        self._at_ns = command.at_ns
        handlers = self._handlers
        for event in events:
            handler = handlers.get(event.KIND)
            if handler is not None:
                handler(event)
        if self._crossed:
            self._auctions_held()
        if not self._found:
            return self._found
        found, self._found = self._found, []
        return found

    def live_orders(self) -> list[int]:
        """Ids of the orders it remembers: those that have not ended."""
        return list(self._owners)

    def shown(self) -> dict[int, int]:
        """What each resting order shows, negative for a sale."""
        return self._layering.shown()

    def _portfolio_opened(self, event: PortfolioOpened) -> None:
        self._accounts[event.portfolio_id] = event.account_id

    def _accepted(self, event: OrderAccepted) -> None:
        self._owners[event.order_id] = event.portfolio_id

    def _rested(self, event: OrderRested) -> None:
        self._layering.shows(
            self._at_ns,
            self._accounts[self._owners[event.order_id]],
            event.instrument_id,
            event.order_id,
            side=event.side,
            units=event.visible_units,
            price=event.price_ticks,
        )

    def _filled(self, event: OrderFilled) -> None:
        maker = self._accounts[event.maker_portfolio_id]
        taker = self._accounts[event.taker_portfolio_id]
        fill = Fill(
            event.sequence,
            self._at_ns,
            event.trade_id,
            event.instrument_id,
            maker,
            taker,
            event.maker_order_id,
            event.taker_order_id,
            event.taker_side,
            event.price_ticks,
            event.quantity_units,
            event.is_auction,
        )
        self._trades(
            fill,
            maker,
            event.maker_order_id,
            OTHER[event.taker_side],
            remaining_units=event.maker_remaining_units,
        )
        self._trades(
            fill,
            taker,
            event.taker_order_id,
            event.taker_side,
            remaining_units=event.taker_remaining_units,
        )
        if event.is_auction:
            self._crossed.append(fill)
            return
        self._find(self._wash.fill(fill))
        self._find(self._ignition.fill(fill))

    def _trades(
        self, fill: Fill, account: int, order_id: int, side: int, *, remaining_units: int
    ) -> None:
        self._layering.trades(
            fill.at_ns,
            account,
            fill.instrument_id,
            order_id,
            side=side,
            units=fill.units,
            trade_id=fill.trade_id,
            remaining_units=remaining_units,
            is_auction=fill.is_auction,
        )
        if remaining_units == 0:
            self._owners.pop(order_id, None)

    def _cancelled(self, event: OrderCancelled) -> None:
        account = self._accounts[event.portfolio_id]
        if event.reason in _BY_TRADER:
            self._find(
                self._layering.withdraws(
                    self._at_ns, event.sequence, account, event.instrument_id, event.order_id
                )
            )
        else:
            self._layering.ends(account, event.instrument_id, event.order_id)
        self._owners.pop(event.order_id, None)

    def _expired(self, event: OrderExpired) -> None:
        account = self._accounts[event.portfolio_id]
        self._layering.ends(account, event.instrument_id, event.order_id)
        self._owners.pop(event.order_id, None)

    def _refused(self, event: ActivationRefused) -> None:
        self._owners.pop(event.order_id, None)

    def _reduced(self, event: OrderReduced) -> None:
        # Not by the trader: self-trade prevention, or the other leg of an OCO was filled.
        account = self._accounts[self._owners[event.order_id]]
        self._layering.shrinks(account, event.instrument_id, event.order_id, event.remaining_units)

    def _replaced(self, event: OrderReplaced) -> None:
        account = self._accounts[event.portfolio_id]
        self._find(
            self._layering.moves(
                self._at_ns,
                event.sequence,
                account,
                event.instrument_id,
                event.order_id,
                price=event.price_ticks,
                visible_units=event.visible_units if event.has_kept_priority else 0,
            )
        )

    def _auctions_held(self) -> None:
        # One command may hold the auctions of several instruments.
        by_instrument: dict[int, list[Fill]] = {}
        for fill in self._crossed:
            by_instrument.setdefault(fill.instrument_id, []).append(fill)
        self._crossed = []
        for fills in by_instrument.values():
            self._found += self._wash.auction(fills)

    def _find(self, finding: Finding | None) -> None:
        if finding is not None:
            self._found.append(finding)
