"""One reading of the journal: an engine that does everything again, and the observer beside it.

Events are not stored, but the engine makes the same ones of the same commands. A reading begins
some minutes before the place from which findings are wanted, because patterns straddle it.
"""

from datetime import timedelta
from typing import Any, Final

from cloud.exchange.leader import Connection
from cloud.exchange.recovery import replayed, restored
from cloud.exchange.steady_memory import look_at_all_once
from cloud.exchange.surveillance.findings import Finding
from cloud.exchange.surveillance.observer import Observer
from cloud.exchange.uncollected import uncollected
from cloud.exchange.venue.settling import ActTrace, trace_of
from trading import Engine
from trading.commands import AdvanceDay

LOOKBACK: Final = timedelta(minutes=6)
"""Longer than any of the detectors' windows."""

_START: Final = """
    SELECT last_sequence FROM exchange_journal
    WHERE first_sequence <= $1 AND at <= (
        SELECT at FROM exchange_journal WHERE first_sequence <= $1
        ORDER BY first_sequence DESC LIMIT 1
    ) - $2::interval
    ORDER BY first_sequence DESC LIMIT 1
"""


class Reading:
    """Give it every batch behind `sequence`, in order.

    engine: at the end of a batch, not behind `start`; it belongs to the reading from here on.
    start: where the observer begins. place: what is found up to this command is known already.
    findings, acts: of commands behind `place`, until the caller takes them out.
    """

    def __init__(self, engine: Engine, *, start: int, place: int) -> None:
        self._engine = engine
        self._start = start
        self._place = place
        self._observer: Observer | None = None
        self.findings: list[Finding] = []
        self.acts: list[ActTrace] = []

    @property
    def sequence(self) -> int:
        """The last command read."""
        return self._engine.sequence

    @property
    def at_ns(self) -> int:
        """That command's time; 0 before the first."""
        return self._engine.venue.at_ns

    def take(self, row: Any) -> None:  # noqa: ANN401 - a record of asyncpg
        """The journal's next batch.

        Raises:
            JournalError: it does not follow, cannot be read, or does not do what it did.
        """
        engine = self._engine
        if self._observer is None and engine.sequence >= self._start:
            self._observer = Observer()
            self._observer.seed(engine)
        entries, events = replayed(engine, row)
        observer = self._observer
        if observer is None:
            return
        is_new = row["last_sequence"] > self._place
        for entry, caused in zip(entries, events, strict=True):
            command = entry.command
            found = observer.take(command, caused)
            if found and is_new:
                self.findings += found
            if entry.source.startswith("venue:") and is_new:
                self.acts += trace_of(entry.source, command, caused)
            if command.KIND == AdvanceDay.KIND:
                look_at_all_once()


async def open_reading(
    connection: Connection, place: int, lookback: timedelta = LOOKBACK
) -> Reading:
    """A reading for what comes behind `place`, the end of a batch; from the newest good snapshot.

    lookback: how long before `place` the observer begins; with less than LOOKBACK, patterns that
        began before it are not found.

    Raises:
        OSError, asyncpg.PostgresError: the database cannot be asked.
    """
    start = int(await connection.fetchval(_START, place, lookback) or 0)
    with uncollected():
        replica = await restored(connection, start)
    return Reading(replica.engine, start=start, place=place)
