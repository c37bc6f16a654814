"""One feed: what a provider tells becomes public state, and messages for whoever listens.

`take` only brings the state up to date, which costs microseconds; messages are made, encoded once
and handed out by `run`, at its own pace. When there is more than it can hand out, books and quotes
are netted; trades, order changes and statuses are not.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol, TypeVar

from cloud.events.cancelled import end_if_cancelled
from cloud.exchange.market_data import bodies
from cloud.exchange.market_data.listed import Listed
from cloud.exchange.market_data.messages import Batch, StreamMessage
from cloud.exchange.market_data.streams import Listener, Streams
from cloud.exchange.restarting import Guard
from protocols.market_book import CHANNEL_TYPES
from trading.bars import DAY, MINUTE, SECOND, Bar, BarLadder
from trading.event_base import Event
from trading.instruments import CLOSED
from trading.market_data import (
    AUCTION,
    BANDS,
    PHASE,
    InstrumentData,
    MarketData,
    Status,
    Trade,
    Update,
)

Told = TypeVar("Told")

PAUSE_S: Final = 0.01
"""Between two hand-outs: what comes within it goes out together."""
SLICE: Final = 64
"""So many connections are served before orders and others get their turn again."""


class Watcher(Protocol):
    """Who must know more than clients do: the recorder, the cache, the rooms."""

    def updated(self, quote: "Quote", update: Update) -> None:
        """Something of the instrument changed."""
        ...

    def ended(self, listed: Listed, bar: Bar) -> None:
        """A bar is complete."""
        ...


class Quote:
    """The latest of one instrument; bars None where nothing traded."""

    def __init__(self, listed: Listed, data: InstrumentData) -> None:
        self.listed = listed
        self.data = data
        self.top = data.top()
        self.top_at_ns = data.at_ns
        self.last: Trade | None = data.last
        self.ladder = BarLadder()
        self.last_minute: Bar | None = None
        self.last_day: Bar | None = None
        self.day_before: Bar | None = None

    def minute(self) -> Bar | None:
        """The latest minute's bar, one in progress if it is the first."""
        return self.last_minute or self.ladder.current(MINUTE)

    def days(self) -> tuple[Bar | None, Bar | None]:
        """The latest day's bar and the one before."""
        current = self.ladder.current(DAY)
        return (self.last_day, self.day_before) if current is None else (current, self.last_day)


