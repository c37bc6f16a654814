"""Real daily prices, the anchors of the simulated market: what was quoted, split-adjusted.

Source: Quandl WIKI Prices (public domain), as shipped by bokeh_sampledata; they end on 2013-03-01.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module

SYMBOLS = ("AAPL", "FB", "GOOG", "IBM", "MSFT")


@dataclass(frozen=True, slots=True)
class Anchor:
    """One real trading day of one stock.

    day: YYYY-MM-DD. close: dollars, adjusted for later splits and dividends, so that two closes of
    one stock compare. range_share: highest over lowest price of the day, less one.
    """

    day: str
    close: float
    range_share: float


def anchors_of(symbol: str) -> Sequence[Anchor]:
    """The days of one of `SYMBOLS`, oldest first.

    Raises:
        KeyError: there are no real prices of that symbol.
    """
    if symbol not in SYMBOLS:
        raise KeyError(symbol)
    stock = getattr(import_module("bokeh_sampledata.stocks"), symbol)
    rows = zip(stock["date"], stock["adj_close"], stock["high"], stock["low"], strict=True)
    return [Anchor(day, close, high / low - 1) for day, close, high, low in rows]
