"""Takes one snapshot of the exchange: `python -m cloud.exchange.take_snapshot`.

A process of its own, made by recovery itself: matching never waits for a snapshot, and each proves
that the one before it and the journal behind that lead to the same state. The price is that every
command is applied twice on this machine, once by the leader and once, with low priority, here.
"""

import asyncio
import hashlib
import os
import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final, NoReturn

import asyncpg
import msgspec
import structlog

from cloud.exchange.journal import JournalError
from cloud.exchange.recovery import recover
from cloud.exchange.retention import Taken, expired

_NICE: Final = 10
_INSERT: Final = """
    INSERT INTO exchange_snapshots (sequence, at, state_hash, data) VALUES ($1, $2, $3, $4)
    ON CONFLICT (sequence) DO UPDATE
    SET at = EXCLUDED.at, state_hash = EXCLUDED.state_hash, data = EXCLUDED.data
"""


class Outcome(msgspec.Struct):
    """What the process of a snapshot prints: one line of JSON."""

    sequence: int
    data_bytes: int
    replayed: int
    deleted: int


async def take(database_url: str, now: datetime) -> Outcome:
    """Store a snapshot of what the journal has by now, and delete those no longer kept.

    Raises:
        JournalError: the journal does not lead to a state that can be trusted.
    """
    connection = await asyncpg.connect(
        database_url, server_settings={"application_name": "curb-snapshot", "timezone": "UTC"}
    )
    try:
        replica = await recover(connection)
        engine = replica.engine
        if engine.sequence == replica.snapshot_sequence:
            return Outcome(engine.sequence, 0, 0, 0)
        data = engine.snapshot()
        state_hash = hashlib.sha256(data).hexdigest()
        async with connection.transaction():
            await connection.execute(_INSERT, engine.sequence, now, state_hash, data)
            rows = await connection.fetch("SELECT sequence, at FROM exchange_snapshots")
            old = [one.sequence for one in expired([Taken(r[0], r[1]) for r in rows], now)]
            await connection.execute(
                "DELETE FROM exchange_snapshots WHERE sequence = ANY ($1::bigint[])", old
            )
        replayed = engine.sequence - replica.snapshot_sequence
        return Outcome(engine.sequence, len(data), replayed, len(old))
    finally:
        await connection.close()


def main() -> NoReturn:
    """Take one snapshot of the database that CURB_DATABASE_URL names, and print the outcome."""
    with suppress(OSError):
        os.nice(_NICE)
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    try:
        outcome = asyncio.run(take(os.environ["CURB_DATABASE_URL"], datetime.now(UTC)))
    except (OSError, asyncpg.PostgresError, JournalError) as error:
        sys.exit(f"{type(error).__name__}: {error}")
    sys.stdout.write(msgspec.json.encode(outcome).decode() + "\n")
    sys.exit(0)


if __name__ == "__main__":
    main()
