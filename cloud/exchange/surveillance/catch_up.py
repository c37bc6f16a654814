"""Reads the journal again for surveillance, as `python -m ...surveillance.catch_up AFTER UNTIL`.

Events are not stored, but the engine makes the same ones of the same commands. So whatever the
watcher had not seen or stored when its process ended is seen again, from some minutes before it:
patterns straddle restarts. A process of its own, because restoring a snapshot would keep the
event loop of the one that leads from its orders.

It prints the pickled `CaughtUp`: read by the process that started it, and by nobody else.
"""

import asyncio
import os
import pickle
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, NoReturn
from uuid import UUID

import asyncpg

from cloud.exchange.journal import JournalError, split_entries
from cloud.exchange.surveillance.findings import Finding
from cloud.exchange.surveillance.observer import Observer
from cloud.exchange.venue.acts import act_of
from trading import Engine
from trading.command_base import Command
from trading.commands import SetKillSwitch
from trading.event_base import Event
from trading.events import CommandRefused
from trading.snapshot import SnapshotError

LOOKBACK: Final = timedelta(minutes=6)
"""Longer than any of the detectors' windows."""

_NICE: Final = 10
_ROWS_AT_ONCE: Final = 200

_START: Final = """
    SELECT last_sequence FROM exchange_journal
    WHERE first_sequence <= $1 AND at <= (
        SELECT at FROM exchange_journal WHERE first_sequence <= $1
        ORDER BY first_sequence DESC LIMIT 1
    ) - $2::interval
    ORDER BY first_sequence DESC LIMIT 1
"""
_SNAPSHOTS: Final = """
    SELECT data FROM exchange_snapshots WHERE sequence <= $1 ORDER BY sequence DESC
"""
_ROWS: Final = """
    SELECT first_sequence, last_sequence, commands FROM exchange_journal
    WHERE first_sequence > $1 AND last_sequence <= $2 ORDER BY first_sequence LIMIT $3
"""


@dataclass(frozen=True)
class ActTrace:
    """What the journal says of a person's act. refusal: the engine's reason, 0 if it was done.

    kill_switch: account and position, of the one kind of act that is done before it is stored.
    """

    act_id: UUID
    actor: UUID | None
    sequence: int
    at_ns: int
    refusal: int
    kill_switch: tuple[int, bool] | None


@dataclass(frozen=True)
class CaughtUp:
    """Where the watcher goes on: at_ns is the time of the last command, 0 if there was none."""

    observer: Observer
    sequence: int
    at_ns: int
    findings: list[Finding]
    acts: list[ActTrace]


def trace_of(source: str, command: Command, events: list[Event]) -> ActTrace | None:
    """The act that a command carried out, None for all that were nobody's act."""
    named = act_of(source)
    if named is None:
        return None
    refusal = 0
    for event in events:
        if isinstance(event, CommandRefused) and event.sequence == command.sequence:
            refusal = event.reason
    switch = (command.account_id, command.is_on) if isinstance(command, SetKillSwitch) else None
    return ActTrace(*named, command.sequence, command.at_ns, refusal, switch)


class NotWantedError(Exception):
    """Whoever asked has died; the next leader asks anew."""


async def catch_up(
    connection: "asyncpg.Connection[asyncpg.Record]",
    after: int,
    until: int,
    is_wanted: Callable[[], bool] = lambda: True,
) -> CaughtUp:
    """See what the journal has behind `after`, and the minutes before it, up to `until`.

    Raises:
        JournalError: the journal has a gap, or a batch that this version cannot read.
        NotWantedError: `is_wanted` says no; it is asked every few hundred batches.
    """
    start = int(await connection.fetchval(_START, after, LOOKBACK) or 0)
    engine = await _engine_before(connection, start)
    observer = Observer()
    findings: list[Finding] = []
    acts: list[ActTrace] = []
    is_seeded, at_ns = False, 0
    while engine.sequence < until:
        if not is_wanted():
            raise NotWantedError
        rows = await connection.fetch(_ROWS, engine.sequence, until, _ROWS_AT_ONCE)
        if not rows or rows[0]["first_sequence"] != engine.sequence + 1:
            raise JournalError(f"The journal does not go on behind command {engine.sequence}.")
        for row in rows:
            if not is_seeded and engine.sequence >= start:
                observer.seed(engine)
                is_seeded = True
            entries = split_entries(row["commands"])
            batch = [entry.command for entry in entries]
            for entry, events in zip(entries, engine.apply_batch(batch), strict=True):
                at_ns = entry.command.at_ns
                if not is_seeded:
                    continue
                findings += observer.take(entry.command, events)
                if (trace := trace_of(entry.source, entry.command, events)) is not None:
                    acts.append(trace)
    if not is_seeded:
        observer.seed(engine)
    return CaughtUp(observer, engine.sequence, at_ns or engine.venue.at_ns, findings, acts)


async def _engine_before(connection: "asyncpg.Connection[asyncpg.Record]", sequence: int) -> Engine:
    for row in await connection.fetch(_SNAPSHOTS, sequence):
        with suppress(SnapshotError):
            return Engine.restore(row["data"])
    return Engine()


async def _run(database_url: str, after: int, until: int) -> CaughtUp:
    # A leader that was killed leaves this process to itself: many would pile up.
    parent = os.getppid()
    connection: Any = await asyncpg.connect(
        database_url, server_settings={"application_name": "curb-watch", "timezone": "UTC"}
    )
    try:
        return await catch_up(connection, after, until, lambda: os.getppid() == parent)
    finally:
        await connection.close()


def main() -> NoReturn:
    """Catch up in the database that CURB_DATABASE_URL names."""
    with suppress(OSError):
        os.nice(_NICE)
    after, until = (int(word) for word in sys.argv[1:3])
    try:
        found = asyncio.run(_run(os.environ["CURB_DATABASE_URL"], after, until))
    except (OSError, asyncpg.PostgresError, JournalError, NotWantedError) as error:
        sys.exit(f"{type(error).__name__}: {error}")
    sys.stdout.buffer.write(pickle.dumps(found))
    sys.exit(0)


if __name__ == "__main__":
    # Under its real name, which the parent's pickle looks for.
    from cloud.exchange.surveillance import catch_up as module

    module.main()
