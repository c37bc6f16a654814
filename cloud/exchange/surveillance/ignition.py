"""Momentum ignition: starting a move with one's own trades, then trading against the followers."""

from collections import deque

from cloud.exchange.surveillance.findings import EVIDENCE_MAX, Finding, OncePerBucket, Rule
from cloud.exchange.surveillance.tape import OTHER, WORDS, Fill
from cloud.exchange.surveillance.thresholds import BPS, IgnitionThresholds
from trading.orders import BUY, SELL


class _Run:
    """What one account took in one direction within the window."""

    __slots__ = ("notional", "takes", "units")

    def __init__(self) -> None:
        self.takes = 0
        self.units = 0
        self.notional = 0


class _Armed:
    """A run that moved the price and may be traded back; figures as when it was last seen."""

    __slots__ = (
        "back_notional",
        "back_units",
        "began_ns",
        "fill",
        "from_ticks",
        "notional",
        "units",
    )

    def __init__(self, began_ns: int, from_ticks: int) -> None:
        self.began_ns = began_ns
        self.from_ticks = from_ticks
        self.units = 0
        self.notional = 0
        self.back_units = 0
        self.back_notional = 0
        self.fill: list[Fill] = []


class _Window:
    """The takes of one instrument within the window, summed by account and side."""

    __slots__ = ("runs", "takes", "units")

    def __init__(self) -> None:
        self.takes: deque[Fill] = deque()
        self.units = {BUY: 0, SELL: 0}
        self.runs: dict[tuple[int, int], _Run] = {}

    def add(self, fill: Fill) -> _Run:
        self.takes.append(fill)
        return self._sum(fill, 1)

    def forget_before(self, at_ns: int) -> None:
        while self.takes and self.takes[0].at_ns < at_ns:
            self._sum(self.takes.popleft(), -1)

    def _sum(self, fill: Fill, sign: int) -> _Run:
        self.units[fill.taker_side] += sign * fill.units
        key = (fill.taker_account, fill.taker_side)
        run = self.runs.get(key)
        if run is None:
            run = self.runs[key] = _Run()
        run.takes += sign
        run.units += sign * fill.units
        run.notional += sign * fill.units * fill.price_ticks
        if run.takes == 0:
            del self.runs[key]
        return run


class IgnitionDetector:
    """Feed it every fill of continuous trading in order; it answers with what it finds."""

    def __init__(self, thresholds: IgnitionThresholds) -> None:
        self._limits = thresholds
        self._once = OncePerBucket()
        self._windows: dict[int, _Window] = {}
        self._armed: dict[tuple[int, int, int], _Armed] = {}

    def fill(self, fill: Fill) -> Finding | None:
        """One trade; its parties may start, carry on or turn a run."""
        found = self._turn(fill, fill.taker_account, fill.taker_side)
        found = self._turn(fill, fill.maker_account, OTHER[fill.taker_side]) or found
        window = self._windows.get(fill.instrument_id)
        if window is None:
            window = self._windows[fill.instrument_id] = _Window()
        window.forget_before(fill.at_ns - self._limits.window_ns)
        self._arm(fill, window, window.add(fill))
        return found

    def _arm(self, fill: Fill, window: _Window, run: _Run) -> None:
        limits, side = self._limits, fill.taker_side
        key = (fill.taker_account, fill.instrument_id, side)
        if run.takes < limits.takes_min or run.units * BPS < window.units[side] * limits.share_bps:
            return
        from_ticks = window.takes[0].price_ticks
        moved = fill.price_ticks - from_ticks if side == BUY else from_ticks - fill.price_ticks
        if moved * BPS < from_ticks * limits.move_bps:
            return
        armed = self._armed.get(key)
        if armed is None:
            self._forget_old(fill.at_ns)
            armed = self._armed[key] = _Armed(window.takes[0].at_ns, from_ticks)
        armed.units = max(armed.units, run.units)
        armed.notional = run.notional if armed.units == run.units else armed.notional
        armed.fill.append(fill)
        del armed.fill[:-EVIDENCE_MAX]

    def _turn(self, fill: Fill, account: int, side: int) -> Finding | None:
        """The account traded this side: the way back, if it ran the other way before."""
        key = (account, fill.instrument_id, OTHER[side])
        armed = self._armed.get(key)
        if armed is None:
            return None
        if fill.at_ns - armed.fill[-1].at_ns > self._limits.reverse_ns:
            del self._armed[key]
            return None
        armed.back_units += fill.units
        armed.back_notional += fill.units * fill.price_ticks
        if armed.back_units * BPS < armed.units * self._limits.reversed_bps:
            return None
        gain = armed.back_notional * armed.units - armed.notional * armed.back_units
        if (gain if side == SELL else -gain) <= 0:
            return None
        del self._armed[key]
        if not self._once.is_first(Rule.MOMENTUM_IGNITION, account, fill.instrument_id, fill.at_ns):
            return None
        return _finding(fill, account, side, armed)

    def _forget_old(self, at_ns: int) -> None:
        before = at_ns - self._limits.reverse_ns
        for key in [key for key, armed in self._armed.items() if armed.fill[-1].at_ns < before]:
            del self._armed[key]


def _finding(fill: Fill, account: int, side: int, armed: _Armed) -> Finding:
    peak = armed.fill[-1]
    return Finding(
        Rule.MOMENTUM_IGNITION,
        account,
        fill.instrument_id,
        fill.sequence,
        armed.began_ns,
        fill.at_ns,
        f"The account {WORDS[OTHER[side]]} {armed.units} units while the price went from "
        f"{armed.from_ticks} to {peak.price_ticks} ticks, then {WORDS[side]} "
        f"{armed.back_units} at a better price.",
        trade_ids=(*(past.trade_id for past in armed.fill[1 - EVIDENCE_MAX :]), fill.trade_id),
        figures={
            "run_units": armed.units,
            "from_ticks": armed.from_ticks,
            "peak_ticks": peak.price_ticks,
            "back_units": armed.back_units,
        },
    )
