"""Replays a recorded exchange session on our engine: its orders and cancels in, our trades out.

The recording: one message a line, `date time,ms JSON`. The leading `open` messages without a time
are the book when it began, in price-time order; then what happened. The engine gets the resting
orders, every `received` order and every `done/canceled`; all the rest is what it is held against.

What the feed says about an order only after the fact is gathered from the messages up to that
order's own `open` or `done`, since the venue wrote an order's whole fate in one go: own orders
that its self-trade prevention took away (`change`, `done/canceled` of others), and that an order
was killed unfilled (fill or kill). Lines are read one by one; a session may be of any length.
"""

import gzip
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from trading import commands
from trading.engine import Engine
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

Message = dict[str, Any]
Trade = tuple[str, str, Decimal, Decimal]
UNITS = 100_000_000
_BUYER, _SELLER = 1, 2


def read_messages(path: Path) -> Iterator[Message]:
    """The messages of a session file, packed or not."""
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
        for line in lines:
            begin = line.find("{")
            if begin >= 0:
                yield json.loads(line[begin:])


def ticks_per_price(messages: Iterable[Message]) -> int:
    """How many ticks make up one currency unit, by the finest price of the session."""
    digits = 2
    for message in messages:
        price = message.get("price")
        if price is not None:
            exponent = Decimal(str(price)).normalize().as_tuple().exponent
            digits = max(digits, -exponent if isinstance(exponent, int) else 0)
    return int(10**digits)


