"""The simulated market of a venue that people look at: `curb up` runs it beside the cars."""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any

from simulators.market.anchors import anchors_of
from simulators.market.books import ticks_of
from simulators.market.crowd import STEPS_PER_DAY, Crowd, Member, Stock
from simulators.market.http_desk import HttpDesk, http_desk
from simulators.market.order_socket import OrderSocket
from simulators.market.pace import Pace
from simulators.market.path import ReferencePath
from simulators.market.stage import MarketStage, StageTrader
from simulators.market.streams import MarketWatch, hear_updates
from simulators.market.trader import Trader

MESSAGES_PER_S = 30
"""Orders and cancels of all traders together: a car park runs on the same two cores."""

_BURST = 60
_NAME = "sim"


async def run_market(stage: MarketStage, *, seed: int, tell: Callable[[str], None]) -> None:
    """Let the stage's traders trade until cancelled. tell: hears of figures, as JSON lines."""
    symbols = tuple(stage.symbols)
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        desks = [
            await stack.enter_async_context(http_desk(stage.key(trader)))
            for trader in stage.traders
        ]
        market = MarketWatch(stage.key(stage.traders[0]), symbols)
        group.create_task(market.run(), name="market data")
        members = [
            await _member(group, stage, trader, desk, number, seed)
            for number, (trader, desk) in enumerate(zip(stage.traders, desks, strict=True))
        ]
        crowd = Crowd(
            members,
            [await _stock(desks[0], stage, symbol, seed) for symbol in symbols],
            market,
            pace=Pace(MESSAGES_PER_S, burst=_BURST),
            now_s=time.monotonic,
            sleep=asyncio.sleep,
            tell=tell,
        )
        await crowd.run()


async def _member(
    group: asyncio.TaskGroup,
    stage: MarketStage,
    who: StageTrader,
    desk: HttpDesk,
    number: int,
    seed: int,
) -> Member:
    """A trader that hears of its orders, with its books read."""
    run_name = f"{_NAME}-{time.time_ns() // 1_000_000:x}-{number}"
    trader = Trader(who.kind, tuple(stage.symbols), seed=seed * 1_000 + number, run_name=run_name)
    has_books = asyncio.Event()

    async def begin() -> None:
        orders, positions = await desk.open_orders(), await desk.positions()
        trader.books.loaded(orders, positions, _now_ms())
        has_books.set()

    def tell(data: Mapping[str, Any]) -> None:
        trader.books.heard(data, _now_ms())

    key = stage.key(who)
    group.create_task(hear_updates(key, begin=begin, tell=tell), name=f"updates {run_name}")
    socket = OrderSocket(key)
    group.create_task(socket.run(), name=f"orders {run_name}")
    await has_books.wait()
    return Member(trader, socket)


async def _stock(desk: HttpDesk, stage: MarketStage, symbol: str, seed: int) -> Stock:
    """An instrument whose belief begins where the venue last traded."""
    start_ticks = await desk.last_ticks(symbol) or ticks_of(stage.symbols[symbol])
    path = ReferencePath(
        anchors_of(symbol),
        seed=f"{seed}/{symbol}",
        start_ticks=start_ticks,
        steps_per_day=STEPS_PER_DAY,
    )
    return Stock(symbol, path)


def _now_ms() -> int:
    return int(time.monotonic() * 1_000)
