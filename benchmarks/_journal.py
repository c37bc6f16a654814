"""A journal of any length, as the sequencer would have stored it, without the tables beside it.

The commands are those of `curb bench engine` (four portfolios, one instrument, half of the limit
orders crossing, every sixth command a cancel), as many of them as asked for.
"""

from collections.abc import Awaitable, Callable, Iterator

import asyncpg

from benchmarks.order_flow import BUY, CANCEL, operations
from cloud.exchange import journal
from cloud.exchange.wishes import Wish
from trading import Engine, commands
from trading.command_base import Command
from trading.instruments import CONTINUOUS, Instrument
from trading.orders import BUY as BUYING
from trading.orders import GTC, LIMIT
from trading.orders import SELL as SELLING
from trading.terms import Limits, NewOrder

BATCH = 100
PORTFOLIOS = 4
# Any time will do, as long as it does not fall.
_FIRST_NS = 1_700_000_000_000_000_000
_MICROSECOND_NS = 1_000
# The journal keeps names and source of a wish; these have none. Nobody makes a command of it.
_NAMELESS = Wish(commands.AdvanceTime)


def opening() -> list[Command]:
    """A market that trades, and portfolios rich enough for the whole flow."""
    one = Instrument(1, "BENCH", 100_000, maker_fee_rate=-50, taker_fee_rate=250)
    made: list[Command] = [commands.ListInstrument(1, _FIRST_NS, one)]
    limits = Limits(10**6, 10**12, 10**9, 10**15, 5_000, 10**9)
    for number in range(1, PORTFOLIOS + 1):
        made.append(commands.OpenPortfolio(len(made) + 1, _FIRST_NS, number, number))
        made.append(commands.SetLimits(len(made) + 1, _FIRST_NS, number, limits))
        made.append(commands.Deposit(len(made) + 1, _FIRST_NS, number, 10**15))
        made.append(commands.DepositUnits(len(made) + 1, _FIRST_NS, number, 1, 10**8, 10**13))
    made.append(commands.SetPhase(len(made) + 1, _FIRST_NS, 1, CONTINUOUS))
    return made


def flow(count: int) -> Iterator[list[Command]]:
    """Batches of `count` commands in total, the opening included."""
    batch = opening()
    sequence = len(batch)
    for kind, order_id, price, quantity in operations(orders=count):
        if sequence == count:
            break
        sequence += 1
        at_ns = _FIRST_NS + sequence * _MICROSECOND_NS
        portfolio = order_id % PORTFOLIOS + 1
        if kind == CANCEL:
            batch.append(commands.CancelOrder(sequence, at_ns, order_id, portfolio))
        else:
            side = BUYING if kind == BUY else SELLING
            terms = NewOrder(portfolio, 1, side, LIMIT, GTC, quantity, price)
            batch.append(commands.PlaceOrder(sequence, at_ns, terms))
        if len(batch) >= BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


async def store(
    connection: "asyncpg.Connection[asyncpg.Record]",
    batches: Iterator[list[Command]],
    *,
    at: int = 0,
    then: Callable[[], Awaitable[None]] | None = None,
) -> Engine:
    """Apply the batches to a new engine and store them; gives the engine.

    then: what to do on the way, once command `at` is stored.
    """
    engine = Engine()
    rows: list[tuple[object, ...]] = []
    for batch in batches:
        rows.append(_row(engine, batch))
        is_there = then is not None and batch[0].sequence <= at <= batch[-1].sequence
        if len(rows) == 1_000 or is_there:
            await _copy(connection, rows)
            rows = []
        if then is not None and is_there:
            await then()
    await _copy(connection, rows)
    return engine


def _row(engine: Engine, batch: list[Command]) -> tuple[object, ...]:
    events = engine.apply_batch(batch)
    entries = [journal.encode_entry(one, _NAMELESS) for one in batch]
    first, last = batch[0].sequence, batch[-1].sequence
    return (first, last, journal.join_entries(entries), journal.hash_of(events))


async def _copy(
    connection: "asyncpg.Connection[asyncpg.Record]", rows: list[tuple[object, ...]]
) -> None:
    await connection.executemany(
        "INSERT INTO exchange_journal (first_sequence, last_sequence, at, commands, events_hash)"
        " VALUES ($1, $2, now(), $3, $4)",
        rows,
    )
