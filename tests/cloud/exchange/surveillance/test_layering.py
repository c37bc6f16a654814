"""Orders shown to be taken back are found; quotes that move, and changed minds, are not."""

import pytest

from tests.support.watched_market import BUY, MS, SELL, S, WatchedMarket
from trading import commands

LAYERS = (100_100, 100_200, 100_300, 100_400)


@pytest.fixture
def market() -> WatchedMarket:
    made = WatchedMarket()
    made.limit(9, SELL, 5_000, 102_000)
    made.limit(9, BUY, 5_000, 98_000)
    return made


def show(
    market: WatchedMarket, account: int, prices: tuple[int, ...] = LAYERS, units: int = 500
) -> list[int]:
    return [market.limit(account, SELL, units, price) for price in prices]


def buy_from_a_victim(market: WatchedMarket, account: int, units: int = 100) -> None:
    market.limit(account, BUY, units, 99_900)
    market.limit(5, SELL, units, 99_900)


def test_the_textbook_case_is_found(market: WatchedMarket) -> None:
    bait = show(market, 1)
    market.wait(800 * MS)
    buy_from_a_victim(market, 1)
    market.wait(400 * MS)
    market.cancel(1, *bait)
    assert market.rules() == ["layering"]
    finding = market.found[0]
    assert finding.account_id == 1
    assert finding.figures["bait_units"] == 2_000
    assert finding.figures["filled_units"] == 100
    assert set(finding.order_ids) <= set(bait)


def test_a_mass_cancel_and_a_price_moved_away_are_taking_back_too(market: WatchedMarket) -> None:
    show(market, 1)
    buy_from_a_victim(market, 1)
    market.apply(commands.MassCancel, 1)
    assert market.rules() == ["layering"]
    bait = show(market, 2)
    buy_from_a_victim(market, 2)
    for order_id in bait:
        market.apply(commands.ReplaceOrder, order_id, 2, 0, 101_900)
    assert market.rules() == ["layering"] * 2


def test_bait_that_stays_is_an_offer(market: WatchedMarket) -> None:
    show(market, 1)
    buy_from_a_victim(market, 1)
    market.wait(60 * S)
    assert market.rules() == []


def test_taking_back_long_after_the_fill_is_a_changed_mind(market: WatchedMarket) -> None:
    bait = show(market, 1)
    buy_from_a_victim(market, 1)
    market.wait(6 * S)
    market.cancel(1, *bait)
    assert market.rules() == []


def test_an_offer_that_stood_for_long_before_is_no_bait(market: WatchedMarket) -> None:
    bait = show(market, 1)
    market.wait(40 * S)
    buy_from_a_victim(market, 1)
    market.cancel(1, *bait)
    assert market.rules() == []


def test_an_offer_that_was_hit_was_meant(market: WatchedMarket) -> None:
    bait = show(market, 1)
    buy_from_a_victim(market, 1)
    market.limit(6, BUY, 500, 100_100)
    market.cancel(1, *bait[1:])
    assert market.rules() == []


def test_a_maker_who_moves_both_sides_after_a_fill_is_not_found(market: WatchedMarket) -> None:
    middle = 100_000
    for _ in range(30):
        quotes = [market.limit(1, SELL, 100, middle + 100 * k) for k in range(1, 6)]
        quotes += [market.limit(1, BUY, 100, middle - 100 * k) for k in range(1, 6)]
        market.limit(5, BUY, 100, middle + 100)
        market.wait(50 * MS)
        middle += 20
        market.cancel(1, *quotes[1:])
        market.wait(50 * MS)
    assert market.rules() == []


def test_a_maker_of_one_order_a_side_is_not_found(market: WatchedMarket) -> None:
    for _ in range(30):
        ask, bid = market.limit(1, SELL, 100, 100_100), market.limit(1, BUY, 100, 99_900)
        market.limit(5, BUY, 100, 100_100)
        market.cancel(1, bid)
        market.wait(200 * MS)
        del ask
    assert market.rules() == []


def test_an_arriving_order_larger_than_the_bait_is_no_episode(market: WatchedMarket) -> None:
    for _ in range(20):
        market.limit(5, SELL, 100, 99_900)
    bait = show(market, 1)
    market.limit(1, BUY, 2_000, 99_900)
    market.cancel(1, *bait)
    assert market.rules() == []


def test_one_order_taken_back_once_is_a_changed_mind_but_a_habit_is_spoofing(
    market: WatchedMarket,
) -> None:
    for times in range(1, 4):
        bait = show(market, 1, (100_100,), 2_000)
        buy_from_a_victim(market, 1)
        market.wait(300 * MS)
        market.cancel(1, *bait)
        assert market.rules() == ([] if times < 3 else ["spoofing"])
        market.wait(20 * S)
    assert market.found[0].figures["episodes"] == 3


def test_what_the_venue_cancels_is_not_taken_back_by_the_trader(market: WatchedMarket) -> None:
    show(market, 1)
    buy_from_a_victim(market, 1)
    market.apply(commands.SetKillSwitch, 1, True)
    assert market.rules() == []


def test_bait_that_nobody_would_notice_is_none(market: WatchedMarket) -> None:
    market.limit(8, SELL, 100_000, 101_000)
    bait = show(market, 1)
    buy_from_a_victim(market, 1)
    market.cancel(1, *bait)
    assert market.rules() == []
