"""A move that its maker trades against is found; large orders and followers are not."""

import pytest

from tests.support.watched_market import BUY, MS, SELL, S, WatchedMarket


@pytest.fixture
def market() -> WatchedMarket:
    """Asks every 20 bps, so that taking ten of them moves the price by 2 %."""
    made = WatchedMarket()
    for level in range(20):
        made.limit(9, SELL, 100, 100_000 + 200 * level)
    return made


def run_up(market: WatchedMarket, account: int, takes: int = 10) -> None:
    for level in range(takes):
        market.limit(account, BUY, 100, 100_000 + 200 * level)
        market.wait(300 * MS)


def test_a_run_sold_to_its_followers_is_found(market: WatchedMarket) -> None:
    run_up(market, 1)
    for follower in (3, 4, 5):
        market.limit(follower, BUY, 200, 101_700)
    market.wait(2 * S)
    market.limit(1, SELL, 600, 101_700)
    assert market.rules() == ["momentum_ignition"]
    finding = market.found[0]
    assert finding.account_id == 1
    assert finding.figures["from_ticks"] == 100_000
    assert finding.figures["peak_ticks"] == 101_800


def test_the_same_downwards_is_found() -> None:
    market = WatchedMarket()
    for level in range(10):
        market.limit(9, BUY, 100, 100_000 - 200 * level)
    for level in range(10):
        market.limit(1, SELL, 100, 100_000 - 200 * level)
        market.wait(300 * MS)
    market.limit(3, SELL, 600, 98_300)
    market.limit(1, BUY, 600, 98_300)
    assert market.rules() == ["momentum_ignition"]


def test_a_large_buyer_who_keeps_what_was_bought_is_not_found(market: WatchedMarket) -> None:
    run_up(market, 1)
    market.wait(30 * S)
    assert market.rules() == []


def test_selling_back_at_a_loss_is_no_scheme(market: WatchedMarket) -> None:
    run_up(market, 1)
    market.limit(3, BUY, 1_000, 100_100)
    market.limit(1, SELL, 1_000, 100_100)
    assert market.rules() == []


def test_selling_long_after_the_run_is_an_investment(market: WatchedMarket) -> None:
    run_up(market, 1)
    market.wait(61 * S)
    market.limit(3, BUY, 1_000, 101_700)
    market.limit(1, SELL, 1_000, 101_700)
    assert market.rules() == []


def test_a_follower_of_others_run_is_not_found(market: WatchedMarket) -> None:
    for level in range(0, 9, 3):
        for account, step in ((2, 0), (3, 1), (1, 2)):
            market.limit(account, BUY, 100, 100_000 + 200 * (level + step))
            market.wait(300 * MS)
    market.limit(4, BUY, 300, 101_600)
    market.limit(1, SELL, 300, 101_600)
    assert market.rules() == []


def test_many_takes_that_move_nothing_are_not_found(market: WatchedMarket) -> None:
    market.limit(9, SELL, 10_000, 100_000)
    for _ in range(20):
        market.limit(1, BUY, 50, 100_000)
    market.limit(3, BUY, 1_000, 99_990)
    market.limit(1, SELL, 500, 99_990)
    assert market.rules() == []
