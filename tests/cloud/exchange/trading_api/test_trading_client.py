"""Alpaca's own client, unmodified, against the venue: orders from placing to their end."""

import asyncio
import json
from datetime import datetime, timedelta

import httpx
import pytest
from alpaca.common.enums import Sort
from alpaca.common.exceptions import APIError
from alpaca.trading.enums import (
    OrderClass,
    OrderSide,
    OrderStatus,
    OrderType,
    QueryOrderStatus,
    TimeInForce,
)
from alpaca.trading.requests import (
    GetOrderByIdRequest,
    GetOrdersRequest,
    LimitOrderRequest,
    MarketOrderRequest,
    ReplaceOrderRequest,
    StopLimitOrderRequest,
    StopLossRequest,
    StopOrderRequest,
    TakeProfitRequest,
    TrailingStopOrderRequest,
)

from tests.support.trading_clients import Trader, Venue
from trading.commands import AdvanceTime, SetKillSwitch, SetLimits, SetPhase
from trading.instruments import CLOSED, CONTINUOUS, OPENING_CALL
from trading.orders import SELL
from trading.terms import Limits


def limit(side: OrderSide, qty: float, price: float | None, **more: object) -> LimitOrderRequest:
    fields = {"symbol": "ACME", "time_in_force": TimeInForce.GTC} | more
    return LimitOrderRequest(side=side, qty=qty, limit_price=price, **fields)


def market(side: OrderSide, qty: float, **more: object) -> MarketOrderRequest:
    fields = {"symbol": "ACME", "time_in_force": TimeInForce.DAY} | more
    return MarketOrderRequest(side=side, qty=qty, **fields)


def refusal(caught: pytest.ExceptionInfo[APIError]) -> tuple[int, int, str]:
    body = json.loads(caught.value._error)
    return caught.value.status_code, body["code"], body["reason"]


async def test_a_limit_order_rests_and_is_found_by_both_ids(ada: Trader):
    placed = await ada.do(
        ada.client.submit_order, limit(OrderSide.BUY, 10, 99.5, client_order_id="mine-1")
    )
    assert placed.status is OrderStatus.NEW
    assert (placed.qty, placed.filled_qty, placed.limit_price) == ("10", "0", "99.50")
    assert (placed.order_type, placed.type) == (OrderType.LIMIT, OrderType.LIMIT)
    assert (placed.symbol, placed.client_order_id) == ("ACME", "mine-1")
    assert placed.order_class is OrderClass.SIMPLE
    assert not placed.extended_hours
    by_id = await ada.do(ada.client.get_order_by_id, placed.id)
    by_name = await ada.do(ada.client.get_order_by_client_id, "mine-1")
    assert by_id == by_name == placed
    unnamed = await ada.do(ada.client.submit_order, limit(OrderSide.BUY, 1, 99))
    assert unnamed.client_order_id == str(unnamed.id)
    assert await ada.do(ada.client.get_order_by_client_id, str(unnamed.id)) == unnamed


async def test_an_answer_says_what_the_row_says(ada: Trader, maker: Trader, venue: Venue):
    """Placing answers from the engine's events; reading, from the tables."""
    await venue.app.limit(maker.portfolio_id, SELL, 5, 1_000_000)
    await venue.app.limit(maker.portfolio_id, SELL, 5, 1_001_000)
    for request in (
        market(OrderSide.BUY, 3),
        limit(OrderSide.BUY, 4, 100.1),
        limit(OrderSide.BUY, 10, 100.1, time_in_force=TimeInForce.IOC),
        limit(OrderSide.BUY, 10, 90, time_in_force=TimeInForce.FOK),
        StopOrderRequest(symbol="ACME", side="buy", qty=1, time_in_force="gtc", stop_price=120),
        StopLimitOrderRequest(
            symbol="ACME", side="buy", qty=1, time_in_force="day", stop_price=120, limit_price=121
        ),
        TrailingStopOrderRequest(
            symbol="ACME", side="buy", qty=1, time_in_force="gtc", trail_percent=2.5
        ),
        TrailingStopOrderRequest(
            symbol="ACME", side="buy", qty=1, time_in_force="gtc", trail_price=1.25
        ),
        limit(
            OrderSide.BUY,
            2,
            95,
            order_class=OrderClass.BRACKET,
            take_profit=TakeProfitRequest(limit_price=110),
            stop_loss=StopLossRequest(stop_price=90, limit_price=89),
        ),
    ):
        placed = await ada.do(ada.client.submit_order, request)
        read = await ada.do(ada.client.get_order_by_id, placed.id, GetOrderByIdRequest(nested=True))
        assert read == placed, request


