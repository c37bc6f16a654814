"""A whole trading day, through unmodified alpaca-py, on a real process whose clock we move.

Alice and Bob trade, Carol makes prices. In the end nothing was lost: cash and shares are what came
in, the streams told every fill exactly once, and the statements say what the accounts say.
"""

import itertools
import warnings
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from provisioning.cloud_api import RefusedError
from tests.support.alpaca_clients import (
    Heard,
    data_of,
    market_stream,
    running,
    trading_of,
    updates_of,
    wait_until,
)
from tests.support.trading_venue import NEW_YORK, trading_venue, transfer

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from alpaca.common.exceptions import APIError
    from alpaca.data.requests import (
        StockBarsRequest,
        StockLatestBarRequest,
        StockLatestQuoteRequest,
        StockLatestTradeRequest,
        StockSnapshotRequest,
        StockTradesRequest,
    )
    from alpaca.data.timeframe import TimeFrame
    from alpaca.trading.enums import (
        AssetStatus,
        OrderClass,
        OrderSide,
        OrderStatus,
        QueryOrderStatus,
        TimeInForce,
    )
    from alpaca.trading.requests import (
        CreateWatchlistRequest,
        GetAssetsRequest,
        GetCalendarRequest,
        GetOrderByIdRequest,
        GetOrdersRequest,
        GetPortfolioHistoryRequest,
        LimitOrderRequest,
        MarketOrderRequest,
        ReplaceOrderRequest,
        StopLimitOrderRequest,
        StopLossRequest,
        StopOrderRequest,
        TakeProfitRequest,
        TrailingStopOrderRequest,
        UpdateWatchlistRequest,
    )

