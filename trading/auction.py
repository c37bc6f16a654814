"""One price for everybody: the opening, closing and volatility auctions.

The price rule (docs/trading.md): among the limits of the crossed orders, the price that trades the
most; then the one that leaves the least; then, if what is left is all on one side, the price that
side drives it to (highest for buyers, lowest for sellers); then the one nearest to the last price,
the higher of two as near. Icebergs take part with all they have.
"""

from __future__ import annotations

from trading.account_events import AuctionHeld
from trading.lifecycle import after_fill, live_order
from trading.live import Market
from trading.settlement import settle_trade
from trading.venue import Venue


class Clearing:
    """The price of an auction, what trades at it, and what buyers would still have taken."""

    def __init__(self, price: int, volume: int, surplus: int) -> None:
        self.price: int = price
        self.volume: int = volume
        self.surplus: int = surplus


def clearing(market: Market) -> Clearing:
    """What the auction would do now; price and volume are 0 where nothing crosses."""
    best_bid = market.bids.best
    best_ask = market.asks.best
    if best_bid is None or best_ask is None or best_bid.price < best_ask.price:
        return Clearing(0, 0, 0)
    lowest: int = best_ask.price
    highest: int = best_bid.price
    demand_at: dict[int, int] = {}
    supply_at: dict[int, int] = {}
    level = market.bids.best
    while level is not None and level.price >= lowest:
        demand_at[level.price] = level.quantity
        level = market.bids.worse_than(level.price)
    level = market.asks.best
    while level is not None and level.price <= highest:
        supply_at[level.price] = level.quantity
        level = market.asks.worse_than(level.price)
    demand = sum(demand_at.values())
    supply = 0
    found: list[Clearing] = []
    for price in sorted(set(demand_at) | set(supply_at)):
        supply += supply_at.get(price, 0)
        found.append(Clearing(price, min(demand, supply), demand - supply))
        demand -= demand_at.get(price, 0)
    return _best(found, market.last_ticks)


def _best(found: list[Clearing], reference: int) -> Clearing:
    volume = max([one.volume for one in found])
    most = [one for one in found if one.volume == volume]
    left = min([abs(one.surplus) for one in most])
    tied = [one for one in most if abs(one.surplus) == left]
    if all(one.surplus > 0 for one in tied):
        return tied[-1]
    if all(one.surplus < 0 for one in tied):
        return tied[0]
    nearest = tied[0]
    for one in tied[1:]:
        if abs(one.price - reference) <= abs(nearest.price - reference):
            nearest = one
    return nearest


def uncross(venue: Venue, market: Market) -> None:
    """Hold the auction: trade everything that can be traded at its price."""
    found = clearing(market)
    venue.events.append(
        AuctionHeld(
            venue.sequence,
            market.instrument.instrument_id,
            found.price,
            found.volume,
            found.surplus,
        )
    )
    if found.volume == 0:
        return
    left = found.volume
    while left > 0:
        bid_level, ask_level = market.bids.best, market.asks.best
        assert bid_level is not None and bid_level.first is not None, "demand ran out"  # noqa: PT018
        assert ask_level is not None and ask_level.first is not None, "supply ran out"  # noqa: PT018
        assert bid_level.price >= found.price >= ask_level.price, "an auction traded through"
        bid, ask = live_order(bid_level.first), live_order(ask_level.first)
        quantity: int = min(left, bid.remaining, ask.remaining)
        left -= quantity
        for order in (bid, ask):
            side = order.place_in()
            if order.remaining == quantity:
                side.remove(order)
                order.remaining = 0
                order.visible = 0
            else:
                side.shrink(order, quantity)
        maker, taker = (bid, ask) if bid.order_id < ask.order_id else (ask, bid)
        maker_left: int = maker.remaining
        taker_left: int = taker.remaining
        settle_trade(
            venue, market, maker, taker, found.price, quantity, maker_left, taker_left, True
        )
        after_fill(venue, maker, quantity, maker_left)
        after_fill(venue, taker, quantity, taker_left)
    market.last_ticks = found.price
