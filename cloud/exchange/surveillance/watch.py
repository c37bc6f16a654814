"""Surveillance follows the journal: the task of the role SURVEILLANCE, in a process of its own.

It reads the batches that the leader has committed, does them again (`reading.py`), and stores what
the detectors find together with its place, in one transaction: so a process that is killed loses
nothing, and its successor finds nothing twice. The leader knows nothing of it, and waits for
nothing here. One process watches, holding an advisory lock in the connection it reads through; the
others stand by.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

import structlog

from cloud.exchange.journal import JournalError
from cloud.exchange.leader import Connection, open_candidate
from cloud.exchange.recovery import rows_after
from cloud.exchange.surveillance import metrics
from cloud.exchange.surveillance.reading import LOOKBACK, Reading, open_reading
from cloud.exchange.surveillance.watched import Watched
from cloud.kit.outages import is_passing

log = structlog.get_logger()

LOCK: Final = 0x43757262_57617463
"""The key of the advisory lock: `CurbWatc`."""

APPLICATION: Final = "curb-surveillance"
STAND_BY_S: Final = 1.0
POLL_S: Final = 0.25
"""Where nothing comes."""
POLL_S_MIN: Final = 0.05
"""Where much comes."""
TURN_BATCHES: Final = 5
TURN_S: Final = 0.002
"""Rests after so many batches, unless it is far behind. What it does in one go it takes from a
shared processor: a quarter second's orders at once kept the venue's own waiting for 20 ms."""
ROWS_AT_ONCE: Final = 100
"""At most 50,000 commands, a few megabytes."""
STORE_EVERY_S: Final = 1.0
RETRY_S: Final = 1.0
RETRY_S_MAX: Final = 60.0

_TAKE: Final = "SELECT pg_try_advisory_lock($1)"
_HEAD: Final = """
    SELECT last_sequence, extract(epoch FROM at)::float8 FROM exchange_journal
    ORDER BY first_sequence DESC LIMIT 1
"""


class Watch:
    """One process's watcher; `run` is its whole life."""

    def __init__(
        self,
        database_url: str,
        watched: Watched,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._database_url = database_url
        self._watched = watched
        self._sleep = sleep
        self._failures = 0
        self._lookback = LOOKBACK
        self._reached = 0
        """The first command of the last batch that was ever tried."""
        self._stored = 0
        self._stored_s = 0.0

    async def run(self) -> None:
        """Until cancelled. What fails begins anew from the stored place, ever more rarely."""
        while True:
            try:
                async with open_candidate(self._database_url, APPLICATION) as connection:
                    while not await connection.fetchval(_TAKE, LOCK):
                        await self._sleep(STAND_BY_S)
                    await self._watch(connection)
            except Exception as error:
                self._failures += 1
                if not is_passing(error):
                    # Our bug, or a journal that is not what it was: going on would be guessing.
                    metrics.FAILURE.inc()
                    log.exception("surveillance_failed", reached=self._reached)
                    if isinstance(error, JournalError) and self._reached <= self._stored:
                        # Another version of the engine wrote what lies before the place. A
                        # snapshot at the place leads on, as it does for the exchange itself.
                        self._lookback = timedelta(0)
                else:
                    metrics.OUTAGE.inc()
                    if self._failures == 1:
                        log.warning("surveillance_interrupted", error=repr(error))
            finally:
                metrics.WATCHING.set(0)
            await self._sleep(min(RETRY_S * 2 ** min(self._failures - 1, 10), RETRY_S_MAX))

    async def _watch(self, connection: Connection) -> None:
        place = await self._watched.place()
        reading = await open_reading(connection, place, self._lookback)
        self._stored, self._stored_s = place, time.monotonic()
        log.info("surveillance_watches", place=place, begins=reading.sequence)
        metrics.WATCHING.set(1)
        pause_s = POLL_S
        while True:
            rows = await rows_after(connection, reading.sequence, ROWS_AT_ONCE)
            is_at_end = len(rows) < ROWS_AT_ONCE
            for number, row in enumerate(rows, 1):
                self._reached = max(self._reached, row["first_sequence"])
                reading.take(row)
                # Between two batches others of this process, such as /metrics, have their turn.
                await self._sleep(TURN_S if is_at_end and number % TURN_BATCHES == 0 else 0)
            await self._show_lag(connection, reading, is_at_end=is_at_end)
            await self._store(reading)
            if reading.sequence >= self._reached:
                self._failures, self._lookback = 0, LOOKBACK
            if is_at_end:
                pause_s = POLL_S_MIN if rows else min(2 * pause_s, POLL_S)
                await self._sleep(pause_s)

    async def _store(self, reading: Reading) -> None:
        if reading.sequence <= self._stored:
            return
        has_news = bool(reading.findings or reading.acts)
        if not has_news and time.monotonic() - self._stored_s < STORE_EVERY_S:
            return
        await self._watched.advance(reading.sequence, reading.at_ns, reading.findings, reading.acts)
        metrics.FINDINGS.inc(len(reading.findings))
        reading.findings, reading.acts = [], []
        self._stored, self._stored_s = reading.sequence, time.monotonic()

    @staticmethod
    async def _show_lag(connection: Connection, reading: Reading, *, is_at_end: bool) -> None:
        commands, seconds = 0, 0.0
        if not is_at_end and (head := await connection.fetchrow(_HEAD)) is not None:
            commands = head[0] - reading.sequence
            seconds = max(0.0, head[1] - reading.at_ns / 1e9)
        metrics.SEQUENCE.set(reading.sequence)
        metrics.BEHIND_COMMANDS.set(commands)
        metrics.BEHIND_S.set(seconds)
