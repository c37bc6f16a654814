"""What the public may see of the venue, derived from its events alone: book, trades, phases.

The public book shows what orders show: never hidden units, stops, or orders that wait in a group.
It is kept order by order (L3); levels (L2) and the best bid and offer follow from it. Whoever feeds
events in takes out, whenever it suits, what changed since the last time: levels are netted, trades,
order changes and statuses are complete and in order. Bars are in `bars`.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from mypy_extensions import mypyc_attr

from trading.account_events import AuctionHeld, BandsChanged, InstrumentListed, PhaseChanged
from trading.event_base import Event
from trading.instruments import CLOSED, Instrument, instrument_of
from trading.order_events import (
    OrderCancelled,
    OrderExpired,
    OrderFilled,
    OrderReduced,
    OrderReplaced,
    OrderRested,
)
from trading.orders import BUY, SELL

if TYPE_CHECKING:
    from trading.live import Market

# What happened to an order of the public book.
ADDED: Final = 1
CHANGED: Final = 2
REMOVED: Final = 3

# What a status tells of.
PHASE: Final = 1
BANDS: Final = 2
AUCTION: Final = 3
LISTED: Final = 4


@mypyc_attr(acyclic=True)
class PublicOrder:
    """An order as others may see it; its place in the queue is its level's matter."""

    def __init__(self, order_id: int, side: int, price_ticks: int, units: int) -> None:
        self.order_id: int = order_id
        self.side: int = side
        self.price_ticks: int = price_ticks
        self.units: int = units


class PublicLevel:
    """What is shown at one price; `orders` by id, the one that trades first in front."""

    def __init__(self, price_ticks: int) -> None:
        self.price_ticks: int = price_ticks
        self.units: int = 0
        self.orders: dict[int, PublicOrder] = {}


class PublicSide:
    """The bids or the asks, by price."""

    def __init__(self, side: int) -> None:
        self.side: int = side
        self.levels: dict[int, PublicLevel] = {}
        self.prices: list[int] = []

    def best(self) -> PublicLevel | None:
        """The level that trades first."""
        if not self.prices:
            return None
        return self.levels[self.prices[-1 if self.side == BUY else 0]]

    def best_first(self, count: int = 0) -> list[PublicLevel]:
        """The levels, best first; all, or at most as many as asked for."""
        prices = self.prices if self.side == SELL else self.prices[::-1]
        return [self.levels[price] for price in (prices[:count] if count else prices)]

    def level(self, price_ticks: int) -> PublicLevel:
        """The level of this price, made where there is none."""
        level = self.levels.get(price_ticks)
        if level is None:
            level = PublicLevel(price_ticks)
            self.levels[price_ticks] = level
            insort(self.prices, price_ticks)
        return level

    def drop(self, price_ticks: int) -> None:
        """Forget a level that shows nothing any more."""
        del self.levels[price_ticks]
        del self.prices[bisect_left(self.prices, price_ticks)]


@mypyc_attr(acyclic=True)
class OrderChange:
    """One step of the order-by-order book; an order that is ADDED stands last at its price.

    kind: ADDED, CHANGED (it shows `units` now and keeps its place) or REMOVED (units 0).
    """

    def __init__(self, kind: int, order_id: int, side: int, price_ticks: int, units: int) -> None:
        self.kind: Final[int] = kind
        self.order_id: Final[int] = order_id
        self.side: Final[int] = side
        self.price_ticks: Final[int] = price_ticks
        self.units: Final[int] = units

    def as_tuple(self) -> tuple[int, int, int, int, int]:
        """(kind, order, side, price in ticks, units shown)."""
        return (self.kind, self.order_id, self.side, self.price_ticks, self.units)


