"""The market's past from the database, page by page: bars of any timeframe, trades, quotes.

Several symbols come one after the other, by name; a page's token says where the next one begins.
"""

import base64
import binascii
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from fractions import Fraction
from typing import Annotated, Any, Final

import asyncpg
import msgspec

from cloud.exchange.market_data import bodies
from cloud.exchange.market_data.adjusting import (
    Adjustment,
    ExDividend,
    SplitOfUnits,
    dividend_factor,
)
from cloud.exchange.market_data.calendar import MARKET_ZONE, start_of
from cloud.exchange.market_data.feed import Feed, Quote
from cloud.exchange.market_data.listed import Listed, rfc3339
from cloud.exchange.market_data.recorder import Pool, to_ns, to_time
from cloud.exchange.market_data.seeding import bar_of, trade_of
from cloud.exchange.market_data.timeframes import Timeframe, Unit
from cloud.exchange.venue.dividends import paid_dividends
from trading.bars import DAY, HOUR, Bar

Item = dict[str, object]

_TRADES: Final = """
SELECT id, at, price_ticks, quantity_units, taker_side, is_auction FROM trades
WHERE instrument_id = $1 AND at >= $2 AND at <= $3
  AND ($4::timestamptz IS NULL OR (at, id) {beyond} ($4, $5)) ORDER BY at {order}, id {order}
LIMIT $6
"""
_QUOTES: Final = """
SELECT at, bid_ticks, bid_units, ask_ticks, ask_units FROM market_quotes
WHERE instrument_id = $1 AND at >= $2 AND at <= $3
  AND ($4::timestamptz IS NULL OR at {beyond} $4) ORDER BY at {order} LIMIT $5
"""
_BARS: Final = """
WITH base AS (
    SELECT starts_at, open_ticks, high_ticks, low_ticks, close_ticks, units, value, trade_count
    FROM market_data
    WHERE instrument_id = $1 AND span_s = $2 AND starts_at >= $3 AND starts_at <= $4
    UNION ALL SELECT * FROM unnest($5::timestamptz[], $6::bigint[], $7::bigint[], $8::bigint[],
                                   $9::bigint[], $10::bigint[], $11::numeric[], $12::bigint[])
), local AS (
    SELECT *, ({bucket}) AT TIME ZONE '{zone}' AS bucket FROM base
    CROSS JOIN LATERAL (SELECT starts_at AT TIME ZONE '{zone}' AS at) AS there
)
SELECT bucket AS starts_at,
       (array_agg(open_ticks ORDER BY starts_at))[1] AS open_ticks,
       max(high_ticks) AS high_ticks, min(low_ticks) AS low_ticks,
       (array_agg(close_ticks ORDER BY starts_at DESC))[1] AS close_ticks,
       sum(units) AS units, sum(value) AS value, sum(trade_count)::bigint AS trade_count
FROM local
WHERE bucket >= $3 AND bucket <= $4 AND ($13::timestamptz IS NULL OR bucket {beyond} $13)
GROUP BY bucket ORDER BY bucket {order} LIMIT $14
"""
_PLAIN_BARS: Final = """
SELECT * FROM market_data
WHERE instrument_id = $1 AND span_s = $2 AND starts_at >= $3 AND starts_at <= $4
  AND ($5::timestamptz IS NULL OR starts_at {beyond} $5) ORDER BY starts_at {order} LIMIT $6
"""
_SPLITS: Final = """
SELECT last.at, s.sequence, s.numerator, s.denominator FROM unit_splits s
CROSS JOIN LATERAL (
    SELECT at FROM trades WHERE instrument_id = $1 AND at <= s.at AND sequence < s.sequence
    ORDER BY at DESC LIMIT 1
) last
WHERE s.instrument_id = $1 ORDER BY s.sequence
"""
_CLOSE: Final = """
SELECT starts_at, close_ticks FROM market_data
WHERE instrument_id = $1 AND span_s = $2 AND starts_at < $3 ORDER BY starts_at DESC LIMIT 1
"""


class CorporateAction(StrEnum):
    """What bars can be adjusted for, in Alpaca's words. There are no spin-offs at this venue."""

    SPLIT = "split"
    DIVIDEND = "dividend"
    SPIN_OFF = "spin-off"


