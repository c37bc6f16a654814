"""Market data over REST, in Alpaca's shapes: `/v2/stocks/...`, many symbols or one."""

from typing import Annotated, Final

from litestar import Controller, get
from litestar.di import NamedDependency, Provide
from litestar.params import PathParameter, QueryParameter

from cloud.exchange.alpaca.access import traders
from cloud.exchange.alpaca.errors import ALPACA_MALFORMED, alpaca_problems
from cloud.exchange.market_data import latest
from cloud.exchange.market_data.desk import BARS, QUOTES, TRADES, Answer, MarketDataDesk, Words
from cloud.exchange.market_data.errors import NoMarketDataError
from cloud.exchange.market_data.history import Item
from cloud.exchange.sequencer import ExchangeUnavailable
from cloud.kit.errors import ForbiddenError, RateLimitedError, UnauthenticatedError

Text = str | None
Desk = NamedDependency[MarketDataDesk]
Period = NamedDependency[Words]
Source = NamedDependency[Words]
Symbol = Annotated[str, PathParameter(description="The instrument's symbol.")]
Symbols = Annotated[Text, QueryParameter(description="Comma-separated; at most 500.")]
Frame = Annotated[Text, QueryParameter(description="1Sec, 1Min, 5Min, 1Hour, 1Day, 1Week ...")]
Start = Annotated[Text, QueryParameter(description="RFC 3339 or a date; else today's start.")]
End = Annotated[Text, QueryParameter(description="RFC 3339 or a date, included; else now.")]
Limit = Annotated[Text, QueryParameter(description="Items a page, 1 to 10,000; else 1,000.")]
Sort = Annotated[Text, QueryParameter(description="asc or desc.")]
Token = Annotated[Text, QueryParameter(description="`next_page_token` of the page before.")]
FeedName = Annotated[Text, QueryParameter(description="curb; iex and sip mean the same here.")]
Currency = Annotated[Text, QueryParameter(description="USD.")]
Adjust = Annotated[
    Text, QueryParameter(description="raw, all, or some of split, dividend, spin-off.")
]

_REFUSALS: Final = {
    400: ALPACA_MALFORMED,
    **alpaca_problems(
        UnauthenticatedError,
        ForbiddenError,
        NoMarketDataError,
        RateLimitedError,
        ExchangeUnavailable,
    ),
}


async def provide_period(
    start: Start = None,
    end: End = None,
    limit: Limit = None,
    sort: Sort = None,
    page_token: Token = None,
    feed: FeedName = None,
    currency: Currency = None,
) -> Words:
    """The dependency `period`: the parameters that every request for the past takes."""
    return {
        "start": start,
        "end": end,
        "limit": limit,
        "sort": sort,
        "page_token": page_token,
        "feed": feed,
        "currency": currency,
    }


async def provide_source(feed: FeedName = None, currency: Currency = None) -> Words:
    """The dependency `source`: the parameters that every request for the latest takes."""
    return {"feed": feed, "currency": currency}


_DEPENDENCIES: Final = {"period": Provide(provide_period), "source": Provide(provide_source)}


