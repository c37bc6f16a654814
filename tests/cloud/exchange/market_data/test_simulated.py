"""The simulated market trades, is the same for the same seed, and rests when nobody listens."""

import asyncio
from datetime import UTC, datetime

import pytest

from cloud.exchange.market_data.providers import simulated
from cloud.exchange.market_data.providers.simulated import SimulatedMarket, SimulatedProvider
from cloud.kit.clock import ManualClock
from tests.cloud.exchange.market_data.feed_rig import make_feed
from trading.order_events import OrderFilled

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)


def run_market(seed: int, steps: int) -> SimulatedMarket:
    market = SimulatedMarket(seed)
    market.open(1)
    for number in range(steps):
        market.step(number + 2)
    return market


def test_same_seed_ends_in_the_same_state() -> None:
    assert run_market(5, 200).engine.state_hash() == run_market(5, 200).engine.state_hash()
    assert run_market(5, 200).engine.state_hash() != run_market(6, 200).engine.state_hash()


def test_there_are_trades_and_a_book_on_both_sides() -> None:
    market = SimulatedMarket(1)
    market.open(1)
    fills = 0
    for number in range(200):
        fills += sum(isinstance(one, OrderFilled) for one in market.step(number + 2))
    bids, asks = market.engine.depth(1)
    assert fills > 50
    assert len(bids) >= 3
    assert len(asks) >= 3


async def test_it_rests_while_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulated, "STEP_S", 0)
    feed, heard = make_feed(), [False]
    provider = SimulatedProvider(feed, ManualClock(NOW), 1, is_heard=lambda: heard[0])
    running = asyncio.create_task(provider.run())
    for _ in range(20):
        await asyncio.sleep(0)
    quote = feed.quotes[simulated.SYMBOL]
    assert not quote.data.book.orders
    heard[0] = True
    for _ in range(20):
        await asyncio.sleep(0)
    assert quote.data.book.orders
    running.cancel()
