"""Makers: they quote both sides all the time and earn the spread for it."""

from dataclasses import dataclass

from simulators.market.view import Cancel, OwnOrder, Place, View, Way, Wish, down, up

_BPS = 10_000


@dataclass(frozen=True, slots=True)
class Quoting:
    """A maker's habits. half_spread_bps: from its middle to its best quote. gap_bps: between its
    levels. units: of each quote. position_target, position_max: at the maximum it stops buying; at
    both ends its middle has moved by the half spread. drift_bps: how far a quote may be from where
    it should be before it is moved.
    """

    half_spread_bps: int = 7
    gap_bps: int = 6
    levels: int = 5
    units: int = 100
    position_target: int = 5_000
    position_max: int = 10_000
    drift_bps: int = 5


class Maker:
    """Quotes both sides around its belief; the more it holds, the lower it quotes.

    Source: the idea of M. Avellaneda and S. Stoikov, High-frequency trading in a limit order book,
    Quantitative Finance 8 (2008), with a linear skew.
    """

    def __init__(self, habits: Quoting) -> None:
        self._habits = habits

    def decide(self, view: View) -> list[Wish]:
        """Cancels first, so that what they free is there for the new quotes."""
        cancels: list[Wish] = []
        places: list[Wish] = []
        for way in Way:
            kept, stale = self._sorted_out(view, way)
            cancels += [Cancel(order.tag) for order in stale]
            places += self._missing(view, way, kept)
        return cancels + places

    def middle_ticks(self, view: View) -> int:
        """The price it would as soon buy as sell at."""
        habits = self._habits
        excess = view.position_units - habits.position_target
        room = max(1, habits.position_max - habits.position_target)
        share_max = habits.half_spread_bps * view.reference_ticks // _BPS
        skew = share_max * max(-room, min(room, excess)) // room
        return view.reference_ticks - skew

    def wanted_ticks(self, view: View, way: Way) -> list[int]:
        """Where its quotes of one side should be, the best first; none crosses the other side."""
        habits, middle, step = self._habits, self.middle_ticks(view), view.step_ticks
        prices = []
        for level in range(habits.levels):
            off = (habits.half_spread_bps + level * habits.gap_bps) * middle // _BPS
            if way is Way.BUY:
                best = view.ask_ticks - step if view.ask_ticks else middle
                price = down(min(middle - off, best - level * step), step)
            else:
                best = view.bid_ticks + step if view.bid_ticks else middle
                price = up(max(middle + off, best + level * step), step)
            if price not in prices:
                prices.append(price)
        return prices

    def _sorted_out(self, view: View, way: Way) -> tuple[dict[int, OwnOrder], list[OwnOrder]]:
        """Its orders of one side: those near a wanted price, by that price, and the others."""
        drift = max(view.step_ticks, self._habits.drift_bps * view.reference_ticks // _BPS)
        free = self.wanted_ticks(view, way)
        kept: dict[int, OwnOrder] = {}
        stale: list[OwnOrder] = []
        for order in (each for each in view.orders if each.way is way):
            near = [price for price in free if abs(price - order.price_ticks) <= drift]
            if near:
                price = min(near, key=lambda wanted: abs(wanted - order.price_ticks))
                free.remove(price)
                kept[price] = order
            else:
                stale.append(order)
        return kept, stale

    def _missing(self, view: View, way: Way, kept: dict[int, OwnOrder]) -> list[Place]:
        habits = self._habits
        if way is Way.BUY:
            room = habits.position_max - view.position_units - view.units_on(Way.BUY)
        else:
            room = view.units_to_sell
        places = []
        for price in self.wanted_ticks(view, way):
            if price not in kept and room >= habits.units:
                room -= habits.units
                places.append(Place(way, habits.units, price))
        return places
