"""Trades in which nothing changes hands are found, and ordinary trading is not."""

import pytest

from tests.support.watched_market import BUY, MS, SELL, S, WatchedMarket
from trading import commands
from trading.instruments import Phase
from trading.orders import SelfTrade, TimeInForce


@pytest.fixture
def market() -> WatchedMarket:
    return WatchedMarket()


def test_an_account_that_trades_with_itself_is_found_with_both_orders(
    market: WatchedMarket,
) -> None:
    maker = market.limit(1, SELL, 100, 100_000)
    taker = market.limit(1, BUY, 100, 100_000, self_trade=SelfTrade.ALLOW)
    assert market.rules() == ["self_trade"]
    finding = market.found[0]
    assert (finding.account_id, finding.other_account_id) == (1, 0)
    assert finding.order_ids == (maker, taker)
    assert finding.figures["units"] == 100


def test_self_trades_of_one_minute_are_one_finding_and_of_another_a_new_one(
    market: WatchedMarket,
) -> None:
    for _ in range(5):
        market.limit(1, SELL, 100, 100_000)
        market.limit(1, BUY, 100, 100_000, self_trade=SelfTrade.ALLOW)
    market.wait(61 * S)
    market.limit(1, SELL, 100, 100_000)
    market.limit(1, BUY, 100, 100_000, self_trade=SelfTrade.ALLOW)
    assert market.rules() == ["self_trade"] * 2
    assert len({finding.key for finding in market.found}) == 2


def test_a_self_trade_that_was_prevented_is_none(market: WatchedMarket) -> None:
    market.limit(1, SELL, 100, 100_000)
    market.limit(1, BUY, 100, 100_000)
    assert market.rules() == []


def test_two_accounts_that_trade_once_are_not_found(market: WatchedMarket) -> None:
    market.limit(1, SELL, 100, 100_000)
    market.limit(2, BUY, 100, 100_000)
    assert market.rules() == []


def pass_to_and_fro(market: WatchedMarket, times: int, back_price: int = 100_000) -> None:
    for _ in range(times):
        market.limit(1, SELL, 100, 100_000)
        market.limit(2, BUY, 100, 100_000)
        market.wait(2 * S)
        market.limit(2, SELL, 100, back_price)
        market.limit(1, BUY, 100, back_price)
        market.wait(2 * S)


def test_two_accounts_that_pass_units_to_and_fro_are_found(market: WatchedMarket) -> None:
    pass_to_and_fro(market, 3)
    assert market.rules() == ["round_trip"]
    finding = market.found[0]
    assert (finding.account_id, finding.other_account_id) == (1, 2)
    assert finding.figures["there_units"] == finding.figures["back_units"] == 300


def test_a_taker_who_pays_the_spread_to_the_only_maker_is_not_found(market: WatchedMarket) -> None:
    pass_to_and_fro(market, 5, back_price=99_900)
    assert market.rules() == []


def test_the_same_trades_slower_than_the_window_are_not_found(market: WatchedMarket) -> None:
    for _ in range(5):
        pass_to_and_fro(market, 1)
        market.wait(45 * S)
    assert market.rules() == []


def test_a_maker_who_trades_with_everybody_is_not_found(market: WatchedMarket) -> None:
    for round_ in range(12):
        account = 2 + round_ % 6
        market.limit(1, SELL, 100, 100_000)
        market.limit(account, BUY, 100, 100_000)
        market.limit(1, BUY, 100, 100_000)
        market.limit(account, SELL, 100, 100_000)
        market.wait(500 * MS)
    assert market.rules() == []


def test_one_way_trade_between_two_accounts_is_not_found(market: WatchedMarket) -> None:
    for _ in range(10):
        market.limit(1, SELL, 100, 100_000)
        market.limit(2, BUY, 100, 100_000)
        market.wait(S)
    assert market.rules() == []


def auction(market: WatchedMarket, own_units: int, others_units: int) -> None:
    market.apply(commands.SetPhase, 1, Phase.CLOSING_CALL)
    for account, side, units in (
        (1, BUY, own_units),
        (1, SELL, own_units),
        (2, BUY, others_units),
        (3, SELL, others_units),
    ):
        market.limit(account, side, units, 100_000, tif=TimeInForce.GTC)
    market.apply(commands.SetPhase, 1, Phase.CLOSED)


def test_an_account_on_both_sides_of_half_an_auction_is_found(market: WatchedMarket) -> None:
    auction(market, 500, 500)
    assert market.rules() == ["auction_cross"]
    assert market.found[0].figures == {"crossed_units": 500, "auction_units": 1000}


def test_a_small_cross_with_oneself_in_an_auction_is_an_accident(market: WatchedMarket) -> None:
    auction(market, 100, 900)
    assert market.rules() == []
