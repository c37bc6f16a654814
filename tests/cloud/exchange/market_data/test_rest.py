"""Market data over plain HTTP: bad input, refusals in Alpaca's shape, and what a restart keeps."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from cloud.accounts.user import Role
from cloud.exchange.market_data.feed import Feed
from cloud.exchange.market_data.recorder import Recorder
from cloud.exchange.market_data.seeding import Seeding
from cloud.exchange.market_data.wire import new_feed
from tests.cloud.exchange.market_data.conftest import DAY, Market, eventually
from trading.commands import SplitInstrument
from trading.market_data import MarketData

pytestmark = pytest.mark.timeout(120)


ODD = ("\x00", "%00", "NaN", "-1", "1e999", "9" * 400, "[1]", '["AAPL",-5]', "é", "😀")
TOKENS = ("WyJBIiwtMSwwXQ==", "WyJBIiw5OTk5OTk5OTk5OTk5OTk5OTk5OTk5LDBd", "WzEsMiwzXQ==", "e30=")


async def test_no_parameter_brings_it_down(market: Market) -> None:
    for word in ("page_token", "start", "limit", "symbols", "feed", "adjustment"):
        for text in (*ODD, *TOKENS):
            for path in ("/bars", "/trades", "/quotes/latest"):
                query: dict[str, Any] = {"symbols": "AAPL", "timeframe": "1Min", word: text}
                answer = await market.get(path, **query)
                assert answer.status_code in (200, 400), (path, query, answer.text)
                if answer.status_code == 400:
                    assert answer.json()["code"] == 40010001
                    assert answer.json()["message"]


async def test_bars_can_be_adjusted_for_splits(market: Market) -> None:
    await market.trade(1_500_000, 30)
    market.wait(minutes=1)
    await market.submit(SplitInstrument(0, 0, 1, 3, 1))
    await market.trade(500_000, 7)
    market.wait(minutes=1, seconds=1)
    quote = market.feed.quotes["AAPL"]
    await eventually(lambda: quote.last_minute and quote.last_minute.close_ticks == 500_000)
    await asyncio.sleep(0.5)
    query = {"symbols": "AAPL", "timeframe": "1Min", "start": DAY.isoformat()}
    raw = (await market.get("/bars", **query)).json()["bars"]["AAPL"]
    assert [(one["o"], one["v"]) for one in raw] == [(150.0, 30), (50.0, 7)]
    answer = await market.get("/bars", **query, adjustment="split")
    adjusted = answer.json()["bars"]["AAPL"]
    assert [(one["o"], one["v"]) for one in adjusted] == [(50.0, 90), (50.0, 7)]
    assert (await market.get("/bars", **query, adjustment="none")).status_code == 400


async def days_kept(market: Market, count: int) -> None:
    """Until so many daily bars are in the database."""
    kept = "SELECT count(*) FROM market_data WHERE span_s = 86400"
    async with asyncio.timeout(20):
        while True:
            if await market.kit.database.pool.fetchval(kept) == count:
                return
            await asyncio.sleep(0.05)


async def test_bars_can_be_adjusted_for_dividends(market: Market) -> None:
    path = "/api/v1/exchange/instruments/AAPL"
    await market.trade(1_000_000, 30)
    market.wait(days=1)
    await days_kept(market, 1)
    admin = await market.sign_in("admin@example.org", Role.ADMIN)
    body = {"numerator": 2, "denominator": 1, "effective_on": "2026-03-03", "reason": "of two"}
    done = await market.client.post(f"{path}/splits", json=body, headers=admin)
    assert done.status_code == 201, done.text
    # Of the 50 dollars that 100 have become.
    for amount, day in (("5", "2026-03-03"), ("1", "2026-03-04")):
        body = {"amount": amount, "effective_on": day, "reason": "as every year"}
        done = await market.client.post(f"{path}/dividends", json=body, headers=admin)
        assert done.status_code == 201, done.text
    await market.trade(450_000, 7)
    query = {"timeframe": "1Day", "start": "2026-03-01T00:00:00Z"}
    expected = {
        "raw": ([100.0, 45.0], [30, 7]),
        "split": ([50.0, 45.0], [60, 7]),
        "dividend": ([90.0, 45.0], [30, 7]),
        "all": ([45.0, 45.0], [60, 7]),
    }
    for adjustment, (closes, volumes) in expected.items():
        answer = await market.get("/AAPL/bars", **query, adjustment=adjustment)
        bars = answer.json()["bars"]
        assert [one["c"] for one in bars] == closes, adjustment
        assert [one["vw"] for one in bars] == closes
        assert [one["v"] for one in bars] == volumes
    # The second one's day has not come: nobody knows yet what it will be a part of.
    market.wait(days=1)
    await days_kept(market, 2)
    later = (await market.get("/AAPL/bars", **query, adjustment="dividend")).json()["bars"]
    assert [one["c"] for one in later] == [pytest.approx(90 * 44 / 45), 44.0]


async def test_refusals_have_alpacas_shape(market: Market) -> None:
    missing = await market.get("/NOPE/trades/latest")
    assert (missing.status_code, missing.json()["code"]) == (404, 40410000)
    nobody = await market.client.get("/v2/stocks/bars?symbols=AAPL&timeframe=1Min")
    assert nobody.status_code == 401
    assert nobody.json()["code"] == 40110000
    assert (await market.get("/trades/latest", symbols="NOPE")).json() == {"trades": {}}


async def test_every_single_symbol_form_answers(market: Market) -> None:
    await market.trade(1_500_000, 10)
    market.wait(minutes=1, seconds=1)
    await eventually(lambda: market.feed.quotes["AAPL"].last_minute)
    await asyncio.sleep(0.3)
    query = {"start": DAY.isoformat(), "timeframe": "1Min"}
    for path, key in (
        ("/AAPL/bars", "bars"),
        ("/AAPL/trades", "trades"),
        ("/AAPL/quotes", "quotes"),
    ):
        answer = (await market.get(path, **query)).json()
        assert answer["symbol"] == "AAPL"
        assert answer[key]
        assert answer["next_page_token"] is None
    for path, key in (
        ("/AAPL/bars/latest", "bar"),
        ("/AAPL/trades/latest", "trade"),
        ("/AAPL/quotes/latest", "quote"),
        ("/AAPL/orderbook/latest", "orderbook"),
    ):
        answer = (await market.get(path)).json()
        assert answer["symbol"] == "AAPL"
        assert answer[key]["t"]
    bar = (await market.get("/AAPL/bars/latest")).json()["bar"]
    assert bar == {
        "t": "2026-03-02T15:00:00Z",
        "o": 150.0,
        "h": 150.0,
        "l": 150.0,
        "c": 150.0,
        "v": 10,
        "n": 1,
        "vw": 150.0,
    }


async def test_after_a_restart_bars_go_on_and_those_that_were_lost_are_written_again(
    market: Market,
) -> None:
    pool = market.kit.database.pool
    for number in range(5):
        await market.trade(1_500_000 + 100 * number, 10)
        market.wait(seconds=30)
    await eventually(lambda: market.feed.quotes["AAPL"].last_minute)
    await asyncio.sleep(0.5)
    before = await pool.fetch("SELECT * FROM market_data WHERE span_s = 60 ORDER BY starts_at")
    assert len(before) == 2
    await pool.execute("DELETE FROM market_data")
    recorder = Recorder(pool)
    feed = new_feed("curb", recorder)
    begin_from(market, feed)
    await Seeding(pool)(feed)
    await recorder.write()
    after = await pool.fetch("SELECT * FROM market_data WHERE span_s = 60 ORDER BY starts_at")
    assert after == before
    quote, old = feed.quotes["AAPL"], market.feed.quotes["AAPL"]
    for span_s in (60, 3_600, 86_400):
        now, then = quote.ladder.current(span_s), old.ladder.current(span_s)
        assert now is not None
        assert then is not None
        assert now.as_tuple() == then.as_tuple()
    assert quote.last is not None
    assert old.last is not None
    assert quote.last.trade_id == old.last.trade_id
    end_ns = int((DAY + timedelta(days=2)).timestamp()) * 10**9
    feed.advance(end_ns)
    await recorder.write()
    (day,) = await pool.fetch("SELECT * FROM market_data WHERE span_s = 86400")
    assert (day["units"], day["trade_count"]) == (50, 5)
    again = new_feed("curb", recorder)
    begin_from(market, again)
    await Seeding(pool)(again)
    assert again.quotes["AAPL"].last_day is not None
    assert again.quotes["AAPL"].ladder.current(86_400) is None


def begin_from(market: Market, feed: Feed) -> None:
    """As a process does that starts to lead."""
    venue = market.sequencer.engine.venue
    feed.begin(MarketData.of_markets(venue.markets.values()), venue.at_ns, has_bars=False)


async def test_a_trade_while_bars_are_read_is_counted_once(market: Market) -> None:
    await market.trade(1_500_000, 10)
    feed = new_feed("curb")
    begin_from(market, feed)
    market.sequencer.subscribe(
        lambda batch: (
            [
                feed.take(events, command.at_ns)
                for command, events in zip(batch.commands, batch.events, strict=True)
            ]
            and None
        )
    )
    await market.trade(1_500_100, 20)
    feed.write()
    await Seeding(market.kit.database.pool)(feed)
    await market.trade(1_500_200, 30)
    feed.write()
    day = feed.quotes["AAPL"].ladder.current(86_400)
    assert day is not None
    assert (day.units, day.count, day.close_ticks) == (60, 3, 1_500_200)


async def test_old_quotes_and_seconds_are_forgotten(market: Market) -> None:
    await market.trade(1_500_000, 10)
    market.wait(seconds=2)
    pool = market.kit.database.pool
    async with asyncio.timeout(20):
        while not await pool.fetchval("SELECT count(*) FROM market_data"):  # noqa: ASYNC110 -- a row
            await asyncio.sleep(0.05)
    recorder = Recorder(pool)
    await recorder.prune(DAY + timedelta(days=6))
    assert await pool.fetchval("SELECT count(*) FROM market_quotes") > 0
    await recorder.prune(DAY + timedelta(days=31))
    assert await pool.fetchval("SELECT count(*) FROM market_quotes") == 0
    assert await pool.fetchval("SELECT count(*) FROM market_data WHERE span_s = 1") == 0