class PublicBook:
    """One instrument's public book, and which of its levels and orders changed."""

    def __init__(self) -> None:
        self.bids: PublicSide = PublicSide(BUY)
        self.asks: PublicSide = PublicSide(SELL)
        self.orders: dict[int, PublicOrder] = {}
        self.changes: list[OrderChange] = []
        self.touched: dict[tuple[int, int], bool] = {}

    def side(self, side: int) -> PublicSide:
        """The bids for BUY, the asks for SELL."""
        return self.bids if side == BUY else self.asks

    def add(self, order_id: int, side: int, price_ticks: int, units: int) -> None:
        """An order shows units at the back of its price's queue, wherever it was before."""
        if order_id in self.orders:
            self.remove(order_id)
        order = PublicOrder(order_id, side, price_ticks, units)
        self.orders[order_id] = order
        level = self.side(side).level(price_ticks)
        level.orders[order_id] = order
        level.units += units
        self._note(ADDED, order)

    def show(self, order_id: int, units: int) -> None:
        """An order that keeps its place shows so many units now; none: it is gone."""
        order = self.orders.get(order_id)
        if order is None or order.units == units:
            return
        if units <= 0:
            self.remove(order_id)
            return
        self.side(order.side).levels[order.price_ticks].units += units - order.units
        order.units = units
        self._note(CHANGED, order)

    def remove(self, order_id: int) -> None:
        """An order left the book, if it was in it."""
        order = self.orders.pop(order_id, None)
        if order is None:
            return
        side = self.side(order.side)
        level = side.levels[order.price_ticks]
        level.units -= order.units
        del level.orders[order_id]
        if not level.orders:
            side.drop(order.price_ticks)
        order.units = 0
        self._note(REMOVED, order)

    def _note(self, kind: int, order: PublicOrder) -> None:
        self.changes.append(
            OrderChange(kind, order.order_id, order.side, order.price_ticks, order.units)
        )
        self.touched[(order.side, order.price_ticks)] = True


@mypyc_attr(acyclic=True)
class Trade:
    """A trade as others may see it; of an auction's, no side was the aggressor."""

    def __init__(
        self,
        trade_id: int,
        at_ns: int,
        price_ticks: int,
        units: int,
        taker_side: int,
        is_auction: bool,
    ) -> None:
        self.trade_id: Final[int] = trade_id
        self.at_ns: Final[int] = at_ns
        self.price_ticks: Final[int] = price_ticks
        self.units: Final[int] = units
        self.taker_side: Final[int] = taker_side
        self.is_auction: Final[bool] = is_auction


@mypyc_attr(acyclic=True)
class Status:
    """The market's rules changed: its phase or bands, or an auction was held.

    kind PHASE: `phase` and `reason`. BANDS: `lower_ticks`, `upper_ticks` (0: none). AUCTION:
    `phase` it ended, `price_ticks`, `units` (0 where nothing crossed). LISTED: new or changed.
    """

    def __init__(
        self,
        kind: int,
        at_ns: int,
        phase: int = 0,
        reason: int = 0,
        lower_ticks: int = 0,
        upper_ticks: int = 0,
        price_ticks: int = 0,
        units: int = 0,
    ) -> None:
        self.kind: Final[int] = kind
        self.at_ns: Final[int] = at_ns
        self.phase: Final[int] = phase
        self.reason: Final[int] = reason
        self.lower_ticks: Final[int] = lower_ticks
        self.upper_ticks: Final[int] = upper_ticks
        self.price_ticks: Final[int] = price_ticks
        self.units: Final[int] = units


@mypyc_attr(acyclic=True)
class Top:
    """Best bid and offer; price, units and number of orders are 0 where a side is empty."""

    def __init__(self, bid: PublicLevel | None, ask: PublicLevel | None) -> None:
        self.bid_ticks: Final[int] = 0 if bid is None else bid.price_ticks
        self.bid_units: Final[int] = 0 if bid is None else bid.units
        self.bid_count: Final[int] = 0 if bid is None else len(bid.orders)
        self.ask_ticks: Final[int] = 0 if ask is None else ask.price_ticks
        self.ask_units: Final[int] = 0 if ask is None else ask.units
        self.ask_count: Final[int] = 0 if ask is None else len(ask.orders)

    def as_tuple(self) -> tuple[int, int, int, int, int, int]:
        """Price, units, orders of the bid, then of the ask."""
        return (
            self.bid_ticks,
            self.bid_units,
            self.bid_count,
            self.ask_ticks,
            self.ask_units,
            self.ask_count,
        )


@mypyc_attr(acyclic=True)
class LevelChange:
    """What a price shows now; units and count 0: the level is gone."""

    def __init__(self, side: int, price_ticks: int, units: int, count: int) -> None:
        self.side: Final[int] = side
        self.price_ticks: Final[int] = price_ticks
        self.units: Final[int] = units
        self.count: Final[int] = count


