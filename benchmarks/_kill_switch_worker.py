"""The worker of `kill_switch`: prints its figures as one line of JSON."""

import asyncio
import contextlib
import gc
import json
import sys
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any, cast

import uvloop

from benchmarks._cloud import Engines, running_engines
from benchmarks._venue import MIDDLE_TICKS, TICK, prepare
from cloud.app import open_kit
from cloud.events.outbox import Outbox, Wakeup
from cloud.exchange.leader import open_candidate, stand_for_lead
from cloud.exchange.recovery import recover
from cloud.exchange.sequencer import Sequencer, Wish
from cloud.kit.feature import Kit
from cloud.kit.settings import load_settings
from trading import Engine, commands
from trading.command_base import Command
from trading.event_base import Event
from trading.events import OrderCancelled, OrderRejected
from trading.orders import BUY, GTC, LIMIT, SELL
from trading.terms import NewOrder

RESTING = 100_000
OTHERS_RESTING = 20_000
SYMBOLS = 8
TRIES = 200
LOAD_PER_S = 2_000
WARM_S = 2.0


class _Watched:
    """The engine, noting when it had done a kill switch: then its orders are out of the books."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.killed_s = 0.0

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 -- whatever the engine has
        return getattr(self._engine, name)

    def apply_batch(self, batch: list[Command]) -> list[list[Event]]:
        """As the engine's own."""
        done = self._engine.apply_batch(batch)
        if any(isinstance(command, commands.SetKillSwitch) for command in batch):
            self.killed_s = time.perf_counter()
        return done


@contextlib.asynccontextmanager
async def _leading(kit: Kit) -> AsyncIterator[tuple[Sequencer, _Watched]]:
    wakeup = Wakeup(kit.redis)
    wakeup.is_relay_here = True
    sequencer = Sequencer(Outbox(ids=kit.ids, clock=kit.clock, wakeup=wakeup), kit.clock)
    async with open_candidate(kit.settings.database_url) as connection:
        lead = await stand_for_lead(connection, meanwhile=_nothing)
        engine = _Watched((await recover(connection)).engine)
        leads = asyncio.Event()
        sequencer.on_lead(lambda _: leads.set())
        task = asyncio.create_task(sequencer.lead(cast(Engine, engine), lead))
        await leads.wait()
        await asyncio.sleep(0)
        try:
            yield sequencer, engine
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _nothing() -> None:
    """There is nothing to follow meanwhile."""


def _place(portfolio: int, number: int) -> Wish:
    """An order that rests: away from the middle, over all symbols and a hundred prices."""
    side = BUY if number % 2 else SELL
    away = (1 + number // 2 % 100) * TICK
    price = MIDDLE_TICKS - away if side == BUY else MIDDLE_TICKS + away
    order = NewOrder(portfolio, number % SYMBOLS + 1, side, LIMIT, GTC, 1, price)
    return Wish(lambda sequence, at_ns: commands.PlaceOrder(sequence, at_ns, order))


class _Load:
    """Another account that places and cancels, at a steady rate, until it is stopped."""

    def __init__(self, sequencer: Sequencer, portfolio: int) -> None:
        self._sequencer = sequencer
        self._portfolio = portfolio
        self._waits_s: list[float] = []
        self.wait_max_s = 0.0

    async def run(self) -> None:
        """Until cancelled."""
        number = 0
        async with asyncio.TaskGroup() as group:
            begun = time.perf_counter()
            while True:
                due = int((time.perf_counter() - begun) * LOAD_PER_S)
                for _ in range(due - number):
                    number += 1
                    group.create_task(self._one(number))
                await asyncio.sleep(0.002)

    async def _one(self, number: int) -> None:
        begun = time.perf_counter()
        receipt = await self._sequencer.submit(_place(self._portfolio, number))
        self.wait_max_s = max(self.wait_max_s, time.perf_counter() - begun)
        if receipt.order_ids:
            (order_id,) = receipt.order_ids
            await self._sequencer.submit(
                Wish(lambda seq, at: commands.CancelOrder(seq, at, order_id, self._portfolio))
            )


async def _kill(sequencer: Sequencer, engine: _Watched, account: int) -> tuple[float, float, int]:
    """Milliseconds until out of the books and until durable, and the number of cancelled orders."""
    begun = time.perf_counter()
    receipt = await sequencer.submit(
        Wish(lambda seq, at: commands.SetKillSwitch(seq, at, account, True))
    )
    durable = time.perf_counter() - begun
    cancelled = sum(isinstance(event, OrderCancelled) for event in receipt.events)
    return (engine.killed_s - begun) * 1e3, durable * 1e3, cancelled


async def _refused(sequencer: Sequencer, portfolio: int) -> int:
    tried = [sequencer.offer(_place(portfolio, number)) for number in range(TRIES)]
    receipts = await asyncio.gather(*tried)
    return sum(isinstance(one.events[0], OrderRejected) for one in receipts)


async def _measure(engines: Engines) -> dict[str, float]:
    traders = await prepare(engines, traders=3, symbols=SYMBOLS)
    scope, others, load_of = (trader.portfolio_id for trader in traders)
    is_compiled = not hasattr(Engine.apply, "__code__")
    figures: dict[str, float] = {"resting": RESTING, "is_compiled": int(is_compiled)}
    async with open_kit(load_settings(engines.environment)) as kit:
        async with _leading(kit) as (sequencer, engine):
            # As the cloud does when it starts; what comes later the collector looks through.
            gc.collect()
            gc.freeze()
            await _rest(sequencer, scope, RESTING)
            await _rest(sequencer, others, OTHERS_RESTING)
            load = _Load(sequencer, load_of)
            running = asyncio.create_task(load.run())
            await asyncio.sleep(WARM_S)
            load.wait_max_s = 0.0
            cancelled_ms, durable_ms, count = await _kill(sequencer, engine, scope)
            await asyncio.sleep(0.2)
            figures |= {
                "cancelled_ms": round(cancelled_ms, 1),
                "durable_ms": round(durable_ms, 1),
                "not_cancelled": RESTING - count,
                "not_refused": TRIES - await _refused(sequencer, scope),
                "others_wait_max_ms": round(load.wait_max_s * 1e3, 1),
            }
            await _rest(sequencer, others, RESTING - OTHERS_RESTING)
            venue_ms, venue_durable_ms, _ = await _kill(sequencer, engine, 0)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            figures |= {
                "venue_cancelled_ms": round(venue_ms, 1),
                "venue_durable_ms": round(venue_durable_ms, 1),
                "left_in_books": len(engine.venue.orders),
                "venue_not_refused": TRIES - await _refused(sequencer, others),
            }
        async with _leading(kit) as (sequencer, _):
            figures["not_refused_after_restart"] = TRIES - await _refused(sequencer, others)
    return figures


async def _rest(sequencer: Sequencer, portfolio: int, count: int) -> None:
    for first in range(0, count, 2_000):
        numbers: Sequence[int] = range(first, min(first + 2_000, count))
        await asyncio.gather(*(sequencer.offer(_place(portfolio, n)) for n in numbers))


def main() -> None:
    """Measure and print."""
    with contextlib.redirect_stdout(sys.stderr), running_engines() as engines:
        figures = uvloop.run(_measure(engines))
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