class PageTokenError(ValueError):
    """The page token is not one of ours."""


class _Token(msgspec.Struct, array_like=True, frozen=True):
    symbol: str
    at_ns: Annotated[int, msgspec.Meta(ge=0, lt=1 << 62)]
    id: Annotated[int, msgspec.Meta(ge=0, lt=1 << 62)] = 0


@dataclass(frozen=True)
class Span:
    """What part of the past is asked for, both ends included, and how many items at most."""

    start: datetime
    end: datetime
    limit: int
    is_newest_first: bool = False
    page_token: str | None = None

    def write(self, statement: str, **more: str) -> str:
        """A statement with this order in it."""
        order, beyond = ("DESC", "<") if self.is_newest_first else ("ASC", ">")
        return statement.format(order=order, beyond=beyond, **more)


@dataclass(frozen=True)
class Page:
    """Items by symbol, and where the next page begins, if there is one."""

    items: Mapping[str, Sequence[Item]]
    next_page_token: str | None


class History:
    """Reads a feed's past. The symbols asked for must be listed; others have none."""

    def __init__(self, pool: "Pool", feed: Feed) -> None:
        self._pool = pool
        self._feed = feed

    async def bars(
        self,
        symbols: Sequence[str],
        timeframe: Timeframe,
        span: Span,
        taken_out: Collection[CorporateAction] = (),
    ) -> Page:
        """Bars; of an hour and longer, the one in progress is there too.

        taken_out: what bars of before it are adjusted for; see `adjusting`.
        """

        async def read(quote: Quote, after: _Token | None, limit: int) -> list[_Found]:
            rows = await self._bar_rows(quote, timeframe, span, after, limit)
            bars = [bar_of(row, timeframe.span_s) for row in rows]
            adjustment = await self._adjustment(quote, taken_out)
            return [
                _Found(one.starts_ns, 0, _bar_item(quote.listed, one, adjustment)) for one in bars
            ]

        return await self._page(symbols, span, read)

    async def trades(self, symbols: Sequence[str], span: Span) -> Page:
        """Every trade."""

        async def read(quote: Quote, after: _Token | None, limit: int) -> list[_Found]:
            rows = await self._pool.fetch(
                span.write(_TRADES),
                quote.listed.id,
                span.start,
                span.end,
                None if after is None else to_time(after.at_ns),
                0 if after is None else after.id,
                limit,
            )
            trades = [trade_of(row) for row in rows]
            return [
                _Found(
                    one.at_ns,
                    one.trade_id,
                    timed(bodies.trade_body(quote.listed, one), one.at_ns),
                )
                for one in trades
            ]

        return await self._page(symbols, span, read)

    async def quotes(self, symbols: Sequence[str], span: Span) -> Page:
        """Best bids and offers, at most one every tenth of a second."""

        async def read(quote: Quote, after: _Token | None, limit: int) -> list[_Found]:
            rows = await self._pool.fetch(
                span.write(_QUOTES),
                quote.listed.id,
                span.start,
                span.end,
                None if after is None else to_time(after.at_ns),
                limit,
            )
            return [_Found(to_ns(row["at"]), 0, _quote_item(quote.listed, row)) for row in rows]

        return await self._page(symbols, span, read)

    async def _adjustment(self, quote: Quote, taken_out: Collection[CorporateAction]) -> Adjustment:
        if not taken_out:
            return Adjustment()
        splits = [
            SplitOfUnits(to_ns(row["at"]), row["sequence"], row["numerator"], row["denominator"])
            for row in await self._pool.fetch(_SPLITS, quote.listed.id)
        ]
        dividends = []
        if CorporateAction.DIVIDEND in taken_out:
            found = await self._dividends(quote.listed)
            dividends = [(one.ex_ns, dividend_factor(one, splits)) for one in found]
        return Adjustment(splits if CorporateAction.SPLIT in taken_out else (), dividends)

    async def _dividends(self, listed: Listed) -> list[ExDividend]:
        """Those whose day has come and before which anything traded: others adjust nothing."""
        found = []
        for paid in await paid_dividends(self._pool, listed.id):
            begins = start_of(paid.effective_on)
            if to_ns(begins) > self._feed.now_ns:
                continue
            row = await self._pool.fetchrow(_CLOSE, listed.id, DAY, begins)
            if row is not None:
                close = listed.exact_price(row["close_ticks"])
                amount = Fraction(paid.amount)
                closed_ns = to_ns(row["starts_at"])
                found.append(ExDividend(to_ns(begins), paid.sequence, amount, close, closed_ns))
        return found

    async def _bar_rows(
        self, quote: Quote, frame: Timeframe, span: Span, after: "_Token | None", limit: int
    ) -> Sequence[asyncpg.Record]:
        beyond = None if after is None else to_time(after.at_ns)
        number = quote.listed.id
        if frame.is_base and frame.base_s < HOUR:
            return await self._pool.fetch(
                span.write(_PLAIN_BARS), number, frame.base_s, span.start, span.end, beyond, limit
            )
        # The one in progress is in no table yet.
        current = quote.ladder.current(frame.base_s) if frame.base_s >= HOUR else None
        extra: list[list[Any]] = [[] for _ in range(8)]
        if current is not None and span.start <= to_time(current.starts_ns) <= span.end:
            start, _, *figures = current.as_tuple()
            extra = [[one] for one in (to_time(start), *figures)]
        return await self._pool.fetch(
            span.write(_BARS, bucket=_bucket(frame), zone=MARKET_ZONE),
            number,
            frame.base_s,
            span.start,
            span.end,
            *extra,
            beyond,
            limit,
        )

    async def _page(self, symbols: Sequence[str], span: Span, read: Any) -> Page:  # noqa: ANN401
        token = _read_token(span.page_token)
        items: dict[str, list[Item]] = {}
        room = span.limit
        last: _Token | None = None
        for symbol in sorted(set(symbols)):
            quote = self._feed.quotes.get(symbol)
            if quote is None or (token is not None and symbol < token.symbol):
                continue
            after = token if token is not None and symbol == token.symbol else None
            # One more than there is room for shows whether there is a next page.
            found = await read(quote, after, room + 1)
            if len(found) > room:
                if room:
                    items[symbol] = [one.item for one in found[:room]]
                    last = _Token(symbol, found[room - 1].at_ns, found[room - 1].id)
                return Page(items, _write_token(last or token))
            if found:
                items[symbol] = [one.item for one in found]
                last = _Token(symbol, found[-1].at_ns, found[-1].id)
                room -= len(found)
        return Page(items, None)