async def test_every_type_shows_its_prices(ada: Trader):
    percent = await ada.do(
        ada.client.submit_order,
        TrailingStopOrderRequest(
            symbol="ACME", side="buy", qty=1, time_in_force="gtc", trail_percent=2.5
        ),
    )
    assert (percent.trail_percent, percent.trail_price, percent.hwm) == ("2.50", None, "100.00")
    assert percent.stop_price == "102.50"
    price = await ada.do(
        ada.client.submit_order,
        TrailingStopOrderRequest(
            symbol="ACME", side="buy", qty=1, time_in_force="gtc", trail_price=1.25
        ),
    )
    assert (price.trail_percent, price.trail_price, price.stop_price) == (None, "1.25", "101.25")


async def test_fills_have_quantities_and_averages(ada: Trader, maker: Trader, venue: Venue):
    await venue.app.limit(maker.portfolio_id, SELL, 1, 1_000_000)
    await venue.app.limit(maker.portfolio_id, SELL, 2, 1_001_000)
    filled = await ada.do(ada.client.submit_order, market(OrderSide.BUY, 3))
    assert filled.status is OrderStatus.FILLED
    assert (filled.filled_qty, filled.filled_avg_price) == ("3", "100.06666667")
    assert filled.filled_at is not None
    rest = await ada.do(
        ada.client.submit_order, limit(OrderSide.BUY, 5, 100, time_in_force=TimeInForce.IOC)
    )
    assert rest.status is OrderStatus.CANCELED


async def test_cancelling(ada: Trader):
    placed = await ada.do(ada.client.submit_order, limit(OrderSide.BUY, 10, 99))
    await ada.do(ada.client.cancel_order_by_id, placed.id)
    gone = await ada.do(ada.client.get_order_by_id, placed.id)
    assert gone.status is OrderStatus.CANCELED
    assert gone.canceled_at is not None
    with pytest.raises(APIError) as caught:
        await ada.do(ada.client.cancel_order_by_id, placed.id)
    assert refusal(caught) == (422, 42210000, "order_is_done")
    with pytest.raises(APIError) as caught:
        await ada.do(ada.client.cancel_order_by_id, "00000000-0000-4000-8000-000000000000")
    assert refusal(caught) == (404, 40410000, "order_not_found")


async def test_all_orders_are_cancelled_at_once(ada: Trader):
    placed = [
        await ada.do(ada.client.submit_order, limit(OrderSide.BUY, 1, 90 + n)) for n in range(3)
    ]
    answers = await ada.do(ada.client.cancel_orders)
    assert {answer.id for answer in answers} == {order.id for order in placed}
    assert {answer.status for answer in answers} == {200}
    assert await ada.do(ada.client.get_orders) == []
    assert await ada.do(ada.client.cancel_orders) == []


