"""A client's market data: keeps a book from snapshot and deltas, and notices what was lost.

For any client of the data stream `/v2/{feed}` (docs/trading.md), whatever it decodes frames with:
messages are plain mappings, prices `float`, `int`, `str` or `Decimal`. Every message of one channel
and symbol carries `seq`, one more than the last. A gap raises `SequenceGapError`; what is then to
be sent is `resume_request`: the server answers with what was missed, or a new snapshot.

    book = LevelBook("AAPL")
    send(subscribe_request(book))
    ... for every message of a frame:
    if book.is_for(message):
        try:
            book.apply(message)
        except SequenceGapError:
            send(resume_request(book))
"""

from bisect import bisect_left, insort
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from protocols.realtime import SequenceGapError

__all__ = [
    "CHANNEL_TYPES",
    "LevelBook",
    "OrderBook",
    "SequenceGapError",
    "StreamPlace",
    "resume_request",
    "subscribe_request",
]

Message = Mapping[str, Any]
Size = int | Decimal
"""Whole wherever whole units are traded."""

CHANNEL_TYPES: Final[dict[str, str]] = {
    "trades": "t",
    "quotes": "q",
    "bars": "b",
    "updatedBars": "u",
    "dailyBars": "d",
    "secondBars": "sb",
    "statuses": "s",
    "lulds": "l",
    "orderbooks": "o",
    "bookOrders": "bo",
}
"""Channel -> the `T` of its messages. Alpaca's names; `secondBars` and `bookOrders` are ours."""


class StreamPlace:
    """One client's place in one channel of one symbol.

    epoch: of the numbering; another one means that the server began anew. "" before the first
        message that says it. seq: the last number had. is_missing: a gap was told of, and what
        was missed has not come yet.
    """

    def __init__(self, channel: str, symbol: str) -> None:
        self.channel = channel
        self.symbol = symbol
        self.epoch = ""
        self.seq = 0
        self.is_known = False
        self.is_missing = False

    def is_for(self, message: Message) -> bool:
        """Whether the message belongs to this channel and symbol."""
        kind = message.get("T")
        if kind == "reset":
            return message.get("S") == self.symbol and message.get("channel") == self.channel
        return kind == CHANNEL_TYPES[self.channel] and message.get("S") == self.symbol

    def subscribed(self, answer: Message) -> None:
        """Take the place that the server's answer to the subscription names, if it names one.

        So that the loss of the very first message shows, too.
        """
        seq = answer.get("places", {}).get(self.channel, {}).get(self.symbol)
        if seq is not None:
            self.epoch, self.seq, self.is_known = str(answer["epoch"]), int(seq), True

    def is_new(self, message: Message) -> bool:
        """Whether this message is the next one; False for one that was had, or must wait.

        A `reset` says that what came before is not at hand any more: the place moves to it.

        Raises:
            SequenceGapError: at least one message before this one is missing. Told once; until
                they come, later ones must wait: the server sends them again.
        """
        seq = int(message["seq"])
        if "epoch" in message or not self.is_known:
            self.epoch = str(message.get("epoch", self.epoch))
            self.seq = seq
            self.is_known, self.is_missing = True, False
            return message.get("T") != "reset"
        if seq <= self.seq:
            return False
        if seq != self.seq + 1:
            if self.is_missing:
                return False
            self.is_missing = True
            raise SequenceGapError(
                f"{self.channel} of {self.symbol} went from {self.seq} to {seq}."
            )
        self.seq, self.is_missing = seq, False
        return True


def subscribe_request(*places: StreamPlace) -> dict[str, Any]:
    """The message that subscribes to these, from now on (books: from a snapshot)."""
    request: dict[str, Any] = {"action": "subscribe"}
    for place in places:
        request.setdefault(place.channel, []).append(place.symbol)
    return request


def resume_request(*places: StreamPlace) -> dict[str, Any]:
    """The message that goes on where these stand; for after a gap or a new connection.

    The epoch travels along: on a server that has lost its history, it leads to a snapshot or a
    `reset` instead of numbers that mean something else.
    """
    request = subscribe_request(*places)
    for place in places:
        if place.is_known and place.epoch:
            known = request.setdefault("resume", {}).setdefault(place.channel, {})
            known[place.symbol] = [place.epoch, place.seq]
    return request