@dataclass
class Replay:
    """One session on one engine; `run` it, then look at the rest."""

    scale: int
    engine: Engine = field(default_factory=Engine)
    own: list[Trade] = field(default_factory=list)
    recorded: list[Trade] = field(default_factory=list)
    sequence: int = 0
    submitted: int = 0
    cancelled: int = 0
    _ids: dict[str, int] = field(default_factory=dict)
    _names: dict[int, str] = field(default_factory=dict)
    _number: int = 0

    def run(self, messages: Iterable[Message], until: int | None = None) -> None:
        """Replay all messages, or those up to a sequence number."""
        self._open_venue()
        window: list[Message] = []
        for message in messages:
            if not message.get("time"):
                self.sequence = max(self.sequence, int(message["sequence"]))
                self._rest(message)
                continue
            number = int(message["sequence"])
            if number <= self.sequence:
                continue
            if until is not None and number > until:
                break
            self.sequence = number
            window.append(message)
            if not self._is_fate_open(window):
                self._play(window)
                window = []
        self._play(window)

    def book(self) -> tuple[list[tuple[Decimal, Decimal]], list[tuple[Decimal, Decimal]]]:
        """(price, size) of bids and asks, best first."""
        bids, asks = self.engine.depth(1)
        sides = []
        for levels in (bids, asks):
            sides.append(
                [
                    (Decimal(one.price_ticks) / self.scale, Decimal(one.visible_units) / UNITS)
                    for one in levels
                ]
            )
        return sides[0], sides[1]

    def _open_venue(self) -> None:
        one = Instrument(1, "SESSION", self.scale, money_divisor=UNITS)
        self._do(commands.ListInstrument, one)
        for portfolio in (_BUYER, _SELLER):
            self._do(commands.OpenPortfolio, portfolio, portfolio)
            for _ in range(100):
                self._do(commands.Deposit, portfolio, MONEY_MAX)
                self._do(commands.DepositUnits, portfolio, 1, QUANTITY_UNITS_MAX, 0)
        self._do(commands.SetPhase, 1, CONTINUOUS)

    def _do(self, kind: Any, *arguments: Any) -> list[Any]:
        self._number += 1
        return self.engine.apply(kind(self._number, self._number, *arguments))

    @staticmethod
    def _is_fate_open(window: list[Message]) -> bool:
        """Whether the order that the first message announced still awaits its `open` or `done`."""
        first = window[0]
        if first["type"] != "received":
            return False
        return not any(
            one["type"] in ("open", "done") and one.get("order_id") == first["order_id"]
            for one in window[1:]
        )

    def _play(self, window: list[Message]) -> None:
        if not window:
            return
        first = window[0]
        if first["type"] != "received":
            for message in window:
                self._play_one(message)
            return
        # What its self-trade prevention took away was gone before the order went on.
        lost = Decimal(0)
        for message in window[1:]:
            if message["type"] == "change":
                if message.get("order_id") == first["order_id"]:
                    lost += Decimal(message["old_size"]) - Decimal(message["new_size"])
                else:
                    self._play_one(message)
            elif message["type"] == "done" and message["order_id"] != first["order_id"]:
                self._play_one(message)
        if not self._is_killed(window):
            self._submit(first, lost)
        for message in window[1:]:
            if message["type"] == "match":
                self._record(message)
            elif message.get("order_id") == first["order_id"] and message["type"] == "done":
                self._play_one(message)

    @staticmethod
    def _is_killed(window: list[Message]) -> bool:
        first, last = window[0], window[-1]
        return (
            last.get("reason") == "canceled"
            and last.get("order_id") == first["order_id"]
            and not any(one["type"] == "match" for one in window)
        )

    def _play_one(self, message: Message) -> None:
        kind = message["type"]
        if kind == "match":
            self._record(message)
        elif kind == "done" and message.get("reason") == "canceled":
            self._cancel(message["order_id"])
        elif kind == "change":
            self._shrink(message)
        elif kind == "open" and message["order_id"] not in self._ids:
            # Its announcement fell into a gap of the recording.
            self._rest(message)

    def _record(self, message: Message) -> None:
        self.recorded.append(
            (
                message["maker_order_id"],
                message["taker_order_id"],
                Decimal(message["price"]),
                Decimal(message["size"]),
            )
        )

    def _rest(self, message: Message) -> None:
        size = int(Decimal(message["remaining_size"]) * UNITS)
        price = int(Decimal(message["price"]) * self.scale)
        self._place(message["order_id"], message["side"], size, price, GTC)

    def _submit(self, message: Message, lost: Decimal) -> None:
        is_buy = message["side"] == "buy"
        if message["order_type"] == "limit":
            price = int(Decimal(message["price"]) * self.scale)
            size = int((Decimal(message["size"]) - lost) * UNITS)
            if size > 0:
                self._place(message["order_id"], message["side"], size, price, GTC)
            return
        size = self._market_units(message) - int(lost * UNITS)
        if size > 0:
            price = PRICE_TICKS_MAX if is_buy else 1
            self._place(message["order_id"], message["side"], size, price, IOC)

    def _market_units(self, message: Message) -> int:
        """What a market order asks for: a size, or what its funds pay for in our book."""
        size = message.get("size")
        units = int(Decimal(size) * UNITS) if size is not None else QUANTITY_UNITS_MAX
        funds = message.get("funds")
        if funds is None:
            return units
        bids, asks = self.engine.depth(1)
        money = int(Decimal(funds) * self.scale * UNITS)
        bought = 0
        for level in asks if message["side"] == "buy" else bids:
            part = min(level.visible_units, money // level.price_ticks)
            bought += part
            money -= part * level.price_ticks
            if part < level.visible_units:
                break
        return min(units, bought)

    def _place(self, name: str, side: str, units: int, price: int, tif: int) -> None:
        is_buy = side == "buy"
        portfolio = _BUYER if is_buy else _SELLER
        terms = NewOrder(
            portfolio,
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
                self.own.append(
                    (
                        self._names[event.maker_order_id],
                        self._names[event.taker_order_id],
                        Decimal(event.price_ticks) / self.scale,
                        Decimal(event.quantity_units) / UNITS,
                    )
                )
            else:
                assert not isinstance(event, OrderRejected), event

    def _cancel(self, name: str) -> None:
        order_id = self._ids.get(name)
        if order_id is not None and order_id in self.engine.venue.orders:
            self.cancelled += 1
            self._do(commands.CancelOrder, order_id, 0)

    def _shrink(self, message: Message) -> None:
        order_id = self._ids.get(message["order_id"])
        order = None if order_id is None else self.engine.venue.orders.get(order_id)
        if order is None or message.get("new_size") is None:
            return
        left = int(Decimal(message["new_size"]) * UNITS)
        if left == 0:
            self._cancel(message["order_id"])
            return
        portfolio = order.portfolio.portfolio_id
        self._do(commands.ReplaceOrder, order_id, portfolio, order.filled() + left)
