"""Surveillance beside the sequencer: sees every committed command once, and stores what it finds.

It hears batches after their commit and works them off in slices of a millisecond, so that orders
never wait for it. Findings and the last command seen are stored in one transaction; what a dead
process had seen but not stored is read again from the journal (`catch_up.py`), and so is what a
flood would have made this process keep.
"""

import asyncio
import os
import pickle
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from typing import Final

import structlog

from cloud.exchange.restarting import RESTARTED, follow_batches
from cloud.exchange.sequencer import CommittedBatch, Sequencer
from cloud.exchange.surveillance.catch_up import ActTrace, CaughtUp, trace_of
from cloud.exchange.surveillance.findings import Finding
from cloud.exchange.surveillance.observer import Observer
from cloud.exchange.surveillance.watched import Watched
from cloud.kit.outages import is_passing
from trading import Engine
from trading.command_base import Command
from trading.event_base import Event

log = structlog.get_logger()

WAITING_COMMANDS_MAX: Final = 100_000
SLICE_S: Final = 0.001
"""A slice grows by as much with every SLICE_COMMANDS that wait, so that a flood is read once."""
SLICE_COMMANDS: Final = 10_000
LOOK_AT_CLOCK_EVERY: Final = 32
STORE_EVERY_S: Final = 1.0
RETRY_S: Final = 5.0
RETRY_S_MAX: Final = 300.0

CatchUp = Callable[[int, int], Awaitable[CaughtUp]]


class CatchUpError(OSError):
    """The process that reads the journal again failed; it is tried again."""


class Watch:
    """The task of the process that leads; made before it does.

    catch_up: reads the journal again behind one command, up to another.
    """

    def __init__(
        self,
        sequencer: Sequencer,
        watched: Watched,
        *,
        catch_up: CatchUp,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._watched = watched
        self._catch_up = catch_up
        self._now = now
        self._sleep = sleep
        self._began_at: datetime | None = None
        self._observer: Observer | None = None
        self._until = 0
        self._heard = 0
        self._waiting: deque[CommittedBatch] = deque()
        self._waiting_commands = 0
        self._has_work = asyncio.Event()
        self._findings: list[Finding] = []
        self._acts: list[ActTrace] = []
        self.seen = 0
        """The last command whose findings are known here, stored or not."""
        self._seen_ns = 0
        self.stored = 0
        """The last command whose findings are stored."""
        self._stored_s = 0.0
        sequencer.on_lead(self._leads)
        follow_batches(
            sequencer,
            "surveillance",
            self._hears,
            copy=lambda engine: engine.sequence,
            begin=self._begins,
        )

    async def run(self) -> None:
        """Until cancelled; what fails is tried again, ever more rarely."""
        failures = 0
        while True:
            # What was seen and not stored is stored within a second, also when nothing comes.
            with suppress(TimeoutError):
                async with asyncio.timeout(STORE_EVERY_S if self.seen != self.stored else None):
                    await self._has_work.wait()
            try:
                await self._work_off()
                failures = 0
            except Exception as error:
                failures += 1
                if is_passing(error):
                    log.warning("surveillance_waits", error=repr(error))
                else:
                    # Our bug, but nothing that must stop trade: begin anew from the journal.
                    log.exception("surveillance_failed")
                    RESTARTED.labels("surveillance").inc()
                    self._fall_behind(self._heard)
                self._has_work.set()
                await self._sleep(min(RETRY_S * 2 ** (failures - 1), RETRY_S_MAX))

    def _leads(self, _engine: Engine) -> None:
        self._began_at = self._now()

    def _begins(self, sequence: int) -> None:
        self._heard = sequence
        self._fall_behind(sequence)

    def _hears(self, batch: CommittedBatch) -> None:
        self._heard = batch.last_sequence
        self._waiting.append(batch)
        self._waiting_commands += len(batch.commands)
        if self._waiting_commands > WAITING_COMMANDS_MAX:
            # Nothing is lost: the journal has it.
            self._fall_behind(batch.last_sequence)
        self._has_work.set()

    def _fall_behind(self, until: int) -> None:
        self._observer = None
        self._until = until
        self._waiting.clear()
        self._waiting_commands = 0
        self._has_work.set()

    async def _work_off(self) -> None:
        self._has_work.clear()
        observer = self._observer or await self._caught_up()
        slice_ends = self._slice_end()
        steps = 0
        while self._waiting and self._observer is observer:
            batch = self._waiting.popleft()
            self._waiting_commands -= len(batch.commands)
            for wish, command, events in zip(
                batch.wishes, batch.commands, batch.events, strict=True
            ):
                self._see(observer, wish.source, command, events)
                steps += 1
                if steps % LOOK_AT_CLOCK_EVERY == 0 and time.perf_counter() > slice_ends:
                    await asyncio.sleep(0)
                    slice_ends = self._slice_end()
            self.seen, self._seen_ns = batch.last_sequence, batch.at_ns
        is_due = time.perf_counter() - self._stored_s >= STORE_EVERY_S
        if self._observer is observer and (is_due or self._findings or self._acts):
            await self._store()

    def _slice_end(self) -> float:
        return time.perf_counter() + SLICE_S * (1 + self._waiting_commands // SLICE_COMMANDS)

    def _see(self, observer: Observer, source: str, command: Command, events: list[Event]) -> None:
        found = observer.take(command, events)
        if found:
            self._findings += found
        if source.startswith("venue:") and (trace := trace_of(source, command, events)):
            self._acts.append(trace)

    async def _store(self) -> None:
        if self.seen == self.stored:
            return
        seen, findings, acts = self.seen, self._findings, self._acts
        await self._watched.advance(seen, self._seen_ns, findings, acts)
        self._findings, self._acts = [], []
        self.stored = seen
        self._stored_s = time.perf_counter()

    async def _caught_up(self) -> Observer:
        """An observer that has seen everything up to where this process hears it live."""
        until = self._until
        after = await self._watched.place()
        if until:
            log.info("surveillance_catches_up", after=after, until=until)
            found = await self._catch_up(after, until)
        else:
            found = CaughtUp(Observer(), 0, 0, [], [])
        if until != self._until:
            raise CatchUpError("More commands came than can be kept; catching up once more.")
        await self._watched.advance(
            found.sequence, found.at_ns, found.findings, found.acts, dead_since=self._began_at
        )
        self._findings, self._acts = [], []
        self.seen = self.stored = found.sequence
        self._seen_ns = found.at_ns
        self._observer = found.observer
        log.info("surveillance_watches", sequence=found.sequence, findings=len(found.findings))
        return found.observer


def catching_up_apart(database_url: str) -> CatchUp:
    """Catching up in a process of its own, with low priority."""

    async def catch_up(after: int, until: int) -> CaughtUp:
        path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "cloud.exchange.surveillance.catch_up",
            str(after),
            str(until),
            env=os.environ | {"CURB_DATABASE_URL": database_url, "PYTHONPATH": path},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            printed, complaints = await process.communicate()
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if process.returncode != 0:
            raise CatchUpError(complaints.decode(errors="replace")[-2_000:])
        # Our own child's words, through a pipe that nobody else has.
        found = pickle.loads(printed)  # noqa: S301
        assert isinstance(found, CaughtUp)
        return found

    return catch_up
