"""From the text of a request's parameters to what they ask for, or a sentence that says why not."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from cloud.exchange.market_data.calendar import day_start
from cloud.exchange.market_data.connection import SYMBOL
from cloud.exchange.market_data.errors import MarketDataRequestError
from cloud.exchange.market_data.history import CorporateAction, Span
from cloud.exchange.market_data.timeframes import Timeframe, parse_timeframe

SYMBOLS_MAX: Final = 500
LIMIT_MAX: Final = 10_000
LIMIT_DEFAULT: Final = 1_000
FEEDS: Final = frozenset({"curb", "iex", "sip"})
"""All are this venue: whichever a client's tool asks for by default."""
ALL_ADJUSTMENTS: Final = frozenset(CorporateAction)

_EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_TIME: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]{1,9})?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})",
    re.ASCII,
)


def symbols_of(text: str | None) -> list[str]:
    """The symbols of a comma-separated list, each once.

    Raises:
        MarketDataRequestError: none, too many, or one that cannot be a symbol.
    """
    symbols = list(dict.fromkeys(part.strip() for part in (text or "").split(",") if part.strip()))
    if not symbols:
        raise MarketDataRequestError("symbols is required: a comma-separated list.")
    if len(symbols) > SYMBOLS_MAX:
        raise MarketDataRequestError(f"symbols may list at most {SYMBOLS_MAX}.")
    for symbol in symbols:
        if not SYMBOL.fullmatch(symbol):
            raise MarketDataRequestError(f"invalid symbol: {symbol[:32]!r}")
    return symbols


def timeframe_of(text: str | None) -> Timeframe:
    """The timeframe.

    Raises:
        MarketDataRequestError: missing, or none that exists.
    """
    found = parse_timeframe(text or "")
    if found is None:
        raise MarketDataRequestError(
            "invalid timeframe: take 1-59Sec, 1-59Min, 1-23Hour, 1Day, 1Week or 1,2,3,4,6,12Month."
        )
    return found


def span_of(
    *,
    start: str | None,
    end: str | None,
    limit: str | None,
    sort: str | None,
    page_token: str | None,
    now: datetime,
) -> Span:
    """The part of the past; from the beginning of today until now if nothing is said.

    Raises:
        MarketDataRequestError: one of them cannot be understood, or the end is before the start.
    """
    upto = _instant("end", end, is_end=True) or now
    since = _instant("start", start) or min(day_start(now), upto)
    if since > upto:
        raise MarketDataRequestError("end must not be before start.")
    if sort not in (None, "asc", "desc"):
        raise MarketDataRequestError("invalid sort: take asc or desc.")
    return Span(since, upto, _limit(limit), sort == "desc", page_token or None)


def check_feed(feed: str | None, currency: str | None) -> None:
    """Nothing, if this venue can answer that.

    Raises:
        MarketDataRequestError: another feed or currency than there is.
    """
    if feed not in (None, "", *FEEDS):
        raise MarketDataRequestError(f"invalid feed: take one of {', '.join(sorted(FEEDS))}.")
    if currency not in (None, "", "USD"):
        raise MarketDataRequestError("invalid currency: prices are in USD.")


def adjustment_of(text: str | None) -> frozenset[CorporateAction]:
    """What to adjust bars for: `raw` (or nothing), `all`, or some with commas between.

    Raises:
        MarketDataRequestError: a word is none of these.
    """
    words = (text or "raw").split(",")
    if words == ["raw"]:
        return frozenset()
    if words == ["all"]:
        return ALL_ADJUSTMENTS
    try:
        return frozenset(CorporateAction(word) for word in words)
    except ValueError as error:
        raise MarketDataRequestError(
            f"invalid adjustment: take raw, all, or some of {', '.join(CorporateAction)}."
        ) from error


def _limit(text: str | None) -> int:
    if text is None or text == "":
        return LIMIT_DEFAULT
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= LIMIT_MAX:
        raise MarketDataRequestError(f"invalid limit: take 1 to {LIMIT_MAX}.")
    return int(text[:9])


def _instant(name: str, text: str | None, *, is_end: bool = False) -> datetime | None:
    """A time with its offset, or a date: its first instant, or of an end its last."""
    if not text:
        return None
    # A "+" that was not escaped arrives as a space.
    given = text[:-6] + "+" + text[-5:] if re.search(r" [0-9]{2}:[0-9]{2}$", text) else text
    try:
        found = _day(given, is_end=is_end) if _DATE.fullmatch(given) else _time(given)
    except (ValueError, OverflowError) as error:
        raise MarketDataRequestError(
            f"invalid {name}: take RFC 3339 (2026-03-02T14:30:00Z) or a date."
        ) from error
    if not _EARLIEST <= found <= _LATEST:
        raise MarketDataRequestError(f"invalid {name}: it must be between 1970 and 2200.")
    return found


def _day(text: str, *, is_end: bool) -> datetime:
    day = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return day + timedelta(days=1) - timedelta(microseconds=1) if is_end else day


def _time(text: str) -> datetime:
    match = _TIME.fullmatch(text)
    # Microseconds at most: that is what the history keeps.
    exact = "" if match is None else f"{match[1]}{(match[2] or '.0')[:7]}{match[3]}"
    return datetime.fromisoformat(exact.upper()).astimezone(UTC)