async def test_a_replacement_is_a_new_order_that_goes_on(ada: Trader, maker: Trader, venue: Venue):
    placed = await ada.do(ada.client.submit_order, limit(OrderSide.BUY, 10, 99))
    changed = await ada.do(
        ada.client.replace_order_by_id,
        placed.id,
        ReplaceOrderRequest(qty=8, limit_price=99.5, client_order_id="second"),
    )
    assert changed.id != placed.id
    assert changed.replaces == placed.id
    assert (changed.qty, changed.limit_price, changed.status) == ("8", "99.50", OrderStatus.NEW)
    assert changed.client_order_id == "second"
    retried = await ada.do(
        ada.client.replace_order_by_id,
        placed.id,
        ReplaceOrderRequest(qty=8, limit_price=99.5, client_order_id="second"),
    )
    assert retried == changed
    old = await ada.do(ada.client.get_order_by_id, placed.id)
    assert (old.status, old.replaced_by) == (OrderStatus.REPLACED, changed.id)
    assert old.replaced_at is not None
    with pytest.raises(APIError) as caught:
        await ada.do(ada.client.replace_order_by_id, placed.id, ReplaceOrderRequest(qty=5))
    assert refusal(caught)[2] == "order_is_done"
    # The remainder of a partly filled order: the quantity is the whole order.
    await venue.app.limit(maker.portfolio_id, SELL, 3, 995_000)
    again = await ada.do(ada.client.replace_order_by_id, changed.id, ReplaceOrderRequest(qty=7))
    assert (again.qty, again.filled_qty) == ("7", "3")
    assert again.status is OrderStatus.PARTIALLY_FILLED
    with pytest.raises(APIError) as caught:
        await ada.do(ada.client.replace_order_by_id, again.id, ReplaceOrderRequest(qty=3))
    assert refusal(caught)[2] == "quantity_already_filled"
    await ada.do(ada.client.cancel_order_by_id, again.id)
    assert await ada.do(ada.client.get_orders) == []


async def test_how_long_an_order_lasts_can_be_replaced(ada: Trader, maker: Trader, venue: Venue):
    async def lasting(placed, time_in_force: TimeInForce, **more: object):
        form = ReplaceOrderRequest(time_in_force=time_in_force, **more)
        return await ada.do(ada.client.replace_order_by_id, placed.id, form)

    async def status(order) -> OrderStatus:
        return (await ada.do(ada.client.get_order_by_id, order.id)).status

    day = await ada.do(
        ada.client.submit_order, limit(OrderSide.BUY, 5, 99, time_in_force=TimeInForce.DAY)
    )
    gtc = await ada.do(ada.client.submit_order, limit(OrderSide.BUY, 5, 99))
    stop = await ada.do(
        ada.client.submit_order,
        StopOrderRequest(
            symbol="ACME",
            qty=1,
            side=OrderSide.BUY,
            stop_price=110,
            time_in_force=TimeInForce.DAY,
        ),
    )
    stays = await lasting(day, TimeInForce.GTC)
    ends = await lasting(gtc, TimeInForce.DAY, client_order_id="ends")
    stopped = await lasting(stop, TimeInForce.GTC)
    assert (stays.replaces, stays.time_in_force) == (day.id, TimeInForce.GTC)
    assert (ends.replaces, ends.time_in_force) == (gtc.id, TimeInForce.DAY)
    assert (stopped.stop_price, stopped.time_in_force) == ("110.00", TimeInForce.GTC)
    assert (stays.qty, stays.limit_price, stays.status) == ("5", "99.00", OrderStatus.NEW)
    # The retry gives what was done then, and the old row tells how the order was.
    assert await lasting(gtc, TimeInForce.DAY, client_order_id="ends") == ends
    old = await ada.do(ada.client.get_order_by_id, day.id)
    assert (old.status, old.time_in_force) == (OrderStatus.REPLACED, TimeInForce.DAY)
    assert await ada.do(ada.client.get_order_by_id, stays.id) == stays
    # Both kept their place: the first is served first, and again when it changes back and forth.
    stays = await lasting(await lasting(stays, TimeInForce.DAY), TimeInForce.GTC)
    await venue.app.limit(maker.portfolio_id, SELL, 5, 990_000)
    assert await status(stays) is OrderStatus.FILLED
    stays = await lasting(
        await ada.do(
            ada.client.submit_order, limit(OrderSide.BUY, 5, 98, time_in_force=TimeInForce.DAY)
        ),
        TimeInForce.GTC,
        qty=4,
        limit_price=97,
    )
    assert (stays.qty, stays.limit_price, stays.time_in_force) == ("4", "97.00", TimeInForce.GTC)
    await venue.app.submit(SetPhase(0, 0, 0, CLOSED))
    assert await status(ends) is OrderStatus.EXPIRED
    assert {await status(stays), await status(stopped)} == {OrderStatus.NEW}


