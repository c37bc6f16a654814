"""The account, positions, assets, clock, calendar, activities and watchlists by Alpaca's client."""

import json
from datetime import date, timedelta

import pytest
from alpaca.common.exceptions import APIError
from alpaca.trading.enums import AccountStatus, AssetClass, AssetExchange, OrderSide, PositionSide
from alpaca.trading.models import AccountConfiguration, NonTradeActivity, TradeActivity
from alpaca.trading.requests import (
    ClosePositionRequest,
    CreateWatchlistRequest,
    GetAssetsRequest,
    GetCalendarRequest,
    GetPortfolioHistoryRequest,
    LimitOrderRequest,
    MarketOrderRequest,
    UpdateWatchlistRequest,
)

from cloud.exchange.public_ids import portfolio_uuid
from tests.support.trading_clients import Trader, Venue
from trading.commands import AdvanceDay, PayDividend, SplitInstrument
from trading.orders import BUY, SELL


def market(side: OrderSide, qty: float, symbol: str = "ACME") -> MarketOrderRequest:
    return MarketOrderRequest(symbol=symbol, side=side, qty=qty, time_in_force="day")


def refusal(caught: pytest.ExceptionInfo[APIError]) -> tuple[int, int, str]:
    body = json.loads(caught.value._error)
    return caught.value.status_code, body["code"], body["reason"]


@pytest.fixture
async def holder(ada: Trader, maker: Trader, venue: Venue) -> Trader:
    """Has bought 10 ACME at 100 dollars; the last trade was at 101."""
    await venue.app.limit(maker.portfolio_id, SELL, 10, 1_000_000)
    await venue.app.limit(maker.portfolio_id, SELL, 20, 1_010_000)
    await ada.do(ada.client.submit_order, market(OrderSide.BUY, 10))
    await venue.app.limit(maker.portfolio_id, BUY, 20, 990_000)
    other = await venue.trader("other@example.org")
    await other.do(other.client.submit_order, market(OrderSide.BUY, 1))
    return ada


async def test_the_account(holder: Trader):
    await holder.do(
        holder.client.submit_order,
        LimitOrderRequest(symbol="ACME", side="buy", qty=10, time_in_force="gtc", limit_price=90),
    )
    account = await holder.do(holder.client.get_account)
    assert account.id == portfolio_uuid(holder.portfolio_id)
    assert account.status is AccountStatus.ACTIVE
    # 1,000 dollars and 0.3 basis points of fee.
    assert account.cash == "98999.97"
    assert account.long_market_value == "1010.00"
    assert account.short_market_value == "0.00"
    assert account.equity == account.portfolio_value == "100009.97"
    # The resting order holds 900 dollars and its worst fee.
    assert account.buying_power == "98099.94"
    assert account.shorting_enabled is True
    assert account.trading_blocked is False


async def test_the_positions(holder: Trader):
    (position,) = await holder.do(holder.client.get_all_positions)
    assert (position.symbol, position.qty, position.qty_available) == ("ACME", "10", "10")
    assert position.side is PositionSide.LONG
    assert (position.avg_entry_price, position.cost_basis) == ("100.00", "1000.00")
    assert (position.current_price, position.market_value) == ("101.00", "1010.00")
    assert (position.unrealized_pl, position.unrealized_plpc) == ("10.00", "0.01")
    assert await holder.do(holder.client.get_open_position, "ACME") == position
    assert await holder.do(holder.client.get_open_position, position.asset_id) == position
    for symbol in ("BOLT", "NOPE"):
        with pytest.raises(APIError) as caught:
            await holder.do(holder.client.get_open_position, symbol)
        assert refusal(caught)[:2] == (404, 40410000)


async def test_a_short_position(ada: Trader, maker: Trader, venue: Venue):
    await venue.app.limit(maker.portfolio_id, BUY, 5, 1_000_000)
    await ada.do(ada.client.submit_order, market(OrderSide.SELL, 5))
    (position,) = await ada.do(ada.client.get_all_positions)
    assert position.side is PositionSide.SHORT
    assert (position.qty, position.market_value, position.cost_basis) == (
        "-5",
        "-500.00",
        "-500.00",
    )
    account = await ada.do(ada.client.get_account)
    assert (account.short_market_value, account.cash) == ("-500.00", "100499.99")
    await venue.app.limit(maker.portfolio_id, SELL, 5, 1_000_000)
    closing = await ada.do(ada.client.close_position, "ACME")
    assert (closing.side, closing.qty, closing.filled_qty) == (OrderSide.BUY, "5", "5")
    assert await ada.do(ada.client.get_all_positions) == []


