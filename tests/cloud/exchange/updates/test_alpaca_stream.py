"""Alpaca's own stream client, unmodified: every step of orders' lives, as its users see it."""

import asyncio

from alpaca.trading.enums import OrderClass, OrderSide, OrderStatus, TimeInForce, TradeEvent
from alpaca.trading.requests import (
    LimitOrderRequest,
    MarketOrderRequest,
    ReplaceOrderRequest,
    StopLossRequest,
    TakeProfitRequest,
)

from cloud.exchange.updates.service import TradeUpdates
from tests.support.alpaca_clients import Heard, Key, running, updates_of, wait_until
from tests.support.listeners import owner
from tests.support.trading_clients import Trader, Venue
from trading.commands import AdvanceDay, SetPhase
from trading.instruments import CLOSED
from trading.orders import BUY, SELL


async def _heard(heard: Heard, count: int) -> list:
    await asyncio.to_thread(wait_until, lambda: len(heard) >= count, f"{count} updates came")
    return list(heard)


def _words(updates) -> list[str]:
    return [getattr(update.event, "value", update.event) for update in updates]


async def test_the_life_of_orders_as_alpaca_py_hears_it(venue: Venue, ada: Trader, maker: Trader):
    heard = Heard()
    stream = updates_of(Key(venue.url, ada.key, ada.secret))
    stream.subscribe_trade_updates(heard.hear)
    block = running(stream)
    await asyncio.to_thread(block.__enter__)
    try:
        await _listening(venue)
        placed = await ada.do(
            ada.client.submit_order,
            LimitOrderRequest(
                symbol="ACME", qty=10, side="buy", time_in_force="gtc", limit_price=100,
                client_order_id="first",
            ),
        )  # fmt: skip
        await venue.app.limit(maker.portfolio_id, SELL, 4, 1_000_000)
        changed = await ada.do(
            ada.client.replace_order_by_id, placed.id, ReplaceOrderRequest(qty=6)
        )
        await venue.app.limit(maker.portfolio_id, SELL, 2, 1_000_000)
        updates = await _heard(heard, 5)
        assert _words(updates) == ["new", "partial_fill", "replaced", "new", "fill"]
        new, part, replaced, again, fill = updates
        assert new.event == TradeEvent.NEW
        assert (new.order.id, new.order.client_order_id) == (placed.id, "first")
        assert (part.price, part.qty, part.position_qty) == (100.0, 4.0, 4.0)
        assert part.order.status is OrderStatus.PARTIALLY_FILLED
        assert replaced.order.status is OrderStatus.REPLACED
        assert replaced.order.replaced_by == again.order.id == changed.id
        assert again.order.replaces == placed.id
        assert (fill.order.id, fill.order.status) == (changed.id, OrderStatus.FILLED)
        assert (fill.qty, fill.position_qty, fill.order.filled_qty) == (2.0, 6.0, "6")
        rest = await ada.do(
            ada.client.submit_order,
            LimitOrderRequest(
                symbol="ACME", qty=1, side="buy", time_in_force="day", limit_price=90
            ),
        )
        await ada.do(ada.client.cancel_order_by_id, rest.id)
        await ada.do(
            ada.client.submit_order,
            LimitOrderRequest(
                symbol="ACME", qty=1, side="buy", time_in_force="day", limit_price=91
            ),
        )
        await venue.app.submit(SetPhase(0, 0, 0, CLOSED))
        await venue.app.submit(AdvanceDay(0, 0, 99_999))
        updates = (await _heard(heard, 9))[5:]
        assert _words(updates)[:3] == ["new", "canceled", "new"]
        assert "expired" in _words(updates)
        assert updates[-1].order.status in (OrderStatus.EXPIRED, OrderStatus.NEW)
    finally:
        await asyncio.to_thread(block.__exit__, None, None, None)


async def test_a_bracket_is_held_let_go_and_ended(venue: Venue, ada: Trader, maker: Trader):
    heard = Heard()
    stream = updates_of(Key(venue.url, ada.key, ada.secret))
    stream.subscribe_trade_updates(heard.hear)
    block = running(stream)
    await asyncio.to_thread(block.__enter__)
    try:
        await _listening(venue)
        await venue.app.limit(maker.portfolio_id, SELL, 5, 1_000_000)
        await ada.do(
            ada.client.submit_order,
            MarketOrderRequest(
                symbol="ACME",
                qty=5,
                side=OrderSide.BUY,
                time_in_force=TimeInForce.GTC,
                order_class=OrderClass.BRACKET,
                take_profit=TakeProfitRequest(limit_price=110),
                stop_loss=StopLossRequest(stop_price=90),
            ),
        )
        await venue.app.limit(maker.portfolio_id, BUY, 5, 1_100_000)
        updates = await _heard(heard, 8)
        assert _words(updates) == [
            *("new", "held", "held", "fill", "new", "new", "fill", "canceled")
        ]
        assert [update.order.order_class for update in updates] == [OrderClass.BRACKET] * 8
        assert updates[6].position_qty == 0.0
    finally:
        await asyncio.to_thread(block.__exit__, None, None, None)


async def _listening(venue: Venue) -> None:
    """alpaca-py does not wait for the answer to its listening."""
    updates: TradeUpdates = owner(venue.app.sequencer, "trade-updates")
    feeds = updates._feeds.values

    def is_listening() -> bool:
        return any(feed.readers for streams in tuple(feeds()) for feed in streams.values())

    await asyncio.to_thread(wait_until, is_listening, "the stream listens")