@dataclass(frozen=True)
class _Found:
    at_ns: int
    id: int
    item: Item


def _bar_item(listed: Listed, bar: Bar, adjustment: Adjustment) -> Item:
    return timed(bodies.bar_body(listed, bar, adjustment.of(bar.starts_ns)), bar.starts_ns)


def timed(body: Item, at_ns: int) -> Item:
    """A body with its time, as REST writes it."""
    return {"t": rfc3339(at_ns), **body}


def _quote_item(listed: Listed, row: asyncpg.Record) -> Item:
    body = bodies.quote_of(
        listed, row["bid_ticks"], row["bid_units"], row["ask_ticks"], row["ask_units"]
    )
    return timed(body, to_ns(row["at"]))


def _bucket(frame: Timeframe) -> str:
    """SQL: where the bar that holds the local time `at` begins."""
    if frame.unit is Unit.WEEK:
        return "date_trunc('week', at)"
    if frame.unit is Unit.MONTH:
        months = f"(extract(month FROM at)::int - 1) / {frame.amount} * {frame.amount}"
        return f"date_trunc('year', at) + make_interval(months => {months})"
    if frame.unit is Unit.DAY:
        return "date_trunc('day', at)"
    return f"date_bin(make_interval(secs => {frame.span_s}), at, timestamp '2000-01-01')"


def _read_token(text: str | None) -> _Token | None:
    if not text:
        return None
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(text), type=_Token)
    except (binascii.Error, ValueError, msgspec.DecodeError) as error:
        raise PageTokenError(text) from error


def _write_token(token: _Token | None) -> str | None:
    if token is None:
        return None
    return base64.urlsafe_b64encode(msgspec.json.encode(token)).decode()