async def test_yesterday_is_what_today_is_measured_from(holder: Trader, venue: Venue, clock):
    clock.advance(timedelta(days=1))
    await venue.app.submit(AdvanceDay(0, 0, clock.now().date().toordinal()))
    other = await venue.trader("late@example.org", units={1: 1})
    await other.do(other.client.submit_order, market(OrderSide.SELL, 1))
    (position,) = await holder.do(holder.client.get_all_positions)
    assert (position.lastday_price, position.current_price) == ("101.00", "99.00")
    assert (position.unrealized_intraday_pl, position.unrealized_pl) == ("-20.00", "-10.00")
    assert position.change_today == "-0.01980198"
    account = await holder.do(holder.client.get_account)
    assert (account.last_equity, account.equity) == ("100009.97", "99989.97")


async def test_closing_a_part(holder: Trader):
    sold = await holder.do(holder.client.close_position, "ACME", ClosePositionRequest(qty="3"))
    assert (sold.side, sold.qty, sold.filled_qty) == (OrderSide.SELL, "3", "3")
    # Half of 7, rounded down.
    sold = await holder.do(
        holder.client.close_position, "ACME", ClosePositionRequest(percentage="50")
    )
    assert sold.qty == "3"
    for change, reason in (
        ({"qty": "1.5"}, "fractional_quantity"),
        ({"qty": "NaN"}, "number_invalid"),
        ({"qty": "99"}, "reduce_only"),
        ({"percentage": "0"}, "percentage_invalid"),
        ({"percentage": "101"}, "percentage_invalid"),
        ({"percentage": "1e-5"}, "quantity_not_positive"),
    ):
        with pytest.raises(APIError) as caught:
            await holder.do(holder.client.close_position, "ACME", ClosePositionRequest(**change))
        assert refusal(caught)[2] == reason


async def test_closing_all(holder: Trader):
    await holder.do(
        holder.client.submit_order,
        LimitOrderRequest(symbol="ACME", side="sell", qty=4, time_in_force="gtc", limit_price=120),
    )
    (answer,) = await holder.do(holder.client.close_all_positions)
    assert (answer.status, answer.symbol) == (403, "ACME")
    assert (answer.body.existing_qty, answer.body.held_for_orders) == (10, 4)
    (answer,) = await holder.do(holder.client.close_all_positions, cancel_orders=True)
    assert (answer.status, answer.body.qty, answer.body.filled_qty) == (200, "10", "10")
    assert answer.order_id == answer.body.id
    assert await holder.do(holder.client.get_all_positions) == []
    assert await holder.do(holder.client.get_orders) == []
    with pytest.raises(APIError) as caught:
        await holder.do(holder.client.close_position, "ACME")
    assert refusal(caught)[0] == 404


async def test_assets(ada: Trader):
    acme, bolt = await ada.do(ada.client.get_all_assets)
    assert (acme.symbol, bolt.symbol) == ("ACME", "BOLT")
    assert acme.asset_class is AssetClass.US_EQUITY
    assert acme.tradable
    assert acme.shortable
    assert not bolt.shortable
    assert not acme.fractionable
    assert acme.price_increment == 0.01
    assert await ada.do(ada.client.get_asset, "ACME") == acme
    assert await ada.do(ada.client.get_asset, bolt.id) == bolt
    wanted = GetAssetsRequest(asset_class=AssetClass.CRYPTO)
    assert await ada.do(ada.client.get_all_assets, wanted) == []
    wanted = GetAssetsRequest(exchange=AssetExchange.AMEX, status="active")
    assert len(await ada.do(ada.client.get_all_assets, wanted)) == 2
    for unknown in ("NOPE", "00000000-0000-4000-8000-000000000000"):
        with pytest.raises(APIError) as caught:
            await ada.do(ada.client.get_asset, unknown)
        assert refusal(caught)[:2] == (404, 40410000)


