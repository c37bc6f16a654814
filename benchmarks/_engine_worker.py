"""One build of the whole engine, in a process of its own: prints its figures as JSON.

The loop is the sequencer's: batches of commands (already decoded) in, events out, nothing kept but
their number. Commands are made beforehand; every limit is on but the duplicate check (the flow has
duplicates); four portfolios of as many accounts.
"""

import gc
import json
import time

import trading.engine
from benchmarks.order_flow import BUY, CANCEL, operations
from trading import commands
from trading.command_base import Command
from trading.engine import Engine
from trading.instruments import CONTINUOUS, Instrument
from trading.orders import BUY as BUYING
from trading.orders import GTC, LIMIT
from trading.orders import SELL as SELLING
from trading.terms import Limits, NewOrder

ROUNDS = 5
# What the sequencer commits at once under load.
BATCH = 100
PORTFOLIOS = 4


def opening() -> list[Command]:
    """A market that trades, and portfolios rich enough for the whole flow."""
    one = Instrument(1, "BENCH", 100_000, maker_fee_rate=-50, taker_fee_rate=250)
    made: list[Command] = [commands.ListInstrument(1, 1, one)]
    limits = Limits(10**6, 10**12, 10**9, 10**15, 5_000, 10**9)
    for number in range(1, PORTFOLIOS + 1):
        made.append(commands.OpenPortfolio(len(made) + 1, 1, number, number))
        made.append(commands.SetLimits(len(made) + 1, 1, number, limits))
        made.append(commands.Deposit(len(made) + 1, 1, number, 10**15))
        made.append(commands.DepositUnits(len(made) + 1, 1, number, 1, 10**8, 10**13))
    made.append(commands.SetPhase(len(made) + 1, 1, 1, CONTINUOUS))
    return made


def wishes(first: int) -> list[Command]:
    """The flow of the book's benchmark as commands; order ids are dense, so they are known."""
    made: list[Command] = []
    for sequence, (kind, order_id, price, quantity) in enumerate(operations(), first):
        portfolio = order_id % PORTFOLIOS + 1
        if kind == CANCEL:
            made.append(commands.CancelOrder(sequence, sequence, order_id, portfolio))
            continue
        side = BUYING if kind == BUY else SELLING
        terms = NewOrder(portfolio, 1, side, LIMIT, GTC, quantity, price)
        made.append(commands.PlaceOrder(sequence, sequence, terms))
    return made


def measure(start: list[Command], flow: list[Command], size: int) -> tuple[Engine, float, int]:
    """The engine after the flow in batches of this size, the CPU time it took, its events."""
    gc.collect()
    engine = Engine()
    for command in start:
        engine.apply(command)
    batches = [flow[at : at + size] for at in range(0, len(flow), size)]
    count = 0
    began = time.process_time()
    for batch in batches:
        for found in engine.apply_batch(batch):
            count += len(found)
    return engine, time.process_time() - began, count


def longest_ms(start: list[Command], flow: list[Command]) -> float:
    """The batch that took longest, in CPU time of this thread."""
    engine = Engine()
    for command in start:
        engine.apply(command)
    longest_ns = 0
    for at in range(0, len(flow), BATCH):
        batch = flow[at : at + BATCH]
        began = time.thread_time_ns()
        engine.apply_batch(batch)
        longest_ns = max(longest_ns, time.thread_time_ns() - began)
    return round(longest_ns / 1e6, 2)


def main() -> None:
    """Measure, best of several rounds, in CPU time, so that a busy neighbour does not count."""
    start = opening()
    flow = wishes(len(start) + 1)
    gc.collect()
    gc.freeze()
    gc.disable()
    engine, took, count = Engine(), [], 0
    for _ in range(ROUNDS):
        engine, spent, count = measure(start, flow, BATCH)
        took.append(spent)
    single_s = min(measure(start, flow, 1)[1] for _ in range(ROUNDS))
    figures: dict[str, float | str] = {
        "is_compiled": trading.engine.__file__.endswith(".so"),
        "commands": len(flow),
        "commands_per_s": round(len(flow) / min(took)),
        "commands_one_by_one_per_s": round(len(flow) / single_s),
        "batch": BATCH,
        "events_per_command": round(count / len(flow), 2),
        "resting_orders": len(engine.venue.orders),
        "hash": engine.state_hash(),
    }
    figures["pause_ms"] = min(longest_ms(start, flow) for _ in range(ROUNDS))
    gc.enable()
    figures["pause_with_gc_ms"] = min(longest_ms(start, flow) for _ in range(ROUNDS))
    gc.disable()
    began = time.process_time()
    data = engine.snapshot()
    figures["snapshot_s"] = round(time.process_time() - began, 3)
    figures["snapshot_mb"] = round(len(data) / 1e6, 2)
    began = time.process_time()
    Engine.restore(data)
    figures["restore_s"] = round(time.process_time() - began, 3)
    # With the collector on and what lives set aside, as it is where a kill switch is set.
    gc.collect()
    gc.freeze()
    gc.enable()
    began = time.process_time()
    engine.apply(commands.SetKillSwitch(10**9, 10**9, 0, True))
    figures["kill_switch_ms"] = round(1000 * (time.process_time() - began), 2)
    print(json.dumps(figures))  # noqa: T201 - the parent reads it


if __name__ == "__main__":
    main()
