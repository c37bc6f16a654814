"""When snapshots are taken: by the leader's task, each by a process of its own."""

import asyncio
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Final

import msgspec
import structlog

from cloud.exchange.retention import is_due
from cloud.exchange.take_snapshot import Outcome
from cloud.kit.database import Database

log = structlog.get_logger()

LOOK_EVERY_S: Final = 1.0
_TIMEOUT_S: Final = 600.0

_NEWEST: Final = "SELECT coalesce(max(sequence), 0) FROM exchange_snapshots"


class SnapshotKeeper:
    """Has a snapshot taken whenever one is due, while this process leads.

    sequence: the last command committed; now: time that passes by itself.
    """

    def __init__(
        self,
        database: Database,
        database_url: str,
        *,
        sequence: Callable[[], int],
        is_leading: Callable[[], bool],
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._database_url = database_url
        self._sequence = sequence
        self._is_leading = is_leading
        self._now = now

    async def run(self) -> None:
        """Until cancelled. A snapshot that fails is logged; the next try is a while later."""
        last, since = -1, self._now()
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if not self._is_leading():
                continue
            if last < 0:
                last = int(await self._database.pool.fetchval(_NEWEST))
            if is_due(commands=self._sequence() - last, waited=self._now() - since):
                outcome = await self._take_apart()
                since = self._now()
                last = outcome.sequence if outcome is not None else self._sequence()

    async def _take_apart(self) -> Outcome | None:
        """In a process of its own; None when it failed."""
        path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "cloud.exchange.take_snapshot",
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
