"""Timeframes and times as clients write them; anything else is refused with a sentence."""

from datetime import UTC, datetime

import pytest

from cloud.exchange.market_data.calendar import day_offset_ns, day_start, next_day_start
from cloud.exchange.market_data.errors import MarketDataRequestError
from cloud.exchange.market_data.queries import check_feed, span_of, symbols_of, timeframe_of
from cloud.exchange.market_data.timeframes import Timeframe, Unit, parse_timeframe
from trading.bars import HOUR, NS

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1Min", Timeframe(1, Unit.MINUTE)),
        ("59T", Timeframe(59, Unit.MINUTE)),
        ("23Hour", Timeframe(23, Unit.HOUR)),
        ("1D", Timeframe(1, Unit.DAY)),
        ("1Week", Timeframe(1, Unit.WEEK)),
        ("12Month", Timeframe(12, Unit.MONTH)),
        ("5Sec", Timeframe(5, Unit.SECOND)),
        *(
            (text, None)
            for text in ("", "0Min", "60Min", "24Hour", "2Day", "5Month", "1min", "Min")
        ),
        *((text, None) for text in ("-1Min", "1 Min", "1Min\n", "1e1Min", "\u0661Min", "99999Min")),
    ],
)
def test_timeframe(text: str, expected: Timeframe | None) -> None:
    assert parse_timeframe(text) == expected


def span(**more: str) -> object:
    words = dict.fromkeys(("start", "end", "limit", "sort", "page_token")) | more
    return span_of(**words, now=NOW)  # type: ignore[arg-type] # words all


@pytest.mark.parametrize(
    "words",
    [
        {"start": "yesterday"},
        {"start": "2026-13-01"},
        {"start": "2026-03-02T14:30:00"},
        {"start": "1969-12-31"},
        {"end": "0001-01-01T00:00:00+23:59"},
        {"end": "9999-12-31T23:59:59-23:59"},
        {"start": "2026-03-02", "end": "2026-03-01"},
        {"start": "1e9"},
        {"limit": "0"},
        {"limit": "10001"},
        {"limit": "-1"},
        {"limit": "1.5"},
        {"limit": "NaN"},
        {"limit": "9" * 40},
        {"limit": "\u0661"},
        {"sort": "up"},
    ],
)
def test_senseless_spans_are_refused(words: dict[str, str]) -> None:
    with pytest.raises(MarketDataRequestError):
        span(**words)


def test_times_of_any_offset_and_dates_are_understood() -> None:
    found = span_of(
        start="2026-03-02T09:30:00.1234567-05:00",
        end="2026-03-02",
        limit="",
        sort="desc",
        page_token=None,
        now=NOW,
    )
    assert found.start == datetime(2026, 3, 2, 14, 30, 0, 123456, tzinfo=UTC)
    assert found.end == datetime(2026, 3, 2, 23, 59, 59, 999999, tzinfo=UTC)
    assert found.is_newest_first


def test_without_a_start_it_is_the_day_in_new_york() -> None:
    found = span_of(start=None, end=None, limit=None, sort=None, page_token=None, now=NOW)
    assert (found.start, found.end) == (datetime(2026, 3, 2, 5, tzinfo=UTC), NOW)


@pytest.mark.parametrize("text", [None, "", ",", "aapl", "AA PL", "A\x00", "A" * 25, "%", "'; --"])
def test_what_cannot_be_a_symbol_is_refused(text: str | None) -> None:
    with pytest.raises(MarketDataRequestError):
        symbols_of(text)


def test_feeds_and_currencies_that_are_not_here_are_refused() -> None:
    check_feed("sip", "USD")
    for words in (("otc", None), (None, "EUR")):
        with pytest.raises(MarketDataRequestError):
            check_feed(*words)
    with pytest.raises(MarketDataRequestError):
        timeframe_of(None)


def test_days_follow_the_clocks_of_new_york_also_when_they_change() -> None:
    before, after = datetime(2026, 3, 8, 6, 30, tzinfo=UTC), datetime(2026, 3, 8, 7, 30, tzinfo=UTC)
    assert day_offset_ns(int(before.timestamp()) * NS) == -5 * HOUR * NS
    assert day_offset_ns(int(after.timestamp()) * NS) == -4 * HOUR * NS
    assert day_start(after) == datetime(2026, 3, 8, 5, tzinfo=UTC)
    assert next_day_start(after) == datetime(2026, 3, 9, 4, tzinfo=UTC)
