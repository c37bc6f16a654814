"""Noise comes as a Poisson process, takers take only bargains, momentum follows the crowd."""

import itertools
import random
import statistics

from hypothesis import given
from hypothesis import strategies as st

from simulators.market.strategies import Kind, strategy_of
from simulators.market.takers import Momentum, Noise, Taker
from simulators.market.view import Cancel, OwnOrder, Place, Way
from tests.simulators.market.views import CENT, seen

MARKET = {"bid_ticks": 999_900, "ask_ticks": 1_000_100}


def run_of(mind, views):
    return [mind.decide(view) for view in views]


def arrivals_ms(mean_gap_ms, until_ms):
    mind = Noise(random.Random(4), mean_gap_ms=mean_gap_ms)
    looks = range(0, until_ms, 5)
    return [ms for ms in looks if mind.decide(seen(at_ms=ms, **MARKET))]


def test_noise_arrives_with_the_gaps_of_a_poisson_process():
    came = arrivals_ms(500, 2_000_000)
    gaps = [later - earlier for earlier, later in itertools.pairwise(came)]
    # Exponential gaps: mean and deviation are the same; 4,000 of them leave little to chance.
    assert abs(statistics.mean(gaps) - 500) < 30
    assert abs(statistics.pstdev(gaps) - 500) < 40


def test_after_a_pause_noise_does_not_make_up_for_lost_time():
    mind = Noise(random.Random(1), mean_gap_ms=100)
    mind.decide(seen(at_ms=0, **MARKET))
    assert len(mind.decide(seen(at_ms=3_600_000, **MARKET))) == 1
    assert mind.decide(seen(at_ms=3_600_000, **MARKET)) == []


def test_noise_takes_back_what_nobody_wanted():
    mind = Noise(random.Random(1), patience_ms=1_000)
    old = OwnOrder("old", Way.BUY, 999_000, 5, placed_at_ms=0)
    new = OwnOrder("new", Way.BUY, 999_000, 5, placed_at_ms=1_500)
    assert mind.decide(seen(at_ms=2_000, orders=(old, new))) == [Cancel("old")]


@given(seed=st.integers(0, 10_000), position=st.integers(0, 100))
def test_noise_never_sells_what_it_has_not(seed, position):
    mind = Noise(random.Random(seed), mean_gap_ms=1)
    for at_ms in range(0, 2_000, 100):
        view = seen(at_ms=at_ms, position_units=position, **MARKET)
        for wish in mind.decide(view):
            assert isinstance(wish, Place)
            assert wish.units > 0
            assert wish.price_ticks % CENT == 0
            assert wish.way is Way.BUY or wish.units <= position


def test_noise_with_too_much_sells_more_often_than_it_buys():
    mind = Noise(random.Random(9), mean_gap_ms=1, position_target=100)
    looks = (seen(at_ms=ms, position_units=5_000, **MARKET) for ms in range(0, 40_000, 20))
    ways = [wish.way for wishes in run_of(mind, looks) for wish in wishes]
    assert ways.count(Way.SELL) > 2 * ways.count(Way.BUY)


def a_taker():
    mind = Taker(random.Random(2), mean_gap_ms=1, edge_bps=10, units=50, position_max=5_020)
    mind.decide(seen(at_ms=0))
    return mind


def test_a_taker_leaves_a_fair_market_alone():
    assert a_taker().decide(seen(at_ms=9_000, **MARKET)) == []


def test_a_taker_takes_a_bargain_at_once_and_keeps_within_its_limit():
    cheap = seen(at_ms=9_000, bid_ticks=990_000, ask_ticks=995_000)
    assert a_taker().decide(cheap) == [Place(Way.BUY, 20, 999_000, "ioc")]
    dear = seen(at_ms=9_000, bid_ticks=1_005_000, ask_ticks=1_006_000, position_units=30)
    assert a_taker().decide(dear) == [Place(Way.SELL, 30, 1_001_000, "ioc")]


def follow(prices, **changes):
    mind = Momentum(fast=3, slow=10, threshold_bps=2, calm_ms=1_000)
    wishes = []
    for number, price in enumerate(prices):
        wishes += mind.decide(seen(at_ms=number * 100, last_ticks=price, **changes))
    return [wish.way for wish in wishes if isinstance(wish, Place)]


def test_momentum_buys_a_rise_sells_a_fall_and_sits_still_between():
    rise = [1_000_000 + 1_000 * number for number in range(40)]
    assert set(follow(rise, position_units=100)) == {Way.BUY}
    assert set(follow(rise[::-1])) == {Way.SELL}
    assert follow([1_000_000] * 40) == []
    # A decision a second, not one a look: at 0.9 s, when it has seen ten, and up to 3.9 s.
    assert len(follow(rise, position_units=100)) == 4


def test_the_same_seed_and_market_give_the_same_decisions_and_another_seed_others():
    def decisions(kind, seed):
        draw = random.Random(77)
        mind = strategy_of(kind, "AAPL", seed)
        price = 1_000_000
        told = []
        for number in range(600):
            price += draw.randrange(-2_000, 2_001, CENT)
            view = seen(
                at_ms=number * 50,
                reference_ticks=1_000_000,
                last_ticks=price,
                bid_ticks=price - CENT,
                ask_ticks=price + CENT,
            )
            told.append(mind.decide(view))
        return told

    for kind in Kind:
        assert any(decisions(kind, 5))
        assert decisions(kind, 5) == decisions(kind, 5)
    for kind in (Kind.NOISE, Kind.TAKER):
        assert decisions(kind, 5) != decisions(kind, 6)
