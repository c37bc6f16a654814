"""alpaca-py's StockHistoricalDataClient, unmodified, against the running venue."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from alpaca.common.enums import Sort
from alpaca.data.enums import DataFeed
from alpaca.data.requests import (
    StockBarsRequest,
    StockLatestBarRequest,
    StockLatestQuoteRequest,
    StockLatestTradeRequest,
    StockQuotesRequest,
    StockSnapshotRequest,
    StockTradesRequest,
)
from alpaca.data.timeframe import TimeFrame, TimeFrameUnit

from tests.cloud.exchange.market_data.conftest import DAY, Market, eventually
from tests.support.alpaca_clients import data_of

pytestmark = pytest.mark.timeout(120)


async def ask(call: Any, request: Any) -> Any:
    """alpaca-py blocks; as its users do, from another thread."""
    return await asyncio.to_thread(call, request)


async def trade_for_minutes(market: Market, minutes: int) -> None:
    """Two trades a minute, the price rising a cent a minute from 150; time then goes on."""
    for number in range(minutes):
        await market.trade(1_500_000 + 100 * number, 10)
        market.wait(seconds=20)
        await market.trade(1_500_000 + 100 * number - 50 * 100, 30)
        market.wait(seconds=40)
    market.wait(seconds=2)
    await eventually(lambda: market.feed.now_ns // 10**9 >= market.kit.clock.now_ms() // 1_000)


async def stored(market: Market, span_s: int, count: int) -> None:
    """Wait until so many bars are in the table."""
    query = "SELECT count(*) FROM market_data WHERE span_s = $1"
    async with asyncio.timeout(20):
        while await market.kit.database.pool.fetchval(query, span_s) < count:  # noqa: ASYNC110 -- a row
            await asyncio.sleep(0.05)


async def test_bars_come_page_by_page_in_any_timeframe(market: Market) -> None:
    await trade_for_minutes(market, 7)
    await stored(market, 60, 7)
    client = data_of(market.key)
    minute = StockBarsRequest(symbol_or_symbols="AAPL", timeframe=TimeFrame.Minute, start=DAY)
    bars = (await ask(client.get_stock_bars, minute))["AAPL"]
    assert [one.timestamp for one in bars] == [DAY + timedelta(minutes=n) for n in range(7)]
    first = bars[0]
    assert (first.open, first.high, first.low, first.close) == (150.0, 150.0, 149.5, 149.5)
    assert (first.volume, first.trade_count) == (40, 2)
    assert first.vwap == pytest.approx((150 * 10 + 149.5 * 30) / 40)
    newest = minute.model_copy(update={"sort": Sort.DESC, "limit": 3})
    assert (await ask(client.get_stock_bars, newest))["AAPL"] == bars[:3:-1]
    five = StockBarsRequest(
        symbol_or_symbols=["AAPL", "IBM", "NOPE"],
        timeframe=TimeFrame(5, TimeFrameUnit.Minute),
        start=DAY,
        feed=DataFeed.SIP,
    )
    found = await ask(client.get_stock_bars, five)
    assert list(found.data) == ["AAPL"]
    assert [(one.timestamp, one.volume) for one in found["AAPL"]] == [
        (DAY, 200),
        (DAY + timedelta(minutes=5), 80),
    ]
    for frame, volume in ((TimeFrame.Hour, 280), (TimeFrame.Day, 280), (TimeFrame.Week, 280)):
        long = StockBarsRequest(
            symbol_or_symbols="AAPL", timeframe=frame, start=datetime(2026, 1, 1, tzinfo=UTC)
        )
        (one,) = (await ask(client.get_stock_bars, long))["AAPL"]
        assert (one.volume, one.open, one.close) == (volume, 150.0, 149.56)
    today = StockBarsRequest(symbol_or_symbols="AAPL", timeframe=TimeFrame.Day, start=DAY.date())
    (day,) = (await ask(client.get_stock_bars, today))["AAPL"]
    assert day.timestamp == datetime(2026, 3, 2, 5, tzinfo=UTC)


async def test_trades_and_quotes_are_all_there_over_pages(market: Market) -> None:
    for number in range(25):
        await market.trade(1_500_000 + 100 * number, number + 1)
        await market.trade(900_000, 1, 2)
        market.wait(seconds=1)
    client = data_of(market.key)
    request = StockTradesRequest(symbol_or_symbols=["IBM", "AAPL"], start=DAY)
    found = await ask(client.get_stock_trades, request)
    assert [one.size for one in found["AAPL"]] == [number + 1 for number in range(25)]
    assert [one.price for one in found["AAPL"]] == [150 + number / 100 for number in range(25)]
    assert len(found["IBM"]) == 25
    assert found["AAPL"][3].timestamp == DAY + timedelta(seconds=3)
    pages, token = [], None
    while True:
        answer = await market.get(
            "/trades", symbols="IBM,AAPL", start=DAY.isoformat(), limit=7, page_token=token or ""
        )
        assert answer.status_code == 200, answer.text
        pages.append(answer.json())
        token = pages[-1]["next_page_token"]
        if token is None:
            break
    assert len(pages) == 8
    ids = [one["i"] for page in pages for items in page["trades"].values() for one in items]
    assert len(ids) == len(set(ids)) == 50
    await asyncio.sleep(0.3)
    quotes = await ask(
        client.get_stock_quotes, StockQuotesRequest(symbol_or_symbols="AAPL", start=DAY)
    )
    assert quotes["AAPL"]
    assert all(one.bid_size > 0 or one.ask_size > 0 or one.bid_price == 0 for one in quotes["AAPL"])


async def test_latest_and_snapshots_are_of_this_moment(market: Market) -> None:
    await trade_for_minutes(market, 2)
    buyer, seller = market.portfolios
    await market.limit(buyer, 1, 70, 1_400_000)
    await market.limit(seller, 2, 80, 1_600_100)
    client = data_of(market.key)
    quote = (
        await ask(client.get_stock_latest_quote, StockLatestQuoteRequest(symbol_or_symbols="AAPL"))
    )["AAPL"]
    assert (quote.bid_price, quote.bid_size) == (140.0, 70)
    assert (quote.ask_price, quote.ask_size) == (160.01, 80)
    trade = (
        await ask(client.get_stock_latest_trade, StockLatestTradeRequest(symbol_or_symbols="AAPL"))
    )["AAPL"]
    assert (trade.price, trade.size) == (149.51, 30)
    bar = await ask(
        client.get_stock_latest_bar, StockLatestBarRequest(symbol_or_symbols=["AAPL", "IBM"])
    )
    assert list(bar) == ["AAPL"]
    assert bar["AAPL"].timestamp == DAY + timedelta(minutes=1)
    shot = await ask(
        client.get_stock_snapshot, StockSnapshotRequest(symbol_or_symbols=["AAPL", "IBM"])
    )
    assert shot["AAPL"].latest_trade == trade
    assert shot["AAPL"].latest_quote == quote
    assert shot["AAPL"].minute_bar == bar["AAPL"]
    assert shot["AAPL"].daily_bar.volume == 80
    assert shot["AAPL"].previous_daily_bar is None
    assert shot["IBM"].latest_trade is None
    single = await market.get("/AAPL/snapshot")
    assert single.json()["latestTrade"]["p"] == 149.51
    book = (await market.get("/AAPL/orderbook/latest")).json()["orderbook"]
    assert book["b"] == [{"p": 140.0, "s": 70, "n": 1}]
    assert book["a"] == [{"p": 160.01, "s": 80, "n": 1}]