async def test_clock_and_calendar(ada: Trader, clock):
    now = await ada.do(ada.client.get_clock)
    assert now.timestamp == clock.now()
    assert now.is_open
    assert now.next_open > now.timestamp
    assert now.next_close > now.timestamp
    days = await ada.do(
        ada.client.get_calendar,
        GetCalendarRequest(start=date(2026, 3, 2), end=date(2026, 3, 6)),
    )
    assert [day.date.day for day in days] == [2, 3, 4, 5, 6]
    assert days[0].close > days[0].open
    assert len(await ada.do(ada.client.get_calendar)) > 360
    with pytest.raises(APIError) as caught:
        await ada.do(
            ada.client.get_calendar,
            GetCalendarRequest(start=date(2026, 3, 2), end=date(2026, 3, 1)),
        )
    assert refusal(caught)[2] == "end_invalid"


async def test_settings_take_effect(ada: Trader):
    found = await ada.do(ada.client.get_account_configurations)
    assert isinstance(found, AccountConfiguration)
    assert not found.suspend_trade
    found.suspend_trade = True
    found.no_shorting = True
    changed = await ada.do(ada.client.set_account_configurations, found)
    assert changed.suspend_trade
    assert await ada.do(ada.client.get_account_configurations) == changed
    with pytest.raises(APIError) as caught:
        await ada.do(ada.client.submit_order, market(OrderSide.BUY, 1))
    assert refusal(caught) == (403, 40310000, "trading_suspended")
    changed.suspend_trade = False
    await ada.do(ada.client.set_account_configurations, changed)
    with pytest.raises(APIError) as caught:
        await ada.do(ada.client.submit_order, market(OrderSide.SELL, 1))
    assert refusal(caught)[2] == "short_not_flagged"
    changed.fractional_trading = True
    with pytest.raises(APIError) as caught:
        await ada.do(ada.client.set_account_configurations, changed)
    assert refusal(caught) == (422, 42210000, "setting_fixed")


async def test_activities(holder: Trader, maker: Trader, venue: Venue):
    await venue.app.submit(PayDividend(0, 0, 1, 150))
    await venue.app.submit(SplitInstrument(0, 0, 1, 3, 4))
    found = await holder.do(holder.client.get, "/account/activities")
    types = [one["activity_type"] for one in found]
    assert types == ["SPLIT", "SPLIT", "DIV", "FILL", "CSD"]
    units, fraction, dividend, fill, deposit = found
    # 10 units become 7.5: 7, and half of the price of 134.66.
    assert (units["qty"], units["description"]) == ("-3", "3 for 4: 10 became 7")
    assert (fraction["net_amount"], fraction.get("qty")) == ("67.33", None)
    only = await holder.do(holder.client.get, "/account/activities/SPLIT")
    assert only == [units, fraction]
    await venue.app.submit(SplitInstrument(0, 0, 1, 2, 1))
    (again, *_) = await holder.do(holder.client.get, "/account/activities/SPLIT")
    assert again["description"] == "2 for 1: 7 became 14"
    assert NonTradeActivity(**dividend).net_amount == 15.0
    assert dividend["symbol"] == "ACME"
    assert deposit["net_amount"] == "100000.00"
    trade = TradeActivity(**fill)
    assert (trade.qty, trade.price, trade.cum_qty, trade.leaves_qty) == (10, 100, 10, 0)
    assert trade.side is OrderSide.BUY
    # The maker's other side, in pages of one.
    path = "/account/activities/FILL"
    fills = await maker.do(maker.client.get, path)
    assert [(one["side"], one["qty"], one["type"]) for one in fills] == [
        ("sell", "1", "partial_fill"),
        ("sell", "10", "fill"),
    ]
    assert [(one["cum_qty"], one["leaves_qty"]) for one in fills] == [("1", "19"), ("10", "0")]
    for direction, order in (("desc", (0, 1)), ("asc", (1, 0))):
        token: dict[str, str] = {}
        paged = []
        for _ in range(3):
            query = {"page_size": "1", "direction": direction} | token
            page = await maker.do(maker.client.get, path, query)
            paged += page
            token = {"page_token": page[0]["id"]} if page else token
        assert paged == [fills[n] for n in order]


