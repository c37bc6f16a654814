"""kill -9 of the exchange's leader at 200 random points under load, and who takes over how soon.

PostgreSQL as durable as in production; two processes of the cloud, one of them standing by; a
thousand orders a second over order entry. `lost`: acknowledged and not in the database. `doubled`:
in the database or the journal more than once, or acknowledged twice as different orders.
`takeover_...`: from the signal to the first order that the next leader acknowledges, in seconds.
`hung_takeover_s`: until another leads when the leader is stopped (SIGSTOP) instead of killed.
"""

import asyncio
import sys
from collections import Counter

import asyncpg

from benchmarks._cloud import Engines, running_engines
from benchmarks._kill_storm import Book, hang, storm
from benchmarks._venue import prepare
from cloud.exchange.journal import read_batches
from cloud.exchange.public_ids import order_uuid
from cloud.exchange.recovery import recover

KILLS = 200
SYMBOLS = 4
_SEED = 7


def run(kills: int = KILLS) -> dict[str, float | int | str]:
    """Figures by name."""
    with running_engines() as engines:
        return asyncio.run(_measure(engines, kills))


async def _measure(engines: Engines, kills: int) -> dict[str, float | int | str]:
    (trader,) = await prepare(engines, traders=1, symbols=SYMBOLS)
    book, took_s = await storm(
        engines.environment, trader, symbols=SYMBOLS, kills=kills, seed=_SEED
    )
    hung_s, _ = await hang(engines.environment)
    for wrong in book.wrong[:10]:
        print(wrong, file=sys.stderr)  # noqa: T201 - what was wrong belongs to the figures
    took_s.sort()
    return {
        "kills": len(took_s),
        "takeover_p50_s": round(took_s[len(took_s) // 2], 3),
        "takeover_max_s": round(took_s[-1], 3),
        "hung_takeover_s": round(hung_s, 3),
        "orders": book.sent,
        "retried": book.retried,
        "found_done_when_retried": book.found_done,
        "repeats_answered_alike": book.repeats,
        **await _differences(engines.environment["CURB_DATABASE_URL"], book),
    }


async def _differences(database_url: str, book: Book) -> dict[str, int]:
    connection = await asyncpg.connect(database_url)
    try:
        rows = await connection.fetch("SELECT id, client_order_id FROM orders")
        names: Counter[str] = Counter()
        async for batch in read_batches(connection):
            for entry in batch.entries:
                names.update(entry.client_order_ids)
        # The journal leads to a state at all: every batch does again what it did.
        await recover(connection)
    finally:
        await connection.close()
    stored = {(row["client_order_id"], str(order_uuid(row["id"]))) for row in rows}
    told = {(f"bench-{number}", public) for number, public in book.ids.items()}
    return {
        "lost": len(told - stored),
        "doubled": len(stored - told)
        + sum(count - 1 for count in names.values())
        + len(book.wrong),
    }