class Feed:
    """The public state of one provider's instruments, and their streams.

    name: as in `/v2/{name}`. is_ready: whether anybody may be shown anything.
    on_close: who listened must come again. guard: where mistakes end; a provider that can
        begin anew sets its own, else the feed stays closed.
    settled_ns: given the time, up to when no trade can be taken in any more; a provider whose
        trades come a moment after they were made sets its own.
    new_epoch: a name for a numbering that was never used before.
    day_offset_ns: local time's lead over UTC at an instant, for daily bars.
    """

    def __init__(
        self,
        name: str,
        *,
        new_epoch: Callable[[], str],
        day_offset_ns: Callable[[int], int],
        watchers: Sequence[Watcher] = (),
        units_per_size: int = 1,
    ) -> None:
        self.name = name
        self._units_per_size = units_per_size
        self.is_ready = False
        self.streams = Streams(new_epoch())
        self.quotes: dict[str, Quote] = {}
        self.now_ns = 0
        self.on_close: Callable[[], None] = lambda: None
        self.guard = Guard(f"market-data-{name}", self.close)
        self.settled_ns: Callable[[int], int] = lambda now_ns: now_ns
        self._new_epoch = new_epoch
        self._day_offset_ns = day_offset_ns
        self._watchers = watchers
        self._data = MarketData()
        self._symbols: dict[int, str] = {}
        self._has_news = asyncio.Event()
        self._has_bars = True
        self._waiting: list[tuple[int, Trade]] = []
        self._seeded_to = -1
        self._snapshots: dict[tuple[str, str], StreamMessage] = {}

    # --- what providers tell

    def close(self) -> None:
        """Show nobody anything until it begins; who listened must come again."""
        self.is_ready = False
        self.on_close()

    def begin(self, data: MarketData, at_ns: int, *, has_bars: bool = True) -> None:
        """Start from this state, with a new numbering; who listened must come again.

        has_bars: False if `seed` will tell the bars so far; trades wait for it.
        """
        self.close()
        self._data = data
        self.now_ns = at_ns
        self.streams = Streams(self._new_epoch())
        self.quotes, self._symbols, self._waiting = {}, {}, []
        self._snapshots.clear()
        for one in data.instruments.values():
            self._list(one)
            one.at_ns = at_ns
        for quote in self.quotes.values():
            quote.top_at_ns = at_ns
        self._has_bars = has_bars
        self._seeded_to = -1
        self.is_ready = True

    def take(self, events: Sequence[Event], at_ns: int) -> None:
        """Take in what one command, at that time, brought about."""
        if not self.is_ready:
            return
        self.now_ns = max(self.now_ns, at_ns)
        self._data.apply(events, at_ns)
        if not self._has_news.is_set() and self._data.has_changes():
            self._has_news.set()

    def seed(self, seconds: Iterable[tuple[int, Bar]], last_trade_id: int) -> None:
        """The bars so far, as seconds in order; then the trades that waited and are not in them.

        What the database has may be heard of only later: it is in them as well.
        """
        # Half of the bars would be counted twice by another try: so all of it begins anew.
        with self.guard.over():
            self._seed(seconds, last_trade_id)

    def _seed(self, seconds: Iterable[tuple[int, Bar]], last_trade_id: int) -> None:
        for instrument_id, bar in seconds:
            quote = self._quote_of(instrument_id)
            if quote is not None:
                for ended in self._ladder(quote, bar.starts_ns).take(bar):
                    self._ended(quote, ended, is_news=False)
        self._has_bars, self._seeded_to = True, last_trade_id
        waiting, self._waiting = self._waiting, []
        for instrument_id, trade in waiting:
            quote = self._quote_of(instrument_id)
            if quote is not None:
                self._count(quote, trade)

    def remember(
        self, instrument_id: int, last: Trade | None, minutes: Sequence[Bar], days: Sequence[Bar]
    ) -> None:
        """The latest of before `begin`, newest first; nothing of it is news."""
        quote = self._quote_of(instrument_id)
        if quote is None:
            return
        quote.last = quote.last or last
        quote.last_minute = next(iter(minutes), None)
        quote.last_day, quote.day_before = (*days, None, None)[:2]

    # --- what clients hear

    async def run(self) -> None:
        """Hand out what there is to tell, until cancelled."""
        while True:
            end_if_cancelled()
            await self._has_news.wait()
            self._has_news.clear()
            self.write()
            for batch, listeners in together(self.streams.take()):
                await _hand_out(batch, listeners)
            await asyncio.sleep(PAUSE_S)

    def advance(self, now_ns: int) -> None:
        """Time has come so far: bars end, with every trade in them."""
        self.now_ns = max(self.now_ns, now_ns)
        self.write()
        if not self._has_bars or not self.is_ready:
            return
        until_ns = self.settled_ns(now_ns)
        for quote in self.quotes.values():
            for bar in self._ladder(quote, until_ns).advance(until_ns):
                self._ended(quote, bar)

    def write(self) -> None:
        """Turn all changes so far into numbered messages; `run` does, and tests."""
        if not self.is_ready:
            return
        # Whoever happens to ask cannot help it; what was taken in is lost then.
        with self.guard.over():
            self._write()

    def _write(self) -> None:
        for update in self._data.take():
            quote = self._quote_of(update.instrument_id)
            if quote is not None:
                self._tell(quote, update)

    def deliver(self) -> None:
        """Hand out everything at once; for whoever has no `run`."""
        self.write()
        for batch, listeners in together(self.streams.take()):
            for listener in listeners:
                listener.offer(batch)

    def snapshot(self, channel: str, symbol: str) -> StreamMessage:
        """A book's state at its stream's present number; empty for a symbol nobody knows yet."""
        # What is not written yet would else be in the snapshot and come again behind it.
        self.write()
        seq = self.streams.stream(channel, symbol).seq
        last = self._snapshots.get((channel, symbol))
        if last is not None and last.seq == seq:
            return last
        quote = self.quotes.get(symbol)
        if quote is None:
            body = bodies.EMPTY_BOOKS[channel]
        elif channel == "orderbooks":
            body = bodies.book_snapshot_body(quote.listed, quote.data)
        else:
            body = bodies.orders_snapshot_body(quote.listed, quote.data)
        head = {"T": CHANNEL_TYPES[channel], "S": symbol}
        place = {"seq": seq, "epoch": self.streams.epoch}
        at_ns = self.now_ns if quote is None else quote.data.at_ns
        message = StreamMessage({**head, **body, **place}, at_ns, seq)
        if quote is not None:
            # A thousand that come at once share one.
            self._snapshots[(channel, symbol)] = message
        return message

    # --- how

    def _tell(self, quote: Quote, update: Update) -> None:
        listed = quote.listed
        if update.trades:
            self._tell_trades(quote, update.trades)
        at_ns = update.at_ns
        if update.top is not None:
            quote.top, quote.top_at_ns = update.top, at_ns
            self._add("quotes", listed, at_ns, bodies.quote_body, update.top)
        if update.levels:
            self._add("orderbooks", listed, at_ns, bodies.book_body, update.levels)
        if update.orders:
            self._add("bookOrders", listed, at_ns, bodies.orders_body, update.orders)
        for status in update.statuses:
            self._tell_status(listed, status)
        for watcher in self._watchers:
            watcher.updated(quote, update)

    def _tell_trades(self, quote: Quote, trades: Sequence[Trade]) -> None:
        listed = quote.listed
        quote.last = trades[-1]
        if self.streams.is_wanted("trades", listed.symbol, self.now_ns):
            for trade in trades:
                body = bodies.trade_body(listed, trade)
                self.streams.add("trades", listed.symbol, body, trade.at_ns)
        else:
            self.streams.skip("trades", listed.symbol, len(trades))
        for trade in trades:
            self._count(quote, trade)

    def _tell_status(self, listed: Listed, status: Status) -> None:
        if status.kind == PHASE:
            self._add("statuses", listed, status.at_ns, bodies.phase_body, status)
        elif status.kind == AUCTION:
            self._add("statuses", listed, status.at_ns, bodies.auction_body, status)
        elif status.kind == BANDS:
            self._add("lulds", listed, status.at_ns, bodies.band_body, status)

    def _add(
        self,
        channel: str,
        listed: Listed,
        at_ns: int,
        make: Callable[[Listed, Told], bodies.Body],
        what: Told,
    ) -> None:
        if self.streams.is_wanted(channel, listed.symbol, self.now_ns):
            self.streams.add(channel, listed.symbol, make(listed, what), at_ns)
        else:
            self.streams.skip(channel, listed.symbol)

    def _count(self, quote: Quote, trade: Trade) -> None:
        if not self._has_bars:
            self._waiting.append((quote.listed.id, trade))
            return
        if trade.trade_id <= self._seeded_to:
            return
        ended = self._ladder(quote, trade.at_ns).add(trade.price_ticks, trade.units, trade.at_ns)
        for bar in ended:
            self._ended(quote, bar)

    def _ended(self, quote: Quote, bar: Bar, *, is_news: bool = True) -> None:
        listed = quote.listed
        if bar.span_s == MINUTE:
            quote.last_minute = bar
        elif bar.span_s == DAY:
            quote.last_day, quote.day_before = bar, quote.last_day
        for watcher in self._watchers:
            watcher.ended(listed, bar)
        if not is_news:
            return
        self._has_news.set()
        if bar.span_s == SECOND:
            self._add_bar("secondBars", listed, bar)
        elif bar.span_s == MINUTE:
            self._add_bar("bars", listed, bar)
            day = quote.ladder.current(DAY)
            if day is not None:
                self._add_bar("dailyBars", listed, day)

    def _add_bar(self, channel: str, listed: Listed, bar: Bar) -> None:
        self._add(channel, listed, bar.starts_ns, bodies.bar_body, bar)

    def _ladder(self, quote: Quote, at_ns: int) -> BarLadder:
        quote.ladder.offset_ns = self._day_offset_ns(at_ns)
        return quote.ladder

    def _quote_of(self, instrument_id: int) -> Quote | None:
        data = self._data.of(instrument_id)
        symbol = self._symbols.get(instrument_id)
        if symbol is None or self.quotes[symbol].listed.instrument is not data.instrument:
            return self._list(data)
        return self.quotes[symbol]

    def _list(self, data: InstrumentData) -> Quote | None:
        """Make an instrument known, or changed: it keeps its bars, not its old symbol."""
        if data.instrument is None:
            return None
        listed = Listed(data.instrument, self._units_per_size)
        quote = Quote(listed, data)
        before = self.quotes.pop(self._symbols.get(listed.id, ""), None)
        if before is not None:
            quote.ladder, quote.last_minute = before.ladder, before.last_minute
            quote.last_day, quote.day_before = before.last_day, before.day_before
            quote.last = before.last
        self._symbols[listed.id] = listed.symbol
        self.quotes[listed.symbol] = quote
        data.phase = data.phase or CLOSED
        return quote


def together(
    told: Iterable[tuple[Batch, Sequence[Listener]]],
) -> list[tuple[Batch, Sequence[Listener]]]:
    """One batch, and so one frame, for each set of connections that hear the same of this."""
    everything = list(told)
    if len(everything) == 1:
        return everything
    heard: dict[Listener, list[int]] = {}
    for number, (_, listeners) in enumerate(everything):
        for listener in listeners:
            heard.setdefault(listener, []).append(number)
    groups: dict[tuple[int, ...], list[Listener]] = {}
    for listener, numbers in heard.items():
        groups.setdefault(tuple(numbers), []).append(listener)
    return [
        (Batch([one for number in numbers for one in everything[number][0].messages]), listeners)
        for numbers, listeners in groups.items()
    ]


async def _hand_out(batch: Batch, listeners: Sequence[Listener]) -> None:
    for number, listener in enumerate(listeners, 1):
        listener.offer(batch)
        if number % SLICE == 0:
            await asyncio.sleep(0)