async def test_what_no_order_can_become_is_refused_and_changes_nothing(ada: Trader):
    placed = await ada.do(ada.client.submit_order, limit(OrderSide.BUY, 5, 99))
    leg = (
        await ada.do(
            ada.client.submit_order,
            limit(
                OrderSide.BUY,
                10,
                95,
                order_class=OrderClass.BRACKET,
                take_profit=TakeProfitRequest(limit_price=110),
                stop_loss=StopLossRequest(stop_price=90),
            ),
        )
    ).legs[0]
    before = await ada.do(ada.client.get_orders)
    for order, wanted, reason in (
        (placed, TimeInForce.IOC, "time_in_force_fixed"),
        (placed, TimeInForce.FOK, "time_in_force_fixed"),
        (placed, TimeInForce.OPG, "time_in_force_fixed"),
        (placed, TimeInForce.CLS, "time_in_force_fixed"),
        (placed, TimeInForce.GTC, "nothing_to_replace"),
        (leg, TimeInForce.DAY, "group_fixed"),
    ):
        with pytest.raises(APIError) as caught:
            await ada.do(
                ada.client.replace_order_by_id, order.id, ReplaceOrderRequest(time_in_force=wanted)
            )
        assert refusal(caught) == (422, 42210000, reason)
    assert await ada.do(ada.client.get_orders) == before


async def test_an_instant_to_end_at_comes_and_goes(ada: Trader, venue: Venue, clock):
    until = clock.now() + timedelta(hours=1)
    keys = {"APCA-API-KEY-ID": ada.key, "APCA-API-SECRET-KEY": ada.secret}

    async def replaced(order: str, **change: object) -> dict[str, object]:
        answer = await venue.app.client.patch(f"/v2/orders/{order}", json=change, headers=keys)
        assert answer.status_code == 200, answer.text
        return answer.json()

    placed = await ada.do(ada.client.submit_order, limit(OrderSide.BUY, 5, 99))
    timed = await replaced(str(placed.id), time_in_force="gtd", expires_at=until.isoformat())
    assert timed["time_in_force"] == "gtc"
    assert datetime.fromisoformat(timed["expires_at"]) == until
    # It is shown as gtc: a client that says so again keeps the instant.
    same = await replaced(timed["id"], time_in_force="gtc", qty="4")
    assert same["expires_at"] == timed["expires_at"]
    free = await replaced(same["id"], expires_at=None)
    assert (free["expires_at"], free["time_in_force"]) == (None, "gtc")
    other = await ada.do(ada.client.submit_order, limit(OrderSide.BUY, 5, 98))
    later = await replaced(str(other.id), expires_at=until.isoformat())
    clock.advance(timedelta(hours=2))
    await venue.app.submit(AdvanceTime(0, 0))
    assert (await ada.do(ada.client.get_order_by_id, later["id"])).status is OrderStatus.EXPIRED
    assert (await ada.do(ada.client.get_order_by_id, free["id"])).status is OrderStatus.NEW


async def test_a_bracket_lets_its_exits_go(ada: Trader, maker: Trader, venue: Venue):
    placed = await ada.do(
        ada.client.submit_order,
        limit(
            OrderSide.BUY,
            10,
            99,
            order_class=OrderClass.BRACKET,
            take_profit=TakeProfitRequest(limit_price=110),
            stop_loss=StopLossRequest(stop_price=90),
        ),
    )
    assert placed.order_class is OrderClass.BRACKET
    assert [leg.status for leg in placed.legs] == [OrderStatus.HELD, OrderStatus.HELD]
    assert [leg.type for leg in placed.legs] == [OrderType.LIMIT, OrderType.STOP]
    assert [leg.side for leg in placed.legs] == [OrderSide.SELL, OrderSide.SELL]
    await venue.app.limit(maker.portfolio_id, SELL, 10, 990_000)
    nested = await ada.do(
        ada.client.get_orders, GetOrdersRequest(status=QueryOrderStatus.ALL, nested=True)
    )
    assert [order.id for order in nested] == [placed.id]
    assert nested[0].status is OrderStatus.FILLED
    assert [leg.status for leg in nested[0].legs] == [OrderStatus.NEW, OrderStatus.NEW]
    flat = await ada.do(ada.client.get_orders, GetOrdersRequest(status=QueryOrderStatus.ALL))
    assert len(flat) == 3
    assert all(order.legs is None for order in flat)
    open_ones = await ada.do(ada.client.get_orders, GetOrdersRequest(nested=True))
    assert {order.id for order in open_ones} == {leg.id for leg in placed.legs}
    # The end of one exit is the end of the other.
    await ada.do(ada.client.cancel_order_by_id, placed.legs[0].id)
    assert await ada.do(ada.client.get_orders) == []


