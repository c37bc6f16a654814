"""Snapshots: taken by a process of their own, which recovers from the last one and goes on.

Matching never waits for one, and each proves that the one before it and the journal behind that
lead to the same state: it is made by recovery itself. The price is that every command is applied
twice on this machine, once by the leader and once, with low priority, by this process.
"""

import asyncio
import hashlib
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final, NoReturn

import asyncpg
import msgspec
import structlog

from cloud.exchange.journal import JournalError
from cloud.exchange.recovery import recover
from cloud.exchange.retention import Taken, expired, is_due

log = structlog.get_logger()

LOOK_EVERY_S: Final = 1.0
_TIMEOUT_S: Final = 600.0
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


class SnapshotKeeper:
    """Has a snapshot taken whenever one is due, while this process leads.

    sequence: the engine's last command now; is_leading: whether there is anything to do.
    """

    def __init__(
        self,
        database_url: str,
        *,
        sequence: Callable[[], int],
        is_leading: Callable[[], bool],
        now: Callable[[], datetime],
    ) -> None:
        self._database_url = database_url
        self._sequence = sequence
        self._is_leading = is_leading
        self._now = now

    async def run(self) -> None:
        """Until cancelled. A snapshot that fails is logged; the next try is a while later."""
        last, since = await self._newest(), self._now()
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            commands = self._sequence() - last
            if not self._is_leading() or not is_due(commands=commands, waited=self._now() - since):
                continue
            outcome = await self._take_apart()
            since = self._now()
            last = outcome.sequence if outcome is not None else self._sequence()

    async def _newest(self) -> int:
        connection = await asyncpg.connect(self._database_url)
        try:
            query = "SELECT coalesce(max(sequence), 0) FROM exchange_snapshots"
            return int(await connection.fetchval(query))
        finally:
            await connection.close()

    async def _take_apart(self) -> Outcome | None:
        """In a process of its own; None when it failed."""
        path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "cloud.exchange.snapshots",
            env=os.environ | {"CURB_DATABASE_URL": self._database_url, "PYTHONPATH": path},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                printed, complaints = await process.communicate()
        except TimeoutError:
            log.warning("exchange_snapshot_failed", problem=f"It took over {_TIMEOUT_S} s.")
            return None
        finally:
            with suppress(ProcessLookupError):
                if process.returncode is None:
                    process.kill()
        if process.returncode != 0:
            problem = complaints.decode(errors="replace")[-2_000:]
            log.warning("exchange_snapshot_failed", status=process.returncode, problem=problem)
            return None
        outcome = msgspec.json.decode(printed.splitlines()[-1], type=Outcome)
        log.info("exchange_snapshot_taken", **msgspec.structs.asdict(outcome))
        return outcome


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