@mypyc_attr(acyclic=True)
class Update:
    """Everything that changed for one instrument since the last one of it.

    top: the best bid and offer, if it is another than before.
    """

    def __init__(
        self,
        instrument_id: int,
        at_ns: int,
        levels: list[LevelChange],
        orders: list[OrderChange],
        trades: list[Trade],
        statuses: list[Status],
        top: Top | None,
    ) -> None:
        self.instrument_id: Final[int] = instrument_id
        self.at_ns: Final[int] = at_ns
        self.levels: Final[list[LevelChange]] = levels
        self.orders: Final[list[OrderChange]] = orders
        self.trades: Final[list[Trade]] = trades
        self.statuses: Final[list[Status]] = statuses
        self.top: Final[Top | None] = top


class InstrumentData:
    """One instrument's public state; None and a phase of 0: not known yet."""

    def __init__(self, instrument_id: int) -> None:
        self.instrument_id: int = instrument_id
        self.instrument: Instrument | None = None
        self.book: PublicBook = PublicBook()
        self.phase: int = 0
        self.lower_ticks: int = 0
        self.upper_ticks: int = 0
        self.last: Trade | None = None
        self.at_ns: int = 0
        self._trades: list[Trade] = []
        self._statuses: list[Status] = []
        self._told_top: tuple[int, int, int, int, int, int] = (0, 0, 0, 0, 0, 0)

    def top(self) -> Top:
        """Best bid and offer now."""
        return Top(self.book.bids.best(), self.book.asks.best())

    def trade(self, trade: Trade) -> None:
        """A trade happened."""
        self.last = trade
        self._trades.append(trade)

    def status(self, status: Status) -> None:
        """The market's rules changed."""
        if status.kind == PHASE:
            self.phase = status.phase
        elif status.kind == BANDS:
            self.lower_ticks = status.lower_ticks
            self.upper_ticks = status.upper_ticks
        self._statuses.append(status)

    def take(self) -> Update:
        """What changed since the last taking."""
        book = self.book
        levels: list[LevelChange] = []
        for side, price in book.touched:
            level = book.side(side).levels.get(price)
            if level is None:
                levels.append(LevelChange(side, price, 0, 0))
            else:
                levels.append(LevelChange(side, price, level.units, len(level.orders)))
        top = self.top()
        is_new_top = top.as_tuple() != self._told_top
        self._told_top = top.as_tuple()
        update = Update(
            self.instrument_id,
            self.at_ns,
            levels,
            book.changes,
            self._trades,
            self._statuses,
            top if is_new_top else None,
        )
        book.touched = {}
        book.changes = []
        self._trades = []
        self._statuses = []
        return update


class MarketData:
    """The public state of every instrument of a venue; feed it every event, in order."""

    def __init__(self) -> None:
        self.instruments: dict[int, InstrumentData] = {}
        self._touched: dict[int, InstrumentData] = {}

    @staticmethod
    def of_markets(markets: Iterable[Market]) -> MarketData:
        """The public state of markets that are running already (an engine from a snapshot)."""
        data = MarketData()
        for market in markets:
            one = data.of(market.instrument.instrument_id)
            one.instrument = market.instrument
            one.phase = market.phase
            one.lower_ticks, one.upper_ticks = market.lower_ticks, market.upper_ticks
            for side, half in ((BUY, market.bids), (SELL, market.asks)):
                for order in half.orders():
                    one.book.add(order.order_id, side, order.price, order.visible)
            one.take()
        return data

    def of(self, instrument_id: int) -> InstrumentData:
        """The state of one instrument, empty if nothing was heard of it."""
        found = self.instruments.get(instrument_id)
        if found is None:
            found = InstrumentData(instrument_id)
            self.instruments[instrument_id] = found
        return found

    def apply(self, events: Iterable[Event], at_ns: int) -> None:
        """Take in what one command, given at that time, brought about."""
        for event in events:
            handler = _HANDLERS.get(event.KIND)
            if handler is not None:
                handler(self, event, at_ns)

    def has_changes(self) -> bool:
        """Whether there is something to take."""
        return bool(self._touched)

    def take(self) -> list[Update]:
        """What changed since the last taking, by instrument, in the order of first change."""
        touched = self._touched
        if not touched:
            return []
        self._touched = {}
        return [one.take() for one in touched.values()]

    def touch(self, instrument_id: int, at_ns: int) -> InstrumentData:
        """The state of an instrument that changes now."""
        one = self.of(instrument_id)
        one.at_ns = at_ns
        self._touched[instrument_id] = one
        return one


