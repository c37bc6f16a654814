"""What REST asks of market data: parse the parameters, look it up, shape the answer."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from cloud.exchange.market_data.errors import MarketDataRequestError, NoMarketDataError
from cloud.exchange.market_data.feed import Feed, Quote
from cloud.exchange.market_data.history import History, Item, Page, PageTokenError, Span
from cloud.exchange.market_data.latest import book, of_all
from cloud.exchange.market_data.queries import (
    adjustment_of,
    check_feed,
    span_of,
    symbols_of,
    timeframe_of,
)
from cloud.exchange.sequencer import ExchangeUnavailable
from cloud.kit.clock import Clock

Answer = dict[str, object]
Words = dict[str, str | None]
BARS: Final = "bars"
TRADES: Final = "trades"
QUOTES: Final = "quotes"


class MarketDataDesk:
    """Answers every request for market data of one feed."""

    def __init__(self, feed: Feed, history: History, clock: Clock) -> None:
        self.feed = feed
        self._history = history
        self._clock = clock

    async def many(self, kind: str, symbols: str | None, words: Words) -> Answer:
        """Bars, trades or quotes of several symbols, by symbol.

        Raises:
            MarketDataRequestError: a parameter is wrong. ExchangeUnavailable: not in this process.
        """
        page = await self._page(kind, symbols_of(symbols), words)
        return {kind: page.items, "next_page_token": page.next_page_token}

    async def one(self, kind: str, symbol: str, words: Words) -> Answer:
        """The same of one symbol, as a list."""
        page = await self._page(kind, symbols_of(symbol), words)
        items = page.items.get(symbol, [])
        return {"symbol": symbol, kind: items, "next_page_token": page.next_page_token}

    def latest_of_many(
        self, symbols: str | None, words: Words, make: Callable[[Quote], Item | None]
    ) -> dict[str, Item]:
        """What `make` gives for each listed symbol, by symbol."""
        self._check(words)
        return of_all(self.feed, symbols_of(symbols), make)

    def latest_of_one(
        self, symbol: str, words: Words, make: Callable[[Quote], Item | None]
    ) -> Item:
        """What `make` gives for the symbol.

        Raises:
            NoMarketDataError: it is not listed, or there is nothing of that kind yet.
        """
        self._check(words)
        (name,) = symbols_of(symbol)[:1]
        found = of_all(self.feed, [name], make).get(name)
        if found is None:
            raise NoMarketDataError(f"There is no market data of that kind for {name}.")
        return found

    def book(self, quote: Quote) -> Item:
        """The levels of a book, for `latest_of_many` and `latest_of_one`."""
        return book(self.feed, quote)

    async def _page(self, kind: str, symbols: Sequence[str], words: Words) -> Page:
        self._check(words)
        span = span_of(
            start=words.get("start"),
            end=words.get("end"),
            limit=words.get("limit"),
            sort=words.get("sort"),
            page_token=words.get("page_token"),
            now=self._clock.now(),
        )
        try:
            return await self._read(kind, symbols, words, span)
        except PageTokenError as error:
            raise MarketDataRequestError("invalid page_token") from error

    def _read(self, kind: str, symbols: Sequence[str], words: Words, span: Span) -> Awaitable[Page]:
        if kind == BARS:
            frame = timeframe_of(words.get("timeframe"))
            adjustment = adjustment_of(words.get("adjustment"))
            return self._history.bars(symbols, frame, span, adjustment)
        read = self._history.trades if kind == TRADES else self._history.quotes
        return read(symbols, span)

    def _check(self, words: Words) -> None:
        check_feed(words.get("feed"), words.get("currency"))
        self.feed.write()
        if not self.feed.is_ready:
            raise ExchangeUnavailable
