"""Acts that were asked of a process that died before its sequencer had them: they never happened.

A new leader inherits the journal as it is: whatever an earlier process was asked is in it up to
there, or nowhere. Once the watcher has brought the journal's acts into their rows up to that
command (`settling.py`), what is still open from before is lost.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

import structlog

from cloud.exchange.sequencer import Sequencer
from cloud.kit.database import Database
from cloud.kit.outages import is_passing
from trading import Engine

log = structlog.get_logger()

LOOK_EVERY_S: Final = 1.0

_ANY: Final = "SELECT EXISTS (SELECT FROM venue_acts WHERE state = 'asked' AND asked_at < $1)"
_REFUSE: Final = """
    UPDATE venue_acts SET state = 'refused', refusal = 'never_reached_the_venue'
    WHERE state = 'asked' AND asked_at < $1
        AND (SELECT coalesce(max(sequence), 0) FROM exchange_watched) >= $2
"""


class LostActs:
    """The task of the process that leads; made before it does."""

    def __init__(
        self,
        database: Database,
        sequencer: Sequencer,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._database = database
        self._now = now
        self._sleep = sleep
        self._inherited: asyncio.Queue[tuple[datetime, int]] = asyncio.Queue()
        sequencer.on_lead(self.begins)

    async def run(self) -> None:
        """Until cancelled; an outage of the database is waited for."""
        while True:
            began_at, sequence = await self._inherited.get()
            while await self._is_any_open(began_at, sequence):
                await self._sleep(LOOK_EVERY_S)

    def begins(self, engine: Engine) -> None:
        """This process leads from here on."""
        self._inherited.put_nowait((self._now(), engine.sequence))

    async def _is_any_open(self, began_at: datetime, sequence: int) -> bool:
        pool = self._database.pool
        try:
            await pool.execute(_REFUSE, began_at, sequence)
            return bool(await pool.fetchval(_ANY, began_at))
        except Exception as error:
            if not is_passing(error):
                raise
            log.warning("exchange_lost_acts_wait", error=repr(error))
            return True
