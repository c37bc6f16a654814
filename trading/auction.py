"""One price for everybody: the opening, closing and volatility auctions.

Limit orders make the price, market orders take it. A market order takes part with all it has at
every price within its protection; but its protection is nobody's opinion of what a unit is worth,
so it is never tried as a price. The rule, as published (docs/trading.md): of the limits of limit
orders in the crossed part of the book,
1. those at which the most units trade;
2. of those, the ones that leave the fewest units on one side;
3. of several, the highest if what they leave is all on the buy side, the lowest if all on the sell
   side;
4. otherwise the reference price, moved into their range.
Where at the reference price more units trade than at any such limit, or as many and fewer are left,
it is the price: above all where only market orders cross. The reference is the last price.

Everybody is served by price, then time; a market order has the place of its protection, which is
ahead of every limit order that does not go further. Icebergs take part with all they have.

Source: Deutsche Boerse, Market Model for the Trading Venue Xetra, T7 Release 7.1 (2019), price
determination in auctions: steps 1 to 4, and the reference price where only market orders meet.
Nasdaq Rule 4754(b)(2) and the London Stock Exchange's guide MIT201 order the same criteria alike:
volume, imbalance, side of the imbalance or distance from a reference. That the reference is also
taken where it leaves fewer units than any limit is ours: those venues try every tick in between.
"""

from __future__ import annotations

from trading.account_events import AuctionHeld
from trading.book import HalfBook
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
    """What the auction would do now; price and volume are 0 where nothing can trade."""
    best_bid = market.bids.best
    best_ask = market.asks.best
    if best_bid is None or best_ask is None or best_bid.price < best_ask.price:
        return Clearing(0, 0, 0)
    lowest: int = best_ask.price
    highest: int = best_bid.price
    limits: set[int] = set()
    demand_at = _crossed(market.bids, lowest, limits)
    supply_at = _crossed(market.asks, highest, limits)
    reference = _reference(market)
    demand = sum(demand_at.values())
    supply = 0
    found: list[Clearing] = []
    at_reference = Clearing(0, 0, 0)
    for price in sorted({*demand_at, *supply_at, reference}):
        supply += supply_at.get(price, 0)
        tried = Clearing(price, min(demand, supply), demand - supply)
        if price in limits:
            found.append(tried)
        if price == reference and tried.volume > 0:
            at_reference = tried
        demand -= demand_at.get(price, 0)
    return _best(found, at_reference, reference)


def _crossed(side: HalfBook, until: int, limits: set[int]) -> dict[int, int]:
    """Units by price, up to the other side's best price; adds the prices of limit orders."""
    units: dict[int, int] = {}
    level = side.best
    while level is not None and (level.price >= until if side.is_buy else level.price <= until):
        units[level.price] = level.quantity
        order = level.first
        while order is not None and live_order(order).is_market():
            order = order.next
        if order is not None:
            limits.add(level.price)
        level = side.worse_than(level.price)
    return units


def _reference(market: Market) -> int:
    """The last price; where the instrument's ticks have changed since, the next one below."""
    one = market.instrument
    return max(one.round_down(market.last_ticks), one.tick_at(0))


def _best(found: list[Clearing], at_reference: Clearing, reference: int) -> Clearing:
    """The price among those of limit orders (lowest first), or the reference where it does more."""
    volume = max([one.volume for one in found], default=0)
    most = [one for one in found if one.volume == volume]
    left = min([abs(one.surplus) for one in most], default=0)
    if at_reference.volume > volume or (
        at_reference.volume == volume and abs(at_reference.surplus) < left
    ):
        return at_reference
    tied = [one for one in most if abs(one.surplus) == left]
    if not tied:
        return Clearing(0, 0, 0)
    if all(one.surplus > 0 for one in tied):
        return tied[-1]
    if all(one.surplus < 0 for one in tied) or reference <= tied[0].price:
        return tied[0]
    return tied[-1] if reference >= tied[-1].price else at_reference


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