async def test_oco_and_oto(maker: Trader):
    oco = await maker.do(
        maker.client.submit_order,
        limit(
            OrderSide.SELL,
            10,
            None,
            order_class=OrderClass.OCO,
            take_profit=TakeProfitRequest(limit_price=110),
            stop_loss=StopLossRequest(stop_price=90, limit_price=89),
        ),
    )
    assert (oco.order_class, oco.limit_price, oco.type) == (
        OrderClass.OCO,
        "110.00",
        OrderType.LIMIT,
    )
    (stop,) = oco.legs
    assert (stop.type, stop.stop_price, stop.limit_price) == (
        OrderType.STOP_LIMIT,
        "90.00",
        "89.00",
    )
    oto = await maker.do(
        maker.client.submit_order,
        limit(
            OrderSide.BUY,
            10,
            95,
            order_class=OrderClass.OTO,
            stop_loss=StopLossRequest(stop_price=90),
        ),
    )
    assert [leg.status for leg in oto.legs] == [OrderStatus.HELD]
    by_name = await maker.do(maker.client.get_order_by_client_id, oto.client_order_id)
    assert [leg.id for leg in by_name.legs] == [oto.legs[0].id]


async def test_a_replaced_parent_still_has_its_legs(ada: Trader):
    placed = await ada.do(
        ada.client.submit_order,
        limit(
            OrderSide.BUY,
            10,
            95,
            order_class=OrderClass.BRACKET,
            take_profit=TakeProfitRequest(limit_price=110),
            stop_loss=StopLossRequest(stop_price=90),
        ),
    )
    changed = await ada.do(
        ada.client.replace_order_by_id, placed.id, ReplaceOrderRequest(limit_price=96)
    )
    leg = await ada.do(
        ada.client.replace_order_by_id, placed.legs[0].id, ReplaceOrderRequest(limit_price=111)
    )
    nested = await ada.do(ada.client.get_orders, GetOrdersRequest(nested=True))
    assert [order.id for order in nested] == [changed.id]
    assert [one.id for one in nested[0].legs] == [leg.id, placed.legs[1].id]


async def test_filters(ada: Trader, venue: Venue, clock):
    acme = await ada.do(ada.client.submit_order, limit(OrderSide.BUY, 1, 90))
    clock.advance(timedelta(minutes=1))
    bolt = await ada.do(ada.client.submit_order, limit(OrderSide.BUY, 1, 40, symbol="BOLT"))
    clock.advance(timedelta(minutes=1))
    gone = await ada.do(ada.client.submit_order, limit(OrderSide.BUY, 1, 91))
    await ada.do(ada.client.cancel_order_by_id, gone.id)

    async def found(**filters: object) -> list[object]:
        orders = await ada.do(ada.client.get_orders, GetOrdersRequest(**filters))
        return [order.id for order in orders]

    assert await found() == [bolt.id, acme.id]
    assert await found(status=QueryOrderStatus.CLOSED) == [gone.id]
    assert await found(status=QueryOrderStatus.ALL) == [gone.id, bolt.id, acme.id]
    assert await found(status=QueryOrderStatus.ALL, limit=2) == [gone.id, bolt.id]
    assert await found(direction=Sort.ASC) == [acme.id, bolt.id]
    assert await found(status=QueryOrderStatus.ALL, limit=1, direction=Sort.ASC) == [acme.id]
    assert await found(symbols=["BOLT"]) == [bolt.id]
    assert await found(symbols=["BOLT", "ACME"]) == [bolt.id, acme.id]
    assert await found(symbols=["NOPE"]) == []
    assert await found(side=OrderSide.SELL) == []
    assert await found(side=OrderSide.BUY, symbols=["ACME"]) == [acme.id]
    assert await found(after=acme.submitted_at) == [bolt.id]
    assert await found(until=bolt.submitted_at) == [acme.id]
    with pytest.raises(APIError) as caught:
        await found(limit=501)
    assert caught.value.status_code == 400


