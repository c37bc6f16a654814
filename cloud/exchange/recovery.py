"""From what is stored to an engine that goes on: the newest good snapshot, then the journal's tail.

Nothing is believed unseen. A snapshot must have the hash it was stored with and belong to this
journal, or the one before it is used; every batch must follow its predecessor without a gap and
cause the very events it caused the first time. An engine that would differ never gets to lead.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

import structlog

from cloud.exchange import journal
from cloud.exchange.journal import Entry, JournalError
from cloud.exchange.uncollected import uncollected
from trading import Engine
from trading.event_base import Event
from trading.snapshot import SnapshotError

log = structlog.get_logger()

_ROWS_AT_ONCE: Final = 500

_TAIL: Final = """
    SELECT first_sequence, last_sequence, commands, events_hash FROM exchange_journal
    WHERE first_sequence > $1 ORDER BY first_sequence LIMIT $2
"""
_SNAPSHOT: Final = """
    SELECT sequence, state_hash, data,
        EXISTS (SELECT FROM exchange_journal WHERE last_sequence = sequence) AS is_ours
    FROM exchange_snapshots WHERE sequence <= $1 ORDER BY sequence DESC LIMIT 1
"""
_SEQUENCE_MAX: Final = (1 << 63) - 1

Row = Any


class Reader(Protocol):
    """A connection or a pool of asyncpg."""

    async def fetch(self, query: str, *args: object) -> list[Row]:
        """Rows."""
        ...

    async def fetchrow(self, query: str, *args: object) -> Row | None:
        """The first row."""
        ...


class Replica:
    """An engine that follows the journal. One caller at a time; `engine` is theirs between calls.

    snapshot_sequence: the command up to which a snapshot was used; 0 without one.
    """

    def __init__(self, engine: Engine, snapshot_sequence: int = 0) -> None:
        self.engine = engine
        self.snapshot_sequence = snapshot_sequence

    async def follow(self, reader: Reader) -> int:
        """Apply what the journal has by now; gives the number of commands.

        Raises:
            JournalError: it has a gap, or its batches do not do what they did.
        """
        before = self.engine.sequence
        rows = await rows_after(reader, before, _ROWS_AT_ONCE)
        while rows:
            # The next rows are fetched while these are applied, beside the event loop: a long
            # journal must not keep this process from answering.
            applying = asyncio.to_thread(replay, self.engine, rows)
            if len(rows) < _ROWS_AT_ONCE:
                await applying
                break
            fetching = rows_after(reader, int(rows[-1]["last_sequence"]), _ROWS_AT_ONCE)
            rows, _ = await asyncio.gather(fetching, applying)
        return self.engine.sequence - before


async def rows_after(reader: Reader, sequence: int, count: int) -> list[Row]:
    """The journal's next batches behind that command, at most so many."""
    return await reader.fetch(_TAIL, sequence, count)


def replay(engine: Engine, rows: Sequence[Row]) -> None:
    """Apply batches as they are stored in the journal; raises as `replayed`."""
    for row in rows:
        replayed(engine, row)


def replayed(engine: Engine, row: Row) -> tuple[list[Entry], list[list[Event]]]:
    """Apply one batch of the journal; gives what was stored, and what each command caused.

    Raises:
        JournalError: it does not follow, cannot be read, or does not do what it did.
    """
    first, last = row["first_sequence"], row["last_sequence"]
    if first != engine.sequence + 1:
        raise JournalError(
            f"The journal goes on with command {first} behind command {engine.sequence}."
        )
    entries = journal.split_entries(row["commands"])
    if last - first + 1 != len(entries):
        raise JournalError(f"The batch of {first} to {last} has {len(entries)} commands.")
    events = engine.apply_batch([entry.command for entry in entries])
    if journal.hash_of(events) != row["events_hash"]:
        raise JournalError(
            f"Commands {first} to {last} do not cause the events they caused. The engine or "
            "the journal was changed; start the version that wrote it."
        )
    return entries, events


async def recover(reader: Reader, clock: Callable[[], float] = time.perf_counter) -> Replica:
    """The engine as the journal has it now.

    Raises:
        JournalError: see `Replica.follow`.
    """
    started_s = clock()
    with uncollected():
        replica = await restored(reader)
        count = await replica.follow(reader)
    log.info(
        "exchange_recovered",
        sequence=replica.engine.sequence,
        snapshot_sequence=replica.snapshot_sequence,
        replayed=count,
        orders=len(replica.engine.venue.orders),
        took_s=round(clock() - started_s, 3),
    )
    return replica


async def restored(reader: Reader, until: int = _SEQUENCE_MAX) -> Replica:
    """From the newest good snapshot that has no later command; from nothing when none is."""
    while (row := await reader.fetchrow(_SNAPSHOT, until)) is not None:
        sequence = int(row["sequence"])
        until = sequence - 1
        problem = _problem(row)
        if problem:
            log.error("exchange_snapshot_skipped", sequence=sequence, problem=problem)
            continue
        try:
            engine = await asyncio.to_thread(Engine.restore, row["data"])
        except SnapshotError as error:
            log.warning("exchange_snapshot_skipped", sequence=sequence, problem=str(error))
            continue
        return Replica(engine, sequence)
    return Replica(Engine())


def _problem(row: Row) -> str:
    if hashlib.sha256(row["data"]).hexdigest() != row["state_hash"]:
        return "Its bytes do not have the hash they were stored with."
    return "" if row["is_ours"] else "The journal has no batch that ends with its command."