class ManyStocksController(Controller):
    """Several symbols at once; those that are not listed are left out."""

    path = "/v2/stocks"
    tags = ("market data",)
    guards = (traders,)
    dependencies = _DEPENDENCIES

    @get("/bars", summary="Bars", responses=_REFUSALS)
    async def bars(
        self,
        market_data: Desk,
        period: Period,
        symbols: Symbols = None,
        timeframe: Frame = None,
        adjustment: Adjust = None,
    ) -> Answer:
        """Open, high, low, close, volume; a span in which nothing traded has no bar."""
        words = {**period, "timeframe": timeframe, "adjustment": adjustment}
        return await market_data.many(BARS, symbols, words)

    @get("/trades", summary="Trades", responses=_REFUSALS)
    async def trades(self, market_data: Desk, period: Period, symbols: Symbols = None) -> Answer:
        """Every trade; `tks` is the side that came to the other."""
        return await market_data.many(TRADES, symbols, period)

    @get("/quotes", summary="Quotes", responses=_REFUSALS)
    async def quotes(self, market_data: Desk, period: Period, symbols: Symbols = None) -> Answer:
        """Best bids and offers, at most one every tenth of a second."""
        return await market_data.many(QUOTES, symbols, period)

    @get("/bars/latest", summary="Latest bars", responses=_REFUSALS)
    async def latest_bars(
        self, market_data: Desk, source: Source, symbols: Symbols = None
    ) -> Answer:
        """The latest minute's bars."""
        return {"bars": market_data.latest_of_many(symbols, source, latest.latest_bar)}

    @get("/trades/latest", summary="Latest trades", responses=_REFUSALS)
    async def latest_trades(
        self, market_data: Desk, source: Source, symbols: Symbols = None
    ) -> Answer:
        """The last trades."""
        return {"trades": market_data.latest_of_many(symbols, source, latest.latest_trade)}

    @get("/quotes/latest", summary="Latest quotes", responses=_REFUSALS)
    async def latest_quotes(
        self, market_data: Desk, source: Source, symbols: Symbols = None
    ) -> Answer:
        """Best bids and offers now; price and size 0 where a side is empty."""
        return {"quotes": market_data.latest_of_many(symbols, source, latest.latest_quote)}

    @get("/orderbooks/latest", summary="Order books", responses=_REFUSALS)
    async def latest_books(
        self, market_data: Desk, source: Source, symbols: Symbols = None
    ) -> Answer:
        """Our addition: price levels, with their place in the stream's channel `orderbooks`."""
        return {"orderbooks": market_data.latest_of_many(symbols, source, market_data.book)}

    @get("/snapshots", summary="Snapshots", responses=_REFUSALS)
    async def snapshots(
        self, market_data: Desk, source: Source, symbols: Symbols = None
    ) -> dict[str, Item]:
        """Latest trade and quote; bars of the minute, the day and the day before."""
        return market_data.latest_of_many(symbols, source, latest.snapshot)


class OneStockController(Controller):
    """One symbol."""

    path = "/v2/stocks/{symbol:str}"
    tags = ("market data",)
    guards = (traders,)
    dependencies = _DEPENDENCIES

    @get("/bars", summary="Bars of one symbol", responses=_REFUSALS)
    async def bars(
        self,
        market_data: Desk,
        period: Period,
        symbol: Symbol,
        timeframe: Frame = None,
        adjustment: Adjust = None,
    ) -> Answer:
        """As of several symbols."""
        words = {**period, "timeframe": timeframe, "adjustment": adjustment}
        return await market_data.one(BARS, symbol, words)

    @get("/trades", summary="Trades of one symbol", responses=_REFUSALS)
    async def trades(self, market_data: Desk, period: Period, symbol: Symbol) -> Answer:
        """As of several symbols."""
        return await market_data.one(TRADES, symbol, period)

    @get("/quotes", summary="Quotes of one symbol", responses=_REFUSALS)
    async def quotes(self, market_data: Desk, period: Period, symbol: Symbol) -> Answer:
        """As of several symbols."""
        return await market_data.one(QUOTES, symbol, period)

    @get("/bars/latest", summary="Latest bar of one symbol", responses=_REFUSALS)
    async def latest_bar(self, market_data: Desk, source: Source, symbol: Symbol) -> Answer:
        """The latest minute's bar."""
        found = market_data.latest_of_one(symbol, source, latest.latest_bar)
        return {"symbol": symbol, "bar": found}

    @get("/trades/latest", summary="Latest trade of one symbol", responses=_REFUSALS)
    async def latest_trade(self, market_data: Desk, source: Source, symbol: Symbol) -> Answer:
        """The last trade."""
        found = market_data.latest_of_one(symbol, source, latest.latest_trade)
        return {"symbol": symbol, "trade": found}

    @get("/quotes/latest", summary="Latest quote of one symbol", responses=_REFUSALS)
    async def latest_quote(self, market_data: Desk, source: Source, symbol: Symbol) -> Answer:
        """Best bid and offer now."""
        found = market_data.latest_of_one(symbol, source, latest.latest_quote)
        return {"symbol": symbol, "quote": found}

    @get("/orderbook/latest", summary="Order book of one symbol", responses=_REFUSALS)
    async def latest_book(self, market_data: Desk, source: Source, symbol: Symbol) -> Answer:
        """Our addition: price levels, with their place in the stream's channel `orderbooks`."""
        found = market_data.latest_of_one(symbol, source, market_data.book)
        return {"symbol": symbol, "orderbook": found}

    @get("/snapshot", summary="Snapshot of one symbol", responses=_REFUSALS)
    async def snapshot(self, market_data: Desk, source: Source, symbol: Symbol) -> Answer:
        """Latest trade and quote; bars of the minute, the day and the day before."""
        return {"symbol": symbol, **market_data.latest_of_one(symbol, source, latest.snapshot)}