class _Side:
    """Prices of one side with what each shows, ascending."""

    def __init__(self) -> None:
        self.prices: list[Decimal] = []
        self.shown: dict[Decimal, tuple[Size, int]] = {}

    def put(self, price: Decimal, size: Size, count: int) -> None:
        if size == 0:
            if self.shown.pop(price, None) is not None:
                del self.prices[bisect_left(self.prices, price)]
            return
        if price not in self.shown:
            insort(self.prices, price)
        self.shown[price] = (size, count)


class LevelBook(StreamPlace):
    """One symbol's price levels (L2), from the channel `orderbooks`.

    is_ready: False until the first snapshot, and from a gap until the next one.
    """

    def __init__(self, symbol: str) -> None:
        super().__init__("orderbooks", symbol)
        self.is_ready = False
        self._bids = _Side()
        self._asks = _Side()

    def apply(self, message: Message) -> bool:
        """Take in a message of this book; whether it changed anything.

        Raises:
            SequenceGapError: messages are missing. The book stays as it was, `is_ready` is False:
                send `resume_request`.
        """
        if message.get("r"):
            self._bids, self._asks = _Side(), _Side()
            self.is_known = False
        elif not self.is_known and int(message["seq"]) != 1:
            return False  # The first of all needs no snapshot: the book was empty.
        try:
            is_new = self.is_new(message)
        except SequenceGapError:
            self.is_ready = False
            raise
        if not is_new:
            return False
        # The very next message after a gap: what was missed was sent again.
        self.is_ready = True
        for side, levels in ((self._bids, message["b"]), (self._asks, message["a"])):
            for level in levels:
                side.put(_decimal(level["p"]), _size(level["s"]), int(level.get("n", 0)))
        return True

    def bids(self, count: int | None = None) -> list[tuple[Decimal, Size]]:
        """(price, size) of the bids, highest first."""
        side = self._bids
        return [(price, side.shown[price][0]) for price in side.prices[::-1][:count]]

    def asks(self, count: int | None = None) -> list[tuple[Decimal, Size]]:
        """(price, size) of the asks, lowest first."""
        side = self._asks
        return [(price, side.shown[price][0]) for price in side.prices[:count]]

    def orders_at(self, price: Decimal, *, is_bid: bool) -> int:
        """How many orders stand at a price; 0 where none does."""
        side = self._bids if is_bid else self._asks
        return side.shown.get(price, (0, 0))[1]


class OrderBook(StreamPlace):
    """One symbol's orders one by one (L3), from the channel `bookOrders`.

    Each change is `[kind, order, side, price, size]`: "a" added at the back of its price's queue,
    "m" shows `size` now and keeps its place, "d" gone. Sides are "B" and "S".
    """

    def __init__(self, symbol: str) -> None:
        super().__init__("bookOrders", symbol)
        self.is_ready = False
        self._orders: dict[int, list[Any]] = {}

    def apply(self, message: Message) -> bool:
        """Take in a message of this book; whether it changed anything.

        Raises:
            SequenceGapError: as of `LevelBook`.
        """
        if message.get("r"):
            self._orders = {}
            self.is_known = False
        elif not self.is_known and int(message["seq"]) != 1:
            return False  # The first of all needs no snapshot: the book was empty.
        try:
            is_new = self.is_new(message)
        except SequenceGapError:
            self.is_ready = False
            raise
        if not is_new:
            return False
        self.is_ready = True
        for kind, order, side, price, size in message["c"]:
            self._change(kind, int(order), side, price, _size(size))
        return True

    def queue(self, side: str) -> list[tuple[int, Decimal, Size]]:
        """(order, price, size) of a side in the order in which they would trade."""
        found = [
            (order, price, size)
            for order, (own, price, size) in self._orders.items()
            if own == side
        ]
        # Sorting is stable: first come first served within a price.
        return sorted(found, key=lambda one: -one[1] if side == "B" else one[1])

    def _change(self, kind: str, order: int, side: str, price: float | str, size: Size) -> None:
        if kind == "d":
            self._orders.pop(order, None)
        elif kind == "m":
            self._orders[order][2] = size
        else:
            self._orders.pop(order, None)
            self._orders[order] = [side, _decimal(price), size]


def _decimal(value: float | str | Decimal) -> Decimal:
    """The number as it was written: a float's shortest text is the price it was made from."""
    return Decimal(str(value))


def _size(value: float | str | Decimal) -> Size:
    exact = _decimal(value)
    return int(exact) if exact == int(exact) else exact