pytestmark = [pytest.mark.system, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

DAY = date(2026, 3, 3)
NEXT_DAY = date(2026, 3, 4)
BUY, SELL = OrderSide.BUY, OrderSide.SELL
D = Decimal
ENDED_BY_FILL = ("fill", "partial_fill")


class Trader:
    """One person with alpaca-py's clients and what its streams told."""

    def __init__(self, person):
        self.person = person
        self.client = trading_of(person.key)
        self.updates, self.frames = Heard(), Heard()
        self.streams = [updates_of(person.key), updates_of(person.key, raw_data=True)]
        self.streams[0].subscribe_trade_updates(self.updates.hear)
        self.streams[1].subscribe_trade_updates(self.frames.hear)

    def limit(self, side, qty, price, tif=TimeInForce.DAY, symbol="AAPL", **more):
        request = LimitOrderRequest(
            symbol=symbol, qty=qty, side=side, limit_price=price, time_in_force=tif, **more
        )
        return self.client.submit_order(request)

    def market(self, side, qty, tif=TimeInForce.DAY, symbol="AAPL", **more):
        request = MarketOrderRequest(symbol=symbol, qty=qty, side=side, time_in_force=tif, **more)
        return self.client.submit_order(request)

    def lasting(self, order, tif):
        return self.client.replace_order_by_id(order.id, ReplaceOrderRequest(time_in_force=tif))

    def order(self, order):
        return self.client.get_order_by_id(order.id, GetOrderByIdRequest(nested=True))

    def filled(self, order):
        """(quantity, average price) of an order as it is now."""
        now = self.order(order)
        return int(D(str(now.filled_qty))), D(str(now.filled_avg_price or 0))

    def units(self, symbol="AAPL"):
        held = {each.symbol: each for each in self.client.get_all_positions()}
        return int(D(held[symbol].qty)) if symbol in held else 0

    def wait_event(self, event, order):
        wait_until(
            lambda: any(u.event == event and u.order.id == order.id for u in self.updates),
            f"{self.person.name} hears {event} of {order.id}",
        )

    def activities(self, **query):
        """All account activities, page after page."""
        found, query = [], {"page_size": 100, "direction": "asc"} | query
        while True:
            page = self.client.get("/account/activities", query)
            found += page
            if len(page) < 100:
                return found
            query["page_token"] = page[-1]["id"]


def refused(code, call):
    with pytest.raises(APIError) as refusal:
        call()
    assert refusal.value.code == code, refusal.value
    assert refusal.value.message
    return refusal.value


@pytest.fixture
def venue(database_url, redis_url, scratch):
    with trading_venue(database_url, redis_url, scratch, day=DAY, wall="08:00") as made:
        fees = {"maker_fee_rate": -100, "taker_fee_rate": 300}
        made.list_stock("AAPL", "150", **fees)
        made.list_stock("MSFT", "300", **fees)
        yield made


@pytest.mark.timeout(280)
def test_a_whole_day_from_the_first_order_to_settlement(venue):
    alice = Trader(venue.person("alice", cash_minor=10_000_000))
    bob = Trader(venue.person("bob", cash_minor=1_000_000, AAPL=1_000, MSFT=500))
    carol = Trader(venue.person("carol", cash_minor=20_000_000, AAPL=500))
    traders = [alice, bob, carol]
    trades, bars, statuses = Heard(), Heard(), Heard()
    stream = market_stream(alice.person.key)
    stream.subscribe_trades(trades.hear, "AAPL", "MSFT")
    stream.subscribe_bars(bars.hear, "AAPL")
    stream.subscribe_trading_statuses(statuses.hear, "AAPL", "MSFT")
    with running(stream, *(each for trader in traders for each in trader.streams)):
        before_the_open(venue, alice, bob)
        opening_auction(venue, alice, bob)
        continuous_trading(alice, bob)
        orders_with_legs(alice, bob, carol)
        stops(alice, bob, carol)
        a_halt(venue, alice, bob)
        closing_auction(venue, alice, carol)
        market_data(venue, alice)
        next_day(venue, alice, bob, carol)
        nothing_was_lost(venue, traders, trades)
    assert {each.symbol for each in statuses} == {"AAPL", "MSFT"}
    assert bars


def before_the_open(venue, alice, bob):
    clock = alice.client.get_clock()
    assert not clock.is_open
    assert clock.next_open.astimezone(NEW_YORK).strftime("%F %T") == "2026-03-03 09:30:00"
    days = alice.client.get_calendar(GetCalendarRequest(start=DAY, end=DAY + timedelta(days=6)))
    assert [each.date.isoformat() for each in days][:2] == ["2026-03-03", "2026-03-04"]
    assets = alice.client.get_all_assets(GetAssetsRequest(status=AssetStatus.ACTIVE))
    assert {each.symbol for each in assets} == {"AAPL", "MSFT"}
    assert alice.client.get_asset("AAPL").tradable
    account = alice.client.get_account()
    assert D(account.cash) == D("100000")
    assert D(account.equity) == D("100000")

    refused(40310000, lambda: alice.limit(BUY, 1_000, 151))
    refused(40410000, lambda: alice.client.get_asset("NOPE"))
    refused(42210000, lambda: alice.limit(BUY, 1, 150.005))
    watchlist = alice.client.create_watchlist(CreateWatchlistRequest(name="mine", symbols=["AAPL"]))
    alice.client.add_asset_to_watchlist_by_id(watchlist.id, "MSFT")
    alice.client.update_watchlist_by_id(watchlist.id, UpdateWatchlistRequest(name="ours"))
    (kept,) = alice.client.get_watchlists()
    kept = alice.client.get_watchlist_by_id(kept.id)
    assert (kept.name, {each.symbol for each in kept.assets}) == ("ours", {"AAPL", "MSFT"})

    early = alice.limit(BUY, 7, 120, client_order_id="early-1")
    assert alice.client.get_order_by_client_id("early-1").id == early.id
    # A retry after a lost answer is harmless.
    assert alice.limit(BUY, 7, 120, client_order_id="early-1").id == early.id
    alice.client.cancel_order_by_id(early.id)
    assert alice.order(early).status == OrderStatus.CANCELED


def opening_auction(venue, alice, bob):
    bought = alice.limit(BUY, 100, 152, TimeInForce.OPG)
    sold = bob.limit(SELL, 100, 149, TimeInForce.OPG)
    venue.set_time(DAY, "09:26")
    venue.wait_phase("opening_call", "AAPL", "MSFT")
    resting = bob.limit(SELL, 40, 151)
    at_any_price = alice.market(BUY, 10, TimeInForce.OPG)
    missed = alice.limit(BUY, 5, 140, TimeInForce.OPG)
    venue.set_time(DAY, "09:30")
    venue.wait_phase("continuous", "AAPL", "MSFT")
    # 110 can trade from 151 to 152 and leave 30 for sale: so the lowest of those prices.
    assert alice.filled(bought) == (100, D("151"))
    assert alice.filled(at_any_price) == (10, D("151"))
    assert bob.filled(sold) == (100, D("151"))
    assert bob.filled(resting) == (10, D("151"))
    assert alice.order(missed).status in (OrderStatus.EXPIRED, OrderStatus.CANCELED)
    assert alice.client.get_clock().is_open
    assert alice.units() == 110
    alice.wait_event("fill", bought)
    bob.wait_event("partial_fill", resting)


def continuous_trading(alice, bob):
    # 30 are for sale at 151.
    quote = data_of(alice.person.key).get_stock_latest_quote(
        StockLatestQuoteRequest(symbol_or_symbols="AAPL")
    )["AAPL"]
    assert (quote.ask_price, quote.ask_size) == (151.0, 30.0)
    assert alice.filled(alice.market(BUY, 10)) == (10, D("151"))
    taken = alice.limit(BUY, 50, 151, TimeInForce.IOC)
    assert alice.filled(taken) == (20, D("151"))
    assert alice.order(taken).status == OrderStatus.CANCELED
    none = alice.limit(BUY, 50, 151, TimeInForce.FOK)
    assert (alice.filled(none)[0], alice.order(none).status) == (0, OrderStatus.CANCELED)

    resting = alice.limit(BUY, 50, 150.50, TimeInForce.GTC)
    moved = alice.client.replace_order_by_id(
        resting.id, ReplaceOrderRequest(qty=60, limit_price=150.60)
    )
    assert moved.id != resting.id
    assert moved.replaces == resting.id
    old = alice.order(resting)
    assert (old.status, old.replaced_by) == (OrderStatus.REPLACED, moved.id)
    assert bob.filled(bob.market(SELL, 20)) == (20, D("150.60"))
    larger = alice.client.replace_order_by_id(moved.id, ReplaceOrderRequest(qty=70))
    assert alice.filled(larger) == (20, D("150.60"))
    lasting = alice.lasting(larger, TimeInForce.DAY)
    assert (lasting.time_in_force, lasting.qty) == (TimeInForce.DAY, "70")
    alice.client.cancel_order_by_id(lasting.id)
    ended = alice.order(lasting)
    assert (ended.status, int(D(str(ended.filled_qty)))) == (OrderStatus.CANCELED, 20)
    refused(42210000, lambda: alice.client.cancel_order_by_id(lasting.id))
    assert alice.units() == 160


def orders_with_legs(alice, bob, carol):
    bracket = alice.limit(
        BUY,
        10,
        152,
        order_class=OrderClass.BRACKET,
        take_profit=TakeProfitRequest(limit_price=155),
        stop_loss=StopLossRequest(stop_price=148),
    )
    assert {leg.status for leg in alice.order(bracket).legs} == {OrderStatus.HELD}
    bob.limit(SELL, 10, 152)
    profit, loss = sorted(alice.order(bracket).legs, key=lambda leg: leg.limit_price is None)
    assert alice.order(bracket).status == OrderStatus.FILLED
    assert profit.status != OrderStatus.HELD
    assert carol.filled(carol.limit(BUY, 10, 155)) == (10, D("155"))
    assert alice.order(profit).status == OrderStatus.FILLED
    assert alice.order(loss).status == OrderStatus.CANCELED

    oco = alice.client.submit_order(
        LimitOrderRequest(
            symbol="AAPL",
            qty=20,
            side=SELL,
            time_in_force=TimeInForce.GTC,
            order_class=OrderClass.OCO,
            take_profit=TakeProfitRequest(limit_price=156),
            stop_loss=StopLossRequest(stop_price=147, limit_price=146.5),
        )
    )
    alice.client.cancel_order_by_id(oco.id)
    both = [alice.order(oco), *alice.order(oco).legs]
    assert {each.status for each in both} == {OrderStatus.CANCELED}

    oto = alice.market(
        BUY, 5, order_class=OrderClass.OTO, stop_loss=StopLossRequest(stop_price=140)
    )
    carol.limit(SELL, 5, 152)
    if alice.order(oto).status != OrderStatus.FILLED:
        oto = alice.limit(
            BUY, 5, 152, order_class=OrderClass.OTO, stop_loss=StopLossRequest(stop_price=140)
        )
    assert alice.order(oto).status == OrderStatus.FILLED
    (stop,) = alice.order(oto).legs
    assert stop.status == OrderStatus.NEW
    alice.client.cancel_order_by_id(stop.id)
    assert alice.units() == 165


def stops(alice, bob, carol):
    stop = alice.client.submit_order(
        StopOrderRequest(
            symbol="AAPL", qty=30, side=SELL, stop_price=149, time_in_force=TimeInForce.GTC
        )
    )
    limited = alice.client.submit_order(
        StopLimitOrderRequest(
            symbol="AAPL",
            qty=10,
            side=SELL,
            stop_price=149,
            limit_price=148.95,
            time_in_force=TimeInForce.DAY,
        )
    )
    trailing = alice.client.submit_order(
        TrailingStopOrderRequest(
            symbol="AAPL", qty=15, side=SELL, trail_percent=1, time_in_force=TimeInForce.GTC
        )
    )
    carol.limit(BUY, 100, 148.90, TimeInForce.GTC)
    assert alice.order(stop).status == OrderStatus.NEW
    assert alice.order(trailing).hwm is not None
    assert bob.filled(bob.market(SELL, 5)) == (5, D("148.90"))
    assert alice.filled(stop) == (30, D("148.90"))
    assert alice.filled(trailing) == (15, D("148.90"))
    assert alice.filled(limited)[0] == 0
    alice.client.replace_order_by_id(limited.id, ReplaceOrderRequest(limit_price=148.90))
    assert alice.units() == 110
    open_orders = alice.client.get_orders(GetOrdersRequest(status=QueryOrderStatus.OPEN))
    assert open_orders == []


def a_halt(venue, alice, bob):
    venue.pass_time(timedelta(hours=3))
    waiting = alice.limit(BUY, 20, 300, symbol="MSFT")
    venue.halt("MSFT")
    refused(42210000, lambda: bob.limit(SELL, 20, 299, symbol="MSFT"))
    venue.resume("MSFT")
    sold = bob.limit(SELL, 30, 299, symbol="MSFT")
    assert bob.filled(sold)[0] == 0
    venue.let_call_end("MSFT")
    # 20 trade from 299 to 300, 10 are left for sale.
    assert alice.filled(waiting) == (20, D("299"))
    bob.client.cancel_order_by_id(sold.id)


def closing_auction(venue, alice, carol):
    dying = carol.limit(BUY, 3, 100)
    dying_too = carol.lasting(carol.limit(BUY, 3, 99, TimeInForce.GTC), TimeInForce.DAY)
    staying = carol.lasting(carol.limit(BUY, 3, 98), TimeInForce.GTC)
    sold = alice.limit(SELL, 50, 148, TimeInForce.CLS)
    bought = carol.limit(BUY, 50, 150, TimeInForce.CLS)
    venue.set_time(DAY, "15:59:30")
    venue.wait_phase("closing_call", "AAPL", "MSFT")
    assert alice.filled(sold)[0] == 0
    venue.set_time(DAY, "16:00")
    venue.wait_phase("closed", "AAPL", "MSFT")
    # At 150 nothing is left of either side; lower, Carol's resting bid would be.
    assert alice.filled(sold) == carol.filled(bought) == (50, D("150"))
    for order in (dying, dying_too):
        assert carol.order(order).status == OrderStatus.EXPIRED
        carol.wait_event("expired", order)
    assert carol.order(staying).status == OrderStatus.NEW
    assert not alice.client.get_clock().is_open


def market_data(venue, alice):
    # The closing auction is in the minute that begins at 16:00.
    venue.set_time(DAY, "16:02")
    data = data_of(alice.person.key)
    begin = datetime(2026, 3, 3, 14, 0, tzinfo=UTC)
    span = {"symbol_or_symbols": "AAPL", "start": begin, "end": venue.now()}
    found = data.get_stock_trades(StockTradesRequest(**span)).data["AAPL"]
    volume = sum(trade.size for trade in found)
    minutes = []

    def are_complete():
        request = StockBarsRequest(timeframe=TimeFrame.Minute, **span)
        minutes[:] = data.get_stock_bars(request).data.get("AAPL", [])
        return sum(bar.volume for bar in minutes) == volume

    wait_until(are_complete, "the minute bars have the volume of all trades")
    assert max(bar.high for bar in minutes) == max(trade.price for trade in found) == 155.0
    latest = data.get_stock_latest_trade(StockLatestTradeRequest(symbol_or_symbols="AAPL"))["AAPL"]
    assert latest.price == found[-1].price
    assert data.get_stock_latest_bar(StockLatestBarRequest(symbol_or_symbols="AAPL"))["AAPL"]
    snapshot = data.get_stock_snapshot(StockSnapshotRequest(symbol_or_symbols="AAPL"))["AAPL"]
    assert snapshot.latest_trade.price == latest.price
    assert snapshot.daily_bar.high == 155.0


def next_day(venue, alice, bob, carol):
    owned = venue_books(bob)
    everything = owned["cash_minor"]
    assert everything > owned["settled_cash_minor"]
    with pytest.raises(RefusedError):
        transfer(bob.person.api, bob.person.portfolio, "out", everything)
    assert venue_books(bob)["cash_minor"] == everything
    venue.set_time(NEXT_DAY, "04:01")
    wait_until(
        lambda: venue_books(bob)["settled_cash_minor"] == venue_books(bob)["cash_minor"],
        "what Bob was paid has settled",
    )
    transfer(bob.person.api, bob.person.portfolio, "out", everything)
    venue.deposited_minor -= everything
    assert D(bob.client.get_account().cash) == 0
    venue.set_time(NEXT_DAY, "09:30")
    venue.wait_phase("continuous", "AAPL", "MSFT")
    carol.limit(BUY, 200, 150, TimeInForce.GTC)
    carol.limit(BUY, 50, 298, TimeInForce.GTC, symbol="MSFT")
    closed = alice.client.close_all_positions(cancel_orders=True)
    assert {each.symbol for each in closed} == {"AAPL", "MSFT"}
    assert alice.client.get_all_positions() == []
    carol.client.cancel_orders()
    venue.pass_time(timedelta(minutes=5))
    history = alice.client.get_portfolio_history(
        GetPortfolioHistoryRequest(period="1D", timeframe="5Min")
    )
    assert len(history.timestamp) == len(history.equity)
    assert D(str(history.equity[-1])) == D(alice.client.get_account().equity)


def venue_books(trader):
    return trader.person.api.get(f"/api/v1/portfolios/{trader.person.portfolio}/valuation")


def nothing_was_lost(venue, traders, trades):
    """Conservation, and everybody tells the same story."""
    books = [venue_books(trader) for trader in traders]
    fees = sum(each["fees_minor"] for each in books)
    assert sum(each["cash_minor"] for each in books) + fees == venue.deposited_minor
    units = Counter()
    for each in books:
        for position in each["positions"]:
            units[position["symbol"]] += position["units"]
    assert units == Counter(venue.brought_in)
    for trader in traders:
        streams_told_every_fill_once(trader)
        statement_agrees(trader)
    fills = [each for trader in traders for each in trader.activities(activity_types="FILL")]
    # Each trade is two fills, one to buy and one to sell, of the same price and quantity.
    sides = Counter(each["side"] for each in fills)
    assert sides["buy"] == sum(count for side, count in sides.items() if side != "buy")
    wait_until(lambda: len(trades) == len(fills) // 2, "the market stream told every trade")
    assert len({(each.symbol, each.id) for each in trades}) == len(trades)


def streams_told_every_fill_once(trader):
    fills = trader.activities(activity_types="FILL")
    wait_until(
        lambda: sum(u.event in ENDED_BY_FILL for u in trader.updates) == len(fills),
        f"{trader.person.name} hears of all {len(fills)} fills",
    )
    told = Counter(
        (str(u.order.id), D(str(u.price)), D(str(u.qty)))
        for u in trader.updates
        if u.event in ENDED_BY_FILL
    )
    booked = Counter((f["order_id"], D(f["price"]), D(f["qty"])) for f in fills)
    assert told == booked
    executions = [str(u.execution_id) for u in trader.updates if u.event in ENDED_BY_FILL]
    assert len(set(executions)) == len(executions)
    numbers = [frame["seq"] for frame in trader.frames]
    assert all(later == earlier + 1 for earlier, later in itertools.pairwise(numbers))
    assert len(numbers) == len(trader.updates)


def statement_agrees(trader):
    """What the activities moved is what the account has."""
    cash = sum(
        D(each["net_amount"]) for each in trader.activities() if each["activity_type"] != "FILL"
    )
    for fill in trader.activities(activity_types="FILL"):
        sign = -1 if fill["side"] == "buy" else 1
        cash += sign * D(fill["price"]) * D(fill["qty"]) - D(fill["fee"])
    assert cash == D(trader.client.get_account().cash)
    books = venue_books(trader)
    path = f"/api/v1/portfolios/{trader.person.portfolio}/statement"
    statement = trader.person.api.get(path)
    closing = statement["closing"]
    assert statement["opening"]["cash_minor"] == 0
    assert closing["cash_minor"] == books["cash_minor"] == sum(statement["totals_minor"].values())
    assert closing["equity_minor"] == books["equity_minor"]
    assert {(each["symbol"], each["units"]) for each in closing["positions"]} == {
        (each["symbol"], each["units"]) for each in books["positions"]
    }