async def test_many_open_orders_are_listed_from_history(ada: Trader, venue: Venue, monkeypatch):
    placed = [
        (await ada.do(ada.client.submit_order, limit(OrderSide.BUY, 1, 90 + n))).id
        for n in range(3)
    ]
    await ada.do(ada.client.cancel_order_by_id, placed[1])
    monkeypatch.setattr("cloud.exchange.orders.store.LIVE_MAX", 1)
    listed = await ada.do(ada.client.get_orders)
    assert [order.id for order in listed] == [placed[2], placed[0]]


async def test_a_retry_with_the_same_name_is_the_same_order(ada: Trader, maker: Trader):
    request = limit(OrderSide.BUY, 10, 99, client_order_id="once")
    first = await ada.do(ada.client.submit_order, request)
    assert await ada.do(ada.client.submit_order, request) == first
    with pytest.raises(APIError) as caught:
        await ada.do(ada.client.submit_order, limit(OrderSide.BUY, 11, 99, client_order_id="once"))
    assert refusal(caught) == (422, 40010001, "client_order_id_taken")
    # Names are a portfolio's own.
    theirs = await maker.do(maker.client.submit_order, request)
    assert theirs.id != first.id
    assert len(await ada.do(ada.client.get_orders)) == 1


async def test_refusals_of_risk(ada: Trader, maker: Trader):
    for request, expected in (
        (limit(OrderSide.BUY, 10_000, 100), (403, 40310000, "insufficient_funds")),
        (
            market(OrderSide.SELL, 1, position_intent="sell_to_close"),
            (403, 40310000, "reduce_only"),
        ),
        (
            market(OrderSide.SELL, 1, symbol="BOLT"),
            (403, 40310000, "short_not_allowed"),
        ),
        (market(OrderSide.BUY, 1, symbol="NOPE"), (422, 42210000, "unknown_instrument")),
    ):
        with pytest.raises(APIError) as caught:
            await ada.do(ada.client.submit_order, request)
        assert refusal(caught) == expected, request
    with pytest.raises(APIError) as caught:
        await maker.do(maker.client.submit_order, limit(OrderSide.SELL, 10_001, 100))
    assert caught.value.status_code == 403
    assert "requested: 10001, available: 10000" in caught.value.message
    assert await ada.do(ada.client.get_orders, GetOrdersRequest(status="all")) == []


async def test_nobody_touches_the_orders_of_another(ada: Trader, maker: Trader):
    placed = await ada.do(ada.client.submit_order, limit(OrderSide.BUY, 10, 99))
    for call in (maker.client.get_order_by_id, maker.client.cancel_order_by_id):
        with pytest.raises(APIError) as caught:
            await maker.do(call, placed.id)
        assert refusal(caught) == (404, 40410000, "order_not_found")
    assert await maker.do(maker.client.get_orders) == []


