"""A maker quotes both sides, leans against what it holds, and never crosses or oversells."""

from hypothesis import given
from hypothesis import strategies as st

from simulators.market.makers import Maker, Quoting
from simulators.market.view import Cancel, OwnOrder, Place, Way
from tests.simulators.market.views import CENT, seen

HABITS = Quoting(half_spread_bps=10, gap_bps=5, levels=3, units=100)


def quotes(wishes, way):
    return [each.price_ticks for each in wishes if isinstance(each, Place) and each.way is way]


def as_orders(wishes, at_ms=1_000):
    return tuple(
        OwnOrder(f"o{number}", each.way, each.price_ticks, each.units, at_ms)
        for number, each in enumerate(wishes)
        if isinstance(each, Place)
    )


def test_it_quotes_every_level_of_both_sides_around_its_belief():
    wishes = Maker(HABITS).decide(seen())
    assert quotes(wishes, Way.BUY) == [999_000, 998_500, 998_000]
    assert quotes(wishes, Way.SELL) == [1_001_000, 1_001_500, 1_002_000]


def test_what_it_quotes_already_is_left_alone():
    maker = Maker(HABITS)
    first = maker.decide(seen())
    assert maker.decide(seen(orders=as_orders(first))) == []


def test_a_small_move_moves_no_quote_and_a_large_one_moves_all():
    maker = Maker(HABITS)
    orders = as_orders(maker.decide(seen()))
    assert maker.decide(seen(orders=orders, reference_ticks=1_000_100)) == []
    wishes = maker.decide(seen(orders=orders, reference_ticks=1_010_000))
    assert {each.tag for each in wishes if isinstance(each, Cancel)} == {e.tag for e in orders}
    # Cancels come first, so that the units they free can be offered again.
    kinds = [type(each) for each in wishes]
    assert kinds == sorted(kinds, key=lambda kind: kind is Place)


def test_a_full_maker_lowers_both_sides_and_buys_no_more():
    full = seen(position_units=HABITS.position_max)
    wishes = Maker(HABITS).decide(full)
    assert quotes(wishes, Way.BUY) == []
    assert quotes(wishes, Way.SELL)[0] < 1_001_000


def test_an_empty_maker_raises_its_bids_and_offers_nothing():
    wishes = Maker(HABITS).decide(seen(position_units=0))
    assert quotes(wishes, Way.SELL) == []
    assert quotes(wishes, Way.BUY)[0] > 999_000


@given(
    reference=st.integers(20_000, 10_000_000),
    bid=st.integers(1, 100_000),
    spread=st.integers(1, 500),
    position=st.integers(0, 12_000),
)
def test_its_quotes_never_cross_the_market_or_each_other_and_never_oversell(
    reference, bid, spread, position
):
    view = seen(
        reference_ticks=reference,
        bid_ticks=bid * CENT,
        ask_ticks=(bid + spread) * CENT,
        position_units=position,
    )
    wishes = Maker(HABITS).decide(view)
    bids, asks = quotes(wishes, Way.BUY), quotes(wishes, Way.SELL)
    assert all(price % CENT == 0 for price in bids + asks)
    assert all(price < view.ask_ticks or price == CENT for price in bids)
    assert all(price > view.bid_ticks for price in asks)
    assert len(asks) * HABITS.units <= position
    assert len(set(bids)) == len(bids)
    assert len(set(asks)) == len(asks)
