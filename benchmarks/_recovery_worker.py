"""One step of `recovery` in a process of its own; prints its figures as JSON.

build COUNT SNAPSHOT_AT     a journal of COUNT commands, a snapshot on the way, rows of orders
recover                     what a process does before it may lead
"""

import asyncio
import json
import os
import sys
import time
from datetime import UTC, datetime

import asyncpg

import trading.engine
from benchmarks._journal import flow, store
from cloud.exchange.order_names import OrderNames
from cloud.exchange.order_rows import load_order_rows
from cloud.exchange.recovery import recover
from cloud.exchange.take_snapshot import take

Figures = dict[str, float | int | str]

# One row for each order that was ever placed, with a name: a leader must know them all.
_ORDERS = """
    INSERT INTO orders (id, engine_order_id, portfolio_id, instrument_id, client_order_id, side,
        order_type, time_in_force, quantity_units, price_ticks, stop_ticks, trail_ticks, trail_bps,
        extreme_ticks, display_units, self_trade, is_post_only, is_reduce_only, is_short,
        group_kind, leg, state, reason, remaining_units, filled_units, filled_ticks, fees, source,
        sequence, changed_sequence, created_at, changed_at)
    SELECT id, id, id % 4 + 1, 1, 'client-order-' || id, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 1, false,
        false, false, 0, 0, 2, 0, 1, 0, 0, 0, 'api', id, id, now(), now()
    FROM generate_series(1, $1::bigint) AS id
"""


async def build(count: int, snapshot_at: int) -> Figures:
    """The hash is that of the engine which never stopped."""
    url = os.environ["CURB_DATABASE_URL"]
    connection = await asyncpg.connect(url)
    taken: list[float] = []

    async def snapshot() -> None:
        started_s = time.perf_counter()
        await take(url, datetime.now(UTC))
        taken.append(time.perf_counter() - started_s)

    engine = await store(connection, flow(count), at=snapshot_at, then=snapshot)
    await connection.execute(_ORDERS, engine.venue.next_order_id - 1)
    await connection.execute("ANALYZE orders")
    began_s = time.perf_counter()
    engine.snapshot()
    pause_s = time.perf_counter() - began_s
    await connection.close()
    return {
        "commands": engine.sequence,
        "orders": engine.venue.next_order_id - 1,
        "resting_orders": len(engine.venue.orders),
        "hash": engine.state_hash(),
        "snapshot_process_s": taken[0],
        "snapshot_in_leader_would_stop_it_ms": pause_s * 1_000,
    }


async def start() -> Figures:
    """Recover, and learn the names, as a process does before it leads."""
    connection = await asyncpg.connect(os.environ["CURB_DATABASE_URL"])
    began_s = time.perf_counter()
    replica = await recover(connection)
    recovered_s = time.perf_counter()
    await load_order_rows(connection, replica.engine.venue.orders)
    # A leader reads the names beside its first orders; until then it asks the tables for them.
    names = OrderNames()
    while await names.load_some(connection):
        pass
    named_s = time.perf_counter()
    await connection.close()
    return {
        "is_compiled": int(trading.engine.__file__.endswith(".so")),
        "sequence": replica.engine.sequence,
        "snapshot_sequence": replica.snapshot_sequence,
        "recover_s": recovered_s - began_s,
        "names_s": named_s - recovered_s,
        "hash": replica.engine.state_hash(),
    }


def main(arguments: list[str]) -> None:
    """See the module."""
    if arguments[0] == "build":
        figures = asyncio.run(build(int(arguments[1]), int(arguments[2])))
    else:
        figures = asyncio.run(start())
    print(json.dumps(figures))  # noqa: T201 - the parent reads it


if __name__ == "__main__":
    main(sys.argv[1:])