async def test_opening_and_closing_orders(ada: Trader, maker: Trader, venue: Venue):
    for phase in (CLOSED, OPENING_CALL):
        await venue.app.submit(SetPhase(0, 0, 1, phase))
    moo = await ada.do(
        ada.client.submit_order, market(OrderSide.BUY, 5, time_in_force=TimeInForce.OPG)
    )
    assert moo.time_in_force is TimeInForce.OPG
    await maker.do(
        maker.client.submit_order, limit(OrderSide.SELL, 5, 100, time_in_force=TimeInForce.OPG)
    )
    await venue.app.submit(SetPhase(0, 0, 1, CONTINUOUS))
    opened = await ada.do(ada.client.get_order_by_id, moo.id)
    assert (opened.status, opened.filled_avg_price) == (OrderStatus.FILLED, "100.00")
    moc = await ada.do(
        ada.client.submit_order, market(OrderSide.SELL, 5, time_in_force=TimeInForce.CLS)
    )
    assert moc.status is OrderStatus.NEW
    with pytest.raises(APIError) as caught:
        await ada.do(
            ada.client.submit_order, market(OrderSide.BUY, 5, time_in_force=TimeInForce.OPG)
        )
    assert refusal(caught)[2] == "not_in_this_phase"


async def test_too_many_messages_are_refused_until_the_window_is_over(
    ada: Trader, venue: Venue, clock
):
    await venue.app.submit(SetLimits(0, 0, ada.portfolio_id, Limits(max_messages=1)))
    await ada.do(ada.client.submit_order, limit(OrderSide.BUY, 1, 99))
    with pytest.raises(APIError) as caught:
        await ada.do(ada.client.submit_order, limit(OrderSide.BUY, 1, 99))
    assert refusal(caught) == (429, 42910000, "message_rate")
    assert caught.value.response.headers["retry-after"] == "1"
    clock.advance(timedelta(seconds=1))
    await ada.do(ada.client.submit_order, limit(OrderSide.BUY, 1, 99))


async def test_a_kill_switch_ends_orders_and_refuses_new_ones(ada: Trader, venue: Venue):
    placed = await ada.do(ada.client.submit_order, limit(OrderSide.BUY, 1, 99))
    await venue.app.submit(SetKillSwitch(0, 0, 0, True))
    gone = await ada.do(ada.client.get_order_by_id, placed.id)
    assert gone.status is OrderStatus.CANCELED
    with pytest.raises(APIError) as caught:
        await ada.do(ada.client.submit_order, limit(OrderSide.BUY, 1, 99))
    assert refusal(caught) == (403, 40310000, "venue_killed")
    assert (await ada.do(ada.client.get_account)).trading_blocked


async def test_a_refused_order_takes_no_name(ada: Trader):
    with pytest.raises(APIError):
        await ada.do(
            ada.client.submit_order, limit(OrderSide.BUY, 10_000, 100, client_order_id="later")
        )
    with pytest.raises(APIError) as caught:
        await ada.do(ada.client.get_order_by_client_id, "later")
    assert refusal(caught)[0] == 404
    placed = await ada.do(
        ada.client.submit_order, limit(OrderSide.BUY, 1, 100, client_order_id="later")
    )
    assert placed.client_order_id == "later"


async def test_the_same_order_sent_twice_at_once_is_one_order(ada: Trader, venue: Venue):
    body = {
        "symbol": "ACME",
        "qty": 1,
        "side": "buy",
        "type": "limit",
        "time_in_force": "gtc",
        "limit_price": 99,
        "order_class": "bracket",
        "take_profit": {"limit_price": 110},
        "stop_loss": {"stop_price": 90},
    }
    headers = {"APCA-API-KEY-ID": ada.key, "APCA-API-SECRET-KEY": ada.secret}

    async def place(number: int) -> httpx.Response:
        content = body | {"client_order_id": f"at-once-{number // 4}"}
        return await venue.app.client.post("/v2/orders", json=content, headers=headers)

    answers = await asyncio.gather(*(place(number) for number in range(40)))
    assert {answer.status_code for answer in answers} == {200}
    ids = {(answer.json()["client_order_id"], answer.json()["id"]) for answer in answers}
    assert len(ids) == 10
    assert all(len(answer.json()["legs"]) == 2 for answer in answers)
    assert len(await ada.do(ada.client.get_orders)) == 30
    other = body | {"client_order_id": "at-once-0", "stop_loss": {"stop_price": 91}}
    refused = await venue.app.client.post("/v2/orders", json=other, headers=headers)
    assert (refused.status_code, refused.json()["reason"]) == (422, "client_order_id_taken")
