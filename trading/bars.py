"""Open, high, low, close: trades gathered into bars of a second, a minute, an hour and a day.

Each trade touches only the second's bar; a bar that ends is merged into the one above it. A span in
which nothing traded has no bar.
"""

from typing import Final

NS: Final = 1_000_000_000
SECOND: Final = 1
MINUTE: Final = 60
HOUR: Final = 3_600
DAY: Final = 86_400
SPANS_S: Final = (SECOND, MINUTE, HOUR, DAY)


class Bar:
    """The trades of `span_s` seconds from `starts_ns` (Unix epoch).

    value: the sum of price in ticks times units, so the mean price is value / units.
    """

    def __init__(
        self,
        starts_ns: int,
        span_s: int,
        open_ticks: int,
        high_ticks: int,
        low_ticks: int,
        close_ticks: int,
        units: int,
        value: int,
        count: int,
    ) -> None:
        self.starts_ns: int = starts_ns
        self.span_s: int = span_s
        self.open_ticks: int = open_ticks
        self.high_ticks: int = high_ticks
        self.low_ticks: int = low_ticks
        self.close_ticks: int = close_ticks
        self.units: int = units
        self.value: int = value
        self.count: int = count

    def ends_ns(self) -> int:
        """The first instant that is not in it."""
        return self.starts_ns + self.span_s * NS

    def merge(self, later: "Bar") -> None:
        """Take in the trades of a bar that follows those of this one."""
        self.high_ticks = max(self.high_ticks, later.high_ticks)
        self.low_ticks = min(self.low_ticks, later.low_ticks)
        self.close_ticks = later.close_ticks
        self.units += later.units
        self.value += later.value
        self.count += later.count

    def as_tuple(self) -> tuple[int, int, int, int, int, int, int, int, int]:
        """The constructor's arguments in order."""
        return (
            self.starts_ns,
            self.span_s,
            self.open_ticks,
            self.high_ticks,
            self.low_ticks,
            self.close_ticks,
            self.units,
            self.value,
            self.count,
        )


def start_of(at_ns: int, span_s: int, offset_ns: int = 0) -> int:
    """When the span that holds this instant began.

    offset_ns: how far local time is ahead of UTC; days begin at local midnight.
    """
    span_ns = span_s * NS
    return (at_ns + offset_ns) // span_ns * span_ns - offset_ns


def copy_of(bar: Bar, starts_ns: int, span_s: int) -> Bar:
    """A bar of another span with the same trades."""
    return Bar(starts_ns, span_s, *bar.as_tuple()[2:])


class BarLadder:
    """The bars in progress of one instrument, each of SPANS_S.

    offset_ns: local time's lead over UTC, for days; set it anew when it changes.
    """

    def __init__(self, offset_ns: int = 0) -> None:
        self.offset_ns: int = offset_ns
        self._open: list[Bar | None] = [None, None, None, None]

    def add(self, price_ticks: int, units: int, at_ns: int) -> list[Bar]:
        """Take in a trade, no earlier than the last; gives the bars that had ended before it."""
        current = self._open[0]
        if current is not None and at_ns < current.ends_ns():
            current.high_ticks = max(current.high_ticks, price_ticks)
            current.low_ticks = min(current.low_ticks, price_ticks)
            current.close_ticks = price_ticks
            current.units += units
            current.value += price_ticks * units
            current.count += 1
            return []
        ended = self.advance(at_ns)
        start = start_of(at_ns, SECOND)
        one = Bar(
            start,
            SECOND,
            price_ticks,
            price_ticks,
            price_ticks,
            price_ticks,
            units,
            price_ticks * units,
            1,
        )
        self._gather(0, one)
        return ended

    def take(self, bar: Bar) -> list[Bar]:
        """Take in a whole second's bar at once, no earlier than anything before it."""
        assert bar.span_s == SECOND, "only seconds are taken in whole"
        ended = self.advance(bar.starts_ns)
        self._gather(0, copy_of(bar, bar.starts_ns, SECOND))
        return ended

    def advance(self, at_ns: int) -> list[Bar]:
        """Time has come to `at_ns`: gives the bars that ended by then, short ones first."""
        ended: list[Bar] = []
        for rung in range(len(SPANS_S)):
            bar = self._open[rung]
            if bar is not None and bar.ends_ns() <= at_ns:
                self._open[rung] = None
                ended.append(bar)
                if rung + 1 < len(SPANS_S):
                    self._gather(rung + 1, bar)
        return ended

    def current(self, span_s: int) -> Bar | None:
        """The bar of that span as it stands, with everything that is in shorter ones."""
        rung = SPANS_S.index(span_s)
        found: Bar | None = None
        for one in range(rung, -1, -1):
            bar = self._open[one]
            if bar is None:
                continue
            if found is None:
                found = copy_of(bar, self._start(bar.starts_ns, rung), span_s)
            else:
                found.merge(bar)
        return found

    def _gather(self, rung: int, bar: Bar) -> None:
        held = self._open[rung]
        if held is None:
            start = self._start(bar.starts_ns, rung)
            self._open[rung] = copy_of(bar, start, SPANS_S[rung])
        else:
            held.merge(bar)

    def _start(self, at_ns: int, rung: int) -> int:
        span = SPANS_S[rung]
        return start_of(at_ns, span, self.offset_ns if span == DAY else 0)


def merged(bars: list[Bar], span_s: int, offset_ns: int = 0) -> list[Bar]:
    """Bars of a longer span from shorter ones, given and returned in the order of time."""
    found: list[Bar] = []
    for bar in bars:
        start = start_of(bar.starts_ns, span_s, offset_ns)
        if found and found[-1].starts_ns == start:
            found[-1].merge(bar)
        else:
            found.append(copy_of(bar, start, span_s))
    return found
