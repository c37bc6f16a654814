"""The latest of each symbol, as REST shows it."""

from collections.abc import Callable, Sequence
from typing import Final

from cloud.exchange.market_data import bodies
from cloud.exchange.market_data.feed import Feed, Quote
from cloud.exchange.market_data.history import Item, timed
from trading.bars import Bar

BOOK_LEVELS: Final = 50


def latest_trade(quote: Quote) -> Item | None:
    """The last trade; None before the first."""
    last = quote.last
    return None if last is None else timed(bodies.trade_body(quote.listed, last), last.at_ns)


def latest_quote(quote: Quote) -> Item:
    """Best bid and offer, and since when."""
    return timed(bodies.quote_body(quote.listed, quote.top), quote.top_at_ns)


def latest_bar(quote: Quote) -> Item | None:
    """The latest minute's bar."""
    return _bar(quote, quote.minute())


def latest_day(quote: Quote) -> Item | None:
    """The latest day's bar."""
    return _bar(quote, quote.days()[0])


def snapshot(quote: Quote) -> Item:
    """Trade, quote, and bars of minute, day and the day before."""
    day, day_before = quote.days()
    return {
        "latestTrade": latest_trade(quote),
        "latestQuote": latest_quote(quote),
        "minuteBar": latest_bar(quote),
        "dailyBar": _bar(quote, day),
        "prevDailyBar": _bar(quote, day_before),
    }


def book(feed: Feed, quote: Quote, levels: int = BOOK_LEVELS) -> Item:
    """The book's levels with the place in the stream `orderbooks` that they are of."""
    feed.write()
    symbol = quote.listed.symbol
    body = bodies.book_snapshot_body(quote.listed, quote.data, levels)
    seq = feed.streams.stream("orderbooks", symbol).seq
    return timed({**body, "seq": seq, "epoch": feed.streams.epoch}, quote.data.at_ns)


def of_all(
    feed: Feed, symbols: Sequence[str], make: Callable[[Quote], Item | None]
) -> dict[str, Item]:
    """What `make` gives for each symbol that is listed; the others are left out."""
    found: dict[str, Item] = {}
    for symbol in symbols:
        quote = feed.quotes.get(symbol)
        item = None if quote is None else make(quote)
        if item is not None:
            found[symbol] = item
    return found


def _bar(quote: Quote, bar: Bar | None) -> Item | None:
    return None if bar is None else timed(bodies.bar_body(quote.listed, bar), bar.starts_ns)
