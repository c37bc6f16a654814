"""Recorded market data as trading events: sessions order by order (L3), or by price level (L2).

One JSON message a line behind whatever prefix the recorder wrote; lines without one, and what the
recorder itself sent, are passed over. Of L3, the leading `open` messages without a time are the
book when it began. Of L2, a level stands for one order. Messages are read one by one: a recording
may be of any length. Prices and sizes are whole multiples of 1 / SCALE.
"""

import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any, Final

from trading.account_events import InstrumentListed, PhaseChanged
from trading.event_base import Event
from trading.instruments import CONTINUOUS, Instrument
from trading.order_events import OrderCancelled, OrderFilled, OrderReduced, OrderRested
from trading.orders import BUY, SELL

SCALE: Final = 10**8
Message = Mapping[str, Any]
_SIDES: Final = {"buy": BUY, "bid": BUY, "sell": SELL, "ask": SELL}
_OTHER: Final = {BUY: SELL, SELL: BUY}
_SENT: Final = " <- "


@dataclass(frozen=True)
class Step:
    """What one message brought about. at_ns: when, by the exchange; of none, the one before."""

    at_ns: int
    events: list[Event]


def read_recording(path: Path) -> Iterator[Step]:
    """The steps of a recording, packed with gzip or not.

    Raises:
        OSError: it cannot be read.
    """
    recording = _Recording()
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
        for line in lines:
            message = _message(line)
            if message is not None:
                step = recording.take(message)
                if step.events:
                    yield step


def _message(line: str) -> Message | None:
    begin = line.find("{")
    if begin < 0 or _SENT in line[:begin]:
        return None
    try:
        message = json.loads(line[begin:], parse_float=Decimal)
    except ValueError:
        return None  # The last line of a recorder that was stopped.
    return message if isinstance(message, dict) else None


@dataclass
class _Product:
    """One product's orders so far; `seen` is the number of the last message that counts."""

    number: int
    orders: dict[str, int] = field(default_factory=dict)
    remaining: dict[int, int] = field(default_factory=dict)
    seen: int = 0


class _Recording:
    """Turns messages into events, remembering what the next ones need."""

    def __init__(self) -> None:
        self._products: dict[str, _Product] = {}
        self._order_ids = count(1)
        self._trade_ids = count(1)
        self._sequence = 0
        self._at_ns = 0

    def take(self, message: Message) -> Step:
        kind, name = message.get("type"), message.get("product_id")
        handle = _HANDLERS.get(kind) if isinstance(kind, str) else None
        if handle is None or not isinstance(name, str):
            return Step(self._at_ns, [])
        self._sequence += 1
        self._at_ns = max(self._at_ns, _at_ns(message.get("time")))
        events: list[Event] = []
        product = self._products.get(name)
        if product is None:
            product = self._products[name] = _Product(len(self._products) + 1)
            events += self._listed(product, name, message)
        number = int(message.get("sequence", 0))
        is_resting = kind == "open" and not message.get("time")
        if is_resting:
            product.seen = max(product.seen, number)
        elif 0 < number <= product.seen:
            return Step(self._at_ns, events)
        handle(self, product, message, events)
        return Step(self._at_ns, events)

    def _listed(self, product: _Product, name: str, message: Message) -> list[Event]:
        reference = max(1, _whole(message.get("price", "1")))
        one = Instrument(
            product.number, name, reference, money_divisor=SCALE // 100, is_shortable=True
        )
        return [
            InstrumentListed(self._sequence, product.number, one.as_tuple()),
            PhaseChanged(self._sequence, product.number, CONTINUOUS, 0),
        ]

    def open(self, product: _Product, message: Message, events: list[Event]) -> None:
        """An order rests."""
        size = _whole(message.get("remaining_size", message.get("size", 0)))
        self._rest(
            product, message["order_id"], _SIDES[message["side"]], message["price"], size, events
        )

    def match(self, product: _Product, message: Message, events: list[Event]) -> None:
        """A trade; `side` is the resting order's."""
        maker = product.orders.get(str(message.get("maker_order_id")), 0)
        size = _whole(message["size"])
        left = max(0, product.remaining.get(maker, 0) - size)
        if maker:
            product.remaining[maker] = left
        events.append(
            OrderFilled(
                self._sequence,
                next(self._trade_ids),
                product.number,
                maker,
                0,
                0,
                0,
                _OTHER[_SIDES[message["side"]]],
                _whole(message["price"]),
                size,
                0,
                0,
                0,
                left,
                0,
                False,
            )
        )

    def done(self, product: _Product, message: Message, events: list[Event]) -> None:
        """An order has ended, if it was in the book."""
        self._end(product, str(message["order_id"]), events)

    def change(self, product: _Product, message: Message, events: list[Event]) -> None:
        """An order that keeps its place has another size."""
        order = product.orders.get(str(message["order_id"]))
        if order is not None and message.get("new_size") is not None:
            left = _whole(message["new_size"])
            by = product.remaining[order] - left
            product.remaining[order] = left
            events.append(OrderReduced(self._sequence, order, product.number, by, left, 0))

    def snapshot(self, product: _Product, message: Message, events: list[Event]) -> None:
        """All levels, replacing what was known."""
        for name in list(product.orders):
            self._end(product, name, events)
        for key in ("bids", "asks"):
            for price, size, *_ in message[key]:
                self._level(product, key[:3], price, size, events)

    def l2update(self, product: _Product, message: Message, events: list[Event]) -> None:
        """Some levels as they are now; size 0: gone."""
        for side, price, size in message["changes"]:
            self._level(product, side, price, size, events)

    def _level(
        self, product: _Product, side: str, price: str, size: str, events: list[Event]
    ) -> None:
        name = f"{_SIDES[side]}:{_whole(price)}"
        whole = _whole(size)
        if whole == 0:
            self._end(product, name, events)
        else:
            self._rest(product, name, _SIDES[side], price, whole, events)

    def _rest(
        self,
        product: _Product,
        name: str,
        side: int,
        price: str,
        size: int,
        events: list[Event],
    ) -> None:
        order = product.orders.get(name)
        if order is None:
            order = product.orders[name] = next(self._order_ids)
        product.remaining[order] = size
        events.append(
            OrderRested(self._sequence, order, product.number, side, _whole(price), size, size)
        )

    def _end(self, product: _Product, name: str, events: list[Event]) -> None:
        order = product.orders.pop(name, None)
        if order is not None:
            left = product.remaining.pop(order)
            events.append(OrderCancelled(self._sequence, order, 0, product.number, left, 0))


_HANDLERS: Final = {
    "open": _Recording.open,
    "match": _Recording.match,
    "done": _Recording.done,
    "change": _Recording.change,
    "snapshot": _Recording.snapshot,
    "l2update": _Recording.l2update,
}


def _whole(value: object) -> int:
    """A price or size in units of 1 / SCALE; what is finer is cut off."""
    return int(Decimal(str(value)) * SCALE)


def _at_ns(text: object) -> int:
    if not isinstance(text, str) or not text:
        return 0
    at = datetime.fromisoformat(text).astimezone(UTC)
    return int(at.replace(microsecond=0).timestamp()) * 10**9 + at.microsecond * 1_000
