"""Wash trades: trades in which nothing changes hands, made to look like business.

Three ways: an account trades with itself, which the venue prevents unless the order asked for it;
it crosses with itself in an auction; two accounts pass the same units to and fro.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice

from cloud.exchange.surveillance.findings import EVIDENCE_MAX, Finding, OncePerBucket, Rule
from cloud.exchange.surveillance.tape import Fill
from cloud.exchange.surveillance.thresholds import BPS, WashThresholds


class _Way:
    """What went from one account to another in the window."""

    __slots__ = ("notional", "trades", "units")

    def __init__(self) -> None:
        self.units = 0
        self.trades = 0
        self.notional = 0

    def add(self, fill: Fill, sign: int) -> None:
        self.units += sign * fill.units
        self.trades += sign
        self.notional += sign * fill.units * fill.price_ticks


class _Window:
    """The fills of one instrument within the window, summed by account and by way."""

    __slots__ = ("by_account", "fills", "ways")

    def __init__(self) -> None:
        self.fills: deque[Fill] = deque()
        self.by_account: dict[int, int] = {}
        self.ways: dict[tuple[int, int], _Way] = {}

    def add(self, fill: Fill) -> None:
        self.fills.append(fill)
        self._sum(fill, 1)

    def forget_before(self, at_ns: int) -> None:
        while self.fills and self.fills[0].at_ns < at_ns:
            self._sum(self.fills.popleft(), -1)

    def _sum(self, fill: Fill, sign: int) -> None:
        pair = (fill.seller, fill.buyer)
        for account in pair:
            units = self.by_account.get(account, 0) + sign * fill.units
            if units:
                self.by_account[account] = units
            else:
                self.by_account.pop(account, None)
        way = self.ways.get(pair)
        if way is None:
            way = self.ways[pair] = _Way()
        way.add(fill, sign)
        if way.trades == 0:
            del self.ways[pair]


class WashDetector:
    """Feed it every fill in order; it answers with what it finds."""

    def __init__(self, thresholds: WashThresholds) -> None:
        self._limits = thresholds
        self._once = OncePerBucket()
        self._windows: dict[int, _Window] = {}

    def fill(self, fill: Fill) -> Finding | None:
        """One trade in continuous trading."""
        if fill.maker_account == fill.taker_account:
            return self._self_trade(fill)
        window = self._windows.get(fill.instrument_id)
        if window is None:
            window = self._windows[fill.instrument_id] = _Window()
        window.forget_before(fill.at_ns - self._limits.window_ns)
        window.add(fill)
        return self._round_trip(fill, window)

    def auction(self, fills: list[Fill]) -> list[Finding]:
        """All trades of one auction."""
        volume = sum(fill.units for fill in fills)
        own: dict[int, list[Fill]] = {}
        for fill in fills:
            if fill.maker_account == fill.taker_account:
                own.setdefault(fill.taker_account, []).append(fill)
        found = []
        for account, crossed in own.items():
            units = sum(fill.units for fill in crossed)
            last = crossed[-1]
            if units * BPS < volume * self._limits.auction_share_bps or not self._once.is_first(
                Rule.AUCTION_CROSS, account, last.instrument_id, last.at_ns
            ):
                continue
            found.append(
                Finding(
                    Rule.AUCTION_CROSS,
                    account,
                    last.instrument_id,
                    last.sequence,
                    last.at_ns,
                    last.at_ns,
                    f"The account was on both sides of {units} of an auction's {volume} units.",
                    trade_ids=tuple(fill.trade_id for fill in crossed[-EVIDENCE_MAX:]),
                    figures={"crossed_units": units, "auction_units": volume},
                )
            )
        return found

    def _self_trade(self, fill: Fill) -> Finding | None:
        account, instrument = fill.taker_account, fill.instrument_id
        if not self._once.is_first(Rule.SELF_TRADE, account, instrument, fill.at_ns):
            return None
        return Finding(
            Rule.SELF_TRADE,
            account,
            instrument,
            fill.sequence,
            fill.at_ns,
            fill.at_ns,
            f"The account traded {fill.units} units with itself, with self-trade prevention off.",
            trade_ids=(fill.trade_id,),
            order_ids=(fill.maker_order, fill.taker_order),
            figures={"units": fill.units, "price_ticks": fill.price_ticks},
        )

    def _round_trip(self, fill: Fill, window: _Window) -> Finding | None:
        limits = self._limits
        seller, buyer = fill.seller, fill.buyer
        there = window.ways[seller, buyer]
        back = window.ways.get((buyer, seller))
        if back is None or min(there.trades, back.trades) < limits.each_way_min:
            return None
        units, trades = there.units + back.units, there.trades + back.trades
        busiest = max(window.by_account[seller], window.by_account[buyer])
        if (
            trades < limits.trades_min
            or min(there.units, back.units) * BPS
            < max(there.units, back.units) * limits.balance_bps
            or units * BPS < busiest * limits.share_bps
            or not _are_near(there, back, limits.gap_bps)
        ):
            return None
        one, other = sorted((seller, buyer))
        instrument = fill.instrument_id
        if not self._once.is_first(Rule.ROUND_TRIP, one, instrument, fill.at_ns, other):
            return None
        # From both ends: a busy venue's window has hundreds of thousands in between.
        first = next(_between(one, other, window.fills))
        newest = islice(_between(one, other, reversed(window.fills)), EVIDENCE_MAX)
        return Finding(
            Rule.ROUND_TRIP,
            one,
            instrument,
            fill.sequence,
            first.at_ns,
            fill.at_ns,
            f"Two accounts passed {units} units to and fro in {trades} trades and kept few.",
            other_account_id=other,
            trade_ids=tuple(past.trade_id for past in newest)[::-1],
            figures={
                "trades": trades,
                "there_units": there.units,
                "back_units": back.units,
                "busiest_units": busiest,
            },
        )


def _between(one: int, other: int, fills: Iterable[Fill]) -> Iterator[Fill]:
    parties = {one, other}
    return (fill for fill in fills if {fill.maker_account, fill.taker_account} == parties)


def _are_near(one: _Way, other: _Way, gap_bps: int) -> bool:
    # Average prices compared as fractions: a/b against c/d.
    left, right = one.notional * other.units, other.notional * one.units
    return abs(left - right) * BPS <= max(left, right) * gap_bps
