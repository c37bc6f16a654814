"""What one order costs the exchange's process, with few and with very many orders resting.

Everything from the wish to the statement's arguments: number, journal entry, risk, match, events,
their hash, rows; without network and database. Prints one JSON object: resting orders -> us.
Run with the compiled engine in front on PYTHONPATH, or with the plain one.
"""

import gc
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import msgspec

from benchmarks._venue import MIDDLE_TICKS, TICK, instruments
from cloud.events.outbox import Outbox, Wakeup
from cloud.exchange.applying import Desk, Waiting
from cloud.exchange.order_names import OrderNames
from cloud.exchange.order_rows import OrderRows
from cloud.exchange.store import to_statement
from cloud.exchange.wishes import Wish
from cloud.kit.clock import SystemClock
from cloud.kit.ids import TimeOrderedIds
from trading import Engine, commands
from trading.command_base import Command
from trading.instruments import CONTINUOUS
from trading.orders import BUY, GTC, LIMIT, SELL
from trading.terms import NewOrder

SYMBOLS: Final = 8
LEVELS: Final = 2_000
MEASURED: Final = 20_000
BATCH: Final = 100
RESTING: Final = (1_000, 10_000, 100_000, 1_000_000)


def main() -> dict[int, float]:
    """Microseconds of one order, by how many rest."""
    engine = Engine()
    sequence = 0

    def do(kind: Callable[..., Command], *arguments: object) -> None:
        nonlocal sequence
        sequence += 1
        engine.apply(kind(sequence, max(1, engine.venue.at_ns), *arguments))

    for one in instruments(SYMBOLS):
        do(commands.ListInstrument, one)
    for portfolio in (1, 2):
        do(commands.OpenPortfolio, portfolio, portfolio)
        do(commands.Deposit, portfolio, 10**17)
        for number in range(1, SYMBOLS + 1):
            do(commands.DepositUnits, portfolio, number, 10**12, 10**14)
    do(commands.SetPhase, 0, CONTINUOUS)
    clock = SystemClock()
    wakeup: Any = _NoWakeup()
    outbox = Outbox(ids=TimeOrderedIds(clock), clock=clock, wakeup=wakeup)
    costs: dict[int, float] = {}
    rested = 0
    for wanted in RESTING:
        while rested < wanted:
            do(commands.PlaceOrder, _resting(rested))
            rested += 1
        desk = Desk(engine, OrderRows(), OrderNames(), outbox=outbox, clock=clock)
        costs[wanted] = round(_measure(desk), 1)
        sequence = engine.sequence
    return costs


class _NoWakeup(Wakeup):
    """Nobody waits."""

    def __init__(self) -> None:
        """Connect to nothing."""

    def notify(self) -> None:
        """Do nothing."""


def _resting(number: int) -> NewOrder:
    side = BUY if number // SYMBOLS % 2 else SELL
    away = TICK * (1 + number // (2 * SYMBOLS) % LEVELS)
    price = MIDDLE_TICKS - away if side == BUY else MIDDLE_TICKS + away
    return NewOrder(2, number % SYMBOLS + 1, side, LIMIT, GTC, 1_000, price)


def _measured(number: int) -> NewOrder:
    """Half of them trade at once with what rests nearest, half rest far away for a moment."""
    side = BUY if number % 2 else SELL
    is_crossing = number // 2 % 2
    towards = 1 if (side == BUY) == bool(is_crossing) else -1
    price = MIDDLE_TICKS + towards * TICK * (1 + (0 if is_crossing else LEVELS + number % 97))
    return NewOrder(1, number % SYMBOLS + 1, side, LIMIT, GTC, 1, price)


def _measure(desk: Desk) -> float:
    orders = [_measured(number) for number in range(MEASURED)]
    gc.collect()
    gc.freeze()
    waiting: deque[Waiting] = deque()
    spent_ns = 0
    for first in range(0, MEASURED, BATCH):
        for order in orders[first : first + BATCH]:
            waiting.append((Wish(_Make(order)), _ignore))
        begun_ns = time.process_time_ns()
        applied = desk.apply(waiting, BATCH)
        assert applied.stored is not None
        to_statement(applied.stored)
        spent_ns += time.process_time_ns() - begun_ns
    return spent_ns / MEASURED / 1_000


class _Make:
    def __init__(self, order: NewOrder) -> None:
        self._order = order

    def __call__(self, sequence: int, at_ns: int) -> Command:
        return commands.PlaceOrder(sequence, at_ns, self._order)


def _ignore(_: object) -> None:
    """Nobody is answered."""


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(main()) + b"\n")
