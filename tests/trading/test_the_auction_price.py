"""Limit orders make an auction's price and market orders take it, whatever is in the book."""

from dataclasses import dataclass

import hypothesis.strategies as st
import pytest
from hypothesis import example, given

from tests.trading.venue_rig import BUY, SELL, Rig
from trading import commands
from trading.events import AuctionHeld
from trading.instruments import CLOSED, CLOSING_CALL, CONTINUOUS, OPENING_CALL, VOLATILITY_CALL
from trading.orders import CLS, LIMIT, MARKET, OPG

LAST = 100


@dataclass(frozen=True)
class Wish:
    """price: 0 for a market order. is_iceberg: shows one unit only."""

    side: int
    price: int
    units: int
    is_iceberg: bool = False

    def limit(self, last, protection_bps):
        """The worst price it may get."""
        if self.price:
            return self.price
        if self.side == BUY:
            return max(last * (10_000 + protection_bps) // 10_000, last)
        return max(-(-last * (10_000 - protection_bps) // 10_000), 1)


WISHES = st.builds(
    Wish,
    st.sampled_from((BUY, SELL)),
    st.one_of(st.just(0), st.integers(LAST - 8, LAST + 8)),
    st.integers(1, 9),
    st.booleans(),
)
BOOKS = st.lists(WISHES, min_size=1, max_size=12)
PROTECTIONS = st.sampled_from((100, 300, 1_000))
AUCTIONS = st.sampled_from(
    ((OPENING_CALL, CONTINUOUS), (VOLATILITY_CALL, CONTINUOUS), (CLOSING_CALL, CLOSED))
)


def crossed(book, price, limits):
    """(units that trade, units left on the buy side) at a price."""
    demand = sum(
        w.units for w, limit in zip(book, limits, strict=True) if is_buy_at(w, limit, price)
    )
    supply = sum(
        w.units for w, limit in zip(book, limits, strict=True) if w.side == SELL and limit <= price
    )
    return min(demand, supply), demand - supply


def is_buy_at(wish, limit, price):
    return wish.side == BUY and limit >= price


def call(book, phase=OPENING_CALL, **instrument):
    """A rig in a call with these orders in it, and the id of each."""
    rig = Rig(phase=CONTINUOUS if phase != OPENING_CALL else CLOSED, **instrument)
    rig.do(commands.SetPhase, 1, phase)
    ids = [
        rig.order(
            1 + number % 4,
            wish.side,
            wish.units,
            wish.price,
            kind=LIMIT if wish.price else MARKET,
            display_units=1 if wish.price and wish.is_iceberg else 0,
        )
        for number, wish in enumerate(book)
    ]
    return rig, ids


def auction_of(rig):
    return [event for event in rig.events if isinstance(event, AuctionHeld)][-1]


@given(BOOKS, PROTECTIONS, AUCTIONS)
@example([Wish(BUY, 0, 9), Wish(SELL, 0, 9)], 300, (OPENING_CALL, CONTINUOUS))
@example([Wish(BUY, 0, 9), Wish(SELL, 101, 5)], 1_000, (CLOSING_CALL, CLOSED))
def test_the_price_is_a_limit_orders_or_the_last_and_trades_the_most(book, protection, phases):
    rig, ids = call(book, phases[0], protection_bps=protection)
    limits = [wish.limit(LAST, protection) for wish in book]
    assert [rig.live(order).price for order in ids] == limits
    expected = rig.engine.indicative(1)
    since = len(rig.events)
    rig.do(commands.SetPhase, 1, phases[1])
    held = auction_of(rig)
    allowed = {wish.price for wish in book if wish.price} | {LAST}
    at = {price: crossed(book, price, limits) for price in allowed}
    assert held.volume_units == max(volume for volume, _ in at.values())
    assert (expected.price, expected.volume, expected.surplus) == held.as_tuple()[2:]
    fills = rig.fills(since)
    assert sum(fill[3] for fill in fills) == held.volume_units
    if held.volume_units == 0:
        assert held.price_ticks == 0
        return
    assert held.price_ticks in allowed
    assert at[held.price_ticks] == (held.volume_units, held.surplus_units)
    best = min(abs(surplus) for volume, surplus in at.values() if volume == held.volume_units)
    assert abs(held.surplus_units) == best
    # Nobody trades through a limit, of their own or of anybody who came before them.
    limit_of = dict(zip(ids, zip(book, limits, strict=True), strict=True))
    for maker, taker, price, _ in fills:
        assert price == held.price_ticks
        for wish, limit in (limit_of[maker], limit_of[taker]):
            assert price <= limit if wish.side == BUY else price >= limit
    rig.check()


@given(BOOKS, PROTECTIONS)
def test_a_protection_nobody_needs_changes_no_price(book, protection):
    """Wider protection lets market orders take part; the price stays one that others named."""
    limits = {wish.price for wish in book if wish.price} | {LAST}
    wide, _ = call(book, protection_bps=9_000)
    narrow, _ = call(book, protection_bps=protection)
    for rig in (wide, narrow):
        found = rig.engine.indicative(1)
        assert found.volume == 0 or found.price in limits
    assert wide.engine.indicative(1).volume >= narrow.engine.indicative(1).volume


M = 0
CASES = [
    # Only market orders: the last price.
    ([(BUY, M, 9), (SELL, M, 5)], (100, 5, 4)),
    # What sellers ask, not what the buyer's protection is.
    ([(BUY, M, 10), (SELL, 101, 5)], (101, 5, 5)),
    ([(BUY, M, 10), (SELL, 101, 5), (SELL, 103, 3)], (103, 8, 2)),
    # Enough is offered at the best price: nothing dearer, and not the last price either.
    ([(BUY, M, 5), (SELL, 97, 5), (SELL, 103, 5)], (97, 5, 0)),
    # The same for a seller.
    ([(SELL, M, 10), (BUY, 99, 5)], (99, 5, -5)),
    ([(SELL, M, 5), (BUY, 103, 5), (BUY, 97, 5)], (103, 5, 0)),
    # A buyer's limit counts as well: what is left pushes the price to it.
    ([(BUY, M, 10), (BUY, 102, 1), (SELL, 101, 5)], (102, 5, 6)),
    # Market orders meet between a bid and an ask: nobody's limit is a better price than the last.
    ([(BUY, M, 9), (SELL, M, 9), (BUY, 95, 3), (SELL, 106, 8)], (100, 9, 0)),
    # Limits that do the same on either side of the last price.
    ([(BUY, 105, 9), (SELL, 95, 9)], (100, 9, 0)),
    # On one side of it: the nearest.
    ([(BUY, 99, 9), (SELL, 95, 9)], (99, 9, 0)),
    ([(BUY, 105, 9), (SELL, 102, 9)], (102, 9, 0)),
    # A limit beyond the protection: the market order stays out of it.
    ([(BUY, M, 9), (SELL, 111, 5), (BUY, 112, 5)], (111, 5, 0)),
    # Nothing crosses.
    ([(BUY, M, 9), (SELL, 111, 5)], (0, 0, 0)),
    ([(BUY, 99, 9), (SELL, 101, 5)], (0, 0, 0)),
]


@pytest.mark.parametrize(("book", "expected"), CASES)
def test_the_published_rule_case_by_case(book, expected):
    rig, _ = call([Wish(*one) for one in book])
    rig.do(commands.SetPhase, 1, CONTINUOUS)
    assert auction_of(rig).as_tuple()[2:] == expected
    assert rig.engine.venue.markets[1].last_ticks == (expected[0] or LAST)
    rig.check()


def test_a_market_order_is_served_before_the_limits_it_outbids():
    rig, (early, market, late) = call([Wish(BUY, 105, 5), Wish(BUY, 0, 5), Wish(BUY, 105, 5)])
    seller = rig.sell(4, 8, 101)
    rig.do(commands.SetPhase, 1, CONTINUOUS)
    assert rig.fills() == [(market, seller, 105, 5), (early, seller, 105, 3)]
    assert rig.live(late).remaining == 5


def test_what_a_market_order_did_not_get_ends_with_the_auction():
    rig, (market,) = call([Wish(BUY, 0, 10)])
    rig.sell(2, 4, 101)
    held = rig.portfolio(1).held_cash
    assert held == 10 * 110
    rig.do(commands.SetPhase, 1, CONTINUOUS)
    assert rig.live(market) is None
    assert rig.portfolio(1).held_cash == 0
    rig.check()


@pytest.mark.parametrize("tif", [OPG, CLS])
def test_orders_for_the_auction_only_make_its_price_by_their_limits(tif):
    phase, after = (OPENING_CALL, CONTINUOUS) if tif == OPG else (CLOSING_CALL, CLOSED)
    rig, _ = call([Wish(SELL, 101, 5)], phase)
    rig.buy(2, 9, kind=MARKET, tif=tif)
    rig.buy(3, 1, 104, tif=tif)
    rig.do(commands.SetPhase, 1, after)
    assert auction_of(rig).as_tuple()[2:] == (104, 5, 5)


def test_a_stop_that_was_elected_names_no_price_either():
    """It works as a market order, and may come into a volatility call."""
    rig = Rig(volatility_bps=300)
    rig.sell(1, 1, 102)
    rig.sell(1, 5, 106)
    stop = rig.buy(2, 9, kind=3, stop_ticks=102)
    rig.buy(3, 1, 102)
    assert rig.engine.venue.markets[1].phase == VOLATILITY_CALL
    assert rig.live(stop).price == 112
    rig.do(commands.SetPhase, 1, CONTINUOUS)
    assert auction_of(rig).as_tuple()[2:] == (106, 5, 4)


def test_a_last_price_that_is_no_allowed_price_any_more_is_rounded_down():
    rig = Rig(phase=CLOSED, reference_ticks=103)
    rig.list_instrument(reference_ticks=103, tick_table=((0, 5),))
    rig.buy(1, 5, kind=MARKET)
    rig.sell(2, 5, kind=MARKET)
    rig.do(commands.SetPhase, 1, CONTINUOUS)
    assert auction_of(rig).as_tuple()[2:] == (100, 5, 0)