def _rested(data: MarketData, event: OrderRested, at_ns: int) -> None:
    book = data.touch(event.instrument_id, at_ns).book
    book.add(event.order_id, event.side, event.price_ticks, event.visible_units)


def _filled(data: MarketData, event: OrderFilled, at_ns: int) -> None:
    one = data.touch(event.instrument_id, at_ns)
    _fill(one.book, event.maker_order_id, event.maker_remaining_units, event)
    # In an auction both were in the book; else the taker is not in it (yet).
    _fill(one.book, event.taker_order_id, event.taker_remaining_units, event)
    one.trade(
        Trade(
            event.trade_id,
            at_ns,
            event.price_ticks,
            event.quantity_units,
            event.taker_side,
            event.is_auction,
        )
    )


def _fill(book: PublicBook, order_id: int, remaining: int, event: OrderFilled) -> None:
    order = book.orders.get(order_id)
    if order is None:
        return
    # An auction takes hidden units first. Otherwise an iceberg whose shown part is gone leaves
    # the book until it is told to have rested again, behind all others.
    units = order.units if event.is_auction else order.units - event.quantity_units
    book.show(order_id, min(units, remaining))


def _ended(data: MarketData, event: OrderCancelled | OrderExpired, at_ns: int) -> None:
    one = data.of(event.instrument_id)
    if event.order_id in one.book.orders:
        data.touch(event.instrument_id, at_ns).book.remove(event.order_id)


def _reduced(data: MarketData, event: OrderReduced, at_ns: int) -> None:
    one = data.of(event.instrument_id)
    order = one.book.orders.get(event.order_id)
    if order is not None and event.remaining_units < order.units:
        data.touch(event.instrument_id, at_ns).book.show(event.order_id, event.remaining_units)


def _replaced(data: MarketData, event: OrderReplaced, at_ns: int) -> None:
    if event.order_id not in data.of(event.instrument_id).book.orders:
        return
    book = data.touch(event.instrument_id, at_ns).book
    if event.has_kept_priority:
        book.show(event.order_id, event.visible_units)
    else:
        book.remove(event.order_id)


def _phase_changed(data: MarketData, event: PhaseChanged, at_ns: int) -> None:
    one = data.touch(event.instrument_id, at_ns)
    one.status(Status(PHASE, at_ns, phase=event.phase, reason=event.reason))


def _bands_changed(data: MarketData, event: BandsChanged, at_ns: int) -> None:
    one = data.touch(event.instrument_id, at_ns)
    one.status(Status(BANDS, at_ns, lower_ticks=event.lower_ticks, upper_ticks=event.upper_ticks))


def _auction_held(data: MarketData, event: AuctionHeld, at_ns: int) -> None:
    one = data.touch(event.instrument_id, at_ns)
    one.status(
        Status(
            AUCTION,
            at_ns,
            phase=one.phase,
            price_ticks=event.price_ticks,
            units=event.volume_units,
        )
    )


def _listed(data: MarketData, event: InstrumentListed, at_ns: int) -> None:
    one = data.touch(event.instrument_id, at_ns)
    one.instrument = instrument_of(event.parameters)
    one.phase = one.phase or CLOSED
    one.status(Status(LISTED, at_ns))


_HANDLERS: Final[dict[int, Callable[[MarketData, Any, int], None]]] = {
    OrderRested.KIND: _rested,
    OrderFilled.KIND: _filled,
    OrderCancelled.KIND: _ended,
    OrderExpired.KIND: _ended,
    OrderReduced.KIND: _reduced,
    OrderReplaced.KIND: _replaced,
    PhaseChanged.KIND: _phase_changed,
    BandsChanged.KIND: _bands_changed,
    AuctionHeld.KIND: _auction_held,
    InstrumentListed.KIND: _listed,
}