async def test_pages_of_all_activities_have_each_once(holder: Trader, venue: Venue):
    for _ in range(3):
        await venue.app.submit(PayDividend(0, 0, 1, 150))
    whole = await holder.do(holder.client.get, "/account/activities")
    assert len(whole) == 5
    for direction, wanted in (("desc", whole), ("asc", whole[::-1])):
        paged: list[dict[str, str]] = []
        while True:
            query = {"page_size": "2", "direction": direction}
            query |= {"page_token": paged[-1]["id"]} if paged else {}
            page = await holder.do(holder.client.get, "/account/activities", query)
            if not page:
                break
            paged += page
        assert paged == wanted
    for token in ("x", "x::y", "20260302::00000000-0000-4000-8000-000000000000"):
        with pytest.raises(APIError) as caught:
            await holder.do(holder.client.get, "/account/activities", {"page_token": token})
        assert refusal(caught)[2] == "page_token_invalid"


async def test_portfolio_history(holder: Trader, clock):
    found = await holder.do(
        holder.client.get_portfolio_history,
        GetPortfolioHistoryRequest(period="1D", timeframe="1Min"),
    )
    assert found.timeframe == "1Min"
    assert found.equity[-1] == 100_009.97
    assert found.profit_loss[-1] == 9.97
    assert len(found.timestamp) == len(found.equity) == len(found.profit_loss_pct)
    for wrong in ({"period": "5X"}, {"timeframe": "2Min"}, {"period": "0D"}):
        with pytest.raises(APIError) as caught:
            await holder.do(
                holder.client.get_portfolio_history, GetPortfolioHistoryRequest(**wrong)
            )
        assert refusal(caught)[0] == 422


async def test_watchlists(ada: Trader, maker: Trader):
    client = ada.client
    made = await ada.do(
        client.create_watchlist, CreateWatchlistRequest(name="mine", symbols=["BOLT"])
    )
    assert (made.name, [asset.symbol for asset in made.assets]) == ("mine", ["BOLT"])
    assert made.account_id == portfolio_uuid(ada.portfolio_id)
    added = await ada.do(client.add_asset_to_watchlist_by_id, made.id, "ACME")
    assert [asset.symbol for asset in added.assets] == ["BOLT", "ACME"]
    assert await ada.do(client.get_watchlist_by_id, made.id) == added
    (listed,) = await ada.do(client.get_watchlists)
    assert (listed.id, listed.assets) == (made.id, None)
    fewer = await ada.do(client.remove_asset_from_watchlist_by_id, made.id, "BOLT")
    assert [asset.symbol for asset in fewer.assets] == ["ACME"]
    renamed = await ada.do(
        client.update_watchlist_by_id,
        made.id,
        UpdateWatchlistRequest(name="ours", symbols=["ACME", "BOLT", "ACME"]),
    )
    assert (renamed.name, [asset.symbol for asset in renamed.assets]) == ("ours", ["ACME", "BOLT"])
    by_name = await ada.do(client.get, "/watchlists:by_name", {"name": "ours"})
    assert by_name["id"] == str(made.id)
    for call, arguments in (
        (client.create_watchlist, [CreateWatchlistRequest(name="ours", symbols=[])]),
        (client.create_watchlist, [CreateWatchlistRequest(name="new", symbols=["NOPE"])]),
        (client.create_watchlist, [CreateWatchlistRequest(name="x" * 65, symbols=[])]),
        (client.add_asset_to_watchlist_by_id, [made.id, "ACME"]),
    ):
        with pytest.raises(APIError) as caught:
            await ada.do(call, *arguments)
        assert refusal(caught)[0] == 422
    with pytest.raises(APIError) as caught:
        await maker.do(maker.client.get_watchlist_by_id, made.id)
    assert refusal(caught)[0] == 404
    await ada.do(client.delete_watchlist_by_id, made.id)
    assert await ada.do(client.get_watchlists) == []
    with pytest.raises(APIError) as caught:
        await ada.do(client.delete_watchlist_by_id, made.id)
    assert refusal(caught)[0] == 404
