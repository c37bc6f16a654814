"""Those who come and go: noise, takers who know a price, and those who run with the crowd."""

import random

from simulators.market.view import Cancel, Place, View, Way, Wish, down, up

_BPS = 10_000


class _Arrivals:
    """Instants of a Poisson process, one after the other."""

    def __init__(self, draw: random.Random, mean_gap_ms: int) -> None:
        self._draw = draw
        self._mean_gap_ms = mean_gap_ms
        self._next_ms: float | None = None

    def has_come(self, at_ms: int) -> bool:
        """Whether somebody has arrived by now; the first look starts the wait."""
        gap_ms = self._draw.expovariate(1 / self._mean_gap_ms)
        if self._next_ms is None:
            self._next_ms = at_ms + gap_ms
            return False
        if at_ms < self._next_ms:
            return False
        # From now, not from when it was due: after a pause nobody makes up for lost time.
        self._next_ms = at_ms + gap_ms
        return True


class Noise:
    """Orders for no reason: Poisson arrivals, either side, mostly small, near the touch.

    mean_gap_ms: between its orders. units_mean: geometric. patience_ms: how long a resting one is
    left. position_target: it leans, gently, back to it.
    """

    def __init__(
        self,
        draw: random.Random,
        *,
        mean_gap_ms: int = 1_000,
        units_mean: int = 20,
        patience_ms: int = 20_000,
        position_target: int = 1_000,
    ) -> None:
        self._draw = draw
        self._arrivals = _Arrivals(draw, mean_gap_ms)
        self._units_mean = units_mean
        self._patience_ms = patience_ms
        self._position_target = max(1, position_target)

    def decide(self, view: View) -> list[Wish]:
        """Take back what nobody wanted; now and then one new order."""
        wishes: list[Wish] = [
            Cancel(order.tag)
            for order in view.orders
            if view.at_ms - order.placed_at_ms > self._patience_ms
        ]
        if self._arrivals.has_come(view.at_ms):
            wishes += self._order(view)
        return wishes

    def _order(self, view: View) -> list[Wish]:
        excess = (view.position_units - self._position_target) / self._position_target
        chance = 0.5 - 0.3 * max(-1.0, min(1.0, excess))
        way = Way.BUY if self._draw.random() < chance else Way.SELL
        units = 1 + int(self._draw.expovariate(1 / self._units_mean))
        style, off = self._draw.random(), int(self._draw.expovariate(1 / 4))
        if way is Way.SELL:
            units = min(units, view.units_to_sell)
        if units == 0:
            return []
        if style < 0.35:
            return [Place(way, units)]
        near = view.bid_ticks if way is Way.BUY else view.ask_ticks
        price = near or view.reference_ticks
        sign = -1 if way is Way.BUY else 1
        return [Place(way, units, down(price + sign * off * view.step_ticks, view.step_ticks))]


class Taker:
    """Knows what a thing is worth: takes what is offered better than that, by an edge, at once.

    It is what keeps the price near the reference when makers are slow to follow.
    """

    def __init__(
        self,
        draw: random.Random,
        *,
        mean_gap_ms: int = 1_000,
        edge_bps: int = 2,
        units: int = 60,
        position_max: int = 8_000,
    ) -> None:
        self._arrivals = _Arrivals(draw, mean_gap_ms)
        self._edge_bps = edge_bps
        self._units = units
        self._position_max = position_max

    def decide(self, view: View) -> list[Wish]:
        """At most one immediate-or-cancel order at the price it would still pay."""
        if not self._arrivals.has_come(view.at_ms):
            return []
        edge = self._edge_bps * view.reference_ticks // _BPS
        low, high = view.reference_ticks - edge, view.reference_ticks + edge
        if view.ask_ticks and view.ask_ticks <= low:
            units = min(self._units, self._position_max - view.position_units)
            price = down(low, view.step_ticks)
            return [Place(Way.BUY, units, price, "ioc")] if units > 0 else []
        if view.bid_ticks and view.bid_ticks >= high:
            units = min(self._units, view.units_to_sell)
            price = up(high, view.step_ticks)
            return [Place(Way.SELL, units, price, "ioc")] if units > 0 else []
        return []


class Momentum:
    """Buys what rises and sells what falls: a fast average of prices against a slow one.

    threshold_bps: how far apart they must be. calm_ms: between two orders at least. fast, slow:
    how many looks an average remembers, roughly; the first `slow` looks it only watches.
    """

    def __init__(
        self,
        *,
        fast: int = 20,
        slow: int = 100,
        threshold_bps: int = 3,
        calm_ms: int = 3_000,
        units: int = 40,
        position_max: int = 4_000,
    ) -> None:
        self._spans = (fast, slow)
        self._averages = [0.0, 0.0]
        self._looks = 0
        self._threshold_bps = threshold_bps
        self._calm_ms = calm_ms
        self._calm_until_ms = 0
        self._units = units
        self._position_max = position_max

    def decide(self, view: View) -> list[Wish]:
        """At most one market order, with the trend."""
        price = view.last_ticks
        if not price:
            return []
        self._watch(price)
        fast, slow = self._averages
        if self._looks < self._spans[1] or view.at_ms < self._calm_until_ms:
            return []
        lead_bps = (fast - slow) / slow * _BPS
        if lead_bps > self._threshold_bps:
            units = min(self._units, self._position_max - view.position_units)
            return self._act(view, Way.BUY, units)
        if lead_bps < -self._threshold_bps:
            return self._act(view, Way.SELL, min(self._units, view.units_to_sell))
        return []

    def _act(self, view: View, way: Way, units: int) -> list[Wish]:
        if units <= 0:
            return []
        self._calm_until_ms = view.at_ms + self._calm_ms
        return [Place(way, units)]

    def _watch(self, price: int) -> None:
        self._looks += 1
        if self._looks == 1:
            self._averages = [float(price), float(price)]
            return
        for number, span in enumerate(self._spans):
            self._averages[number] += (price - self._averages[number]) * 2 / (span + 1)
