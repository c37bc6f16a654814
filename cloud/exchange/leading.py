"""The life of a process that may run the exchange: recover, stand by, lead, and stop.

A standby follows the journal, so that taking over costs it the last moments only. A process that
led and no longer can does not try again in the same life: its memory may be ahead of the journal.
It stops, and starts anew as a standby.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import structlog

from cloud.exchange.leader import Lead, open_candidate, stand_for_lead
from cloud.exchange.recovery import Replica, recover
from cloud.kit.database import Database
from cloud.kit.outages import is_passing
from trading import Engine

log = structlog.get_logger()

RETRY_S = 1.0

LeadWith = Callable[[Engine, Lead], Awaitable[None]]


class Leading:
    """The task of the role EXCHANGE. lead_with: what a leader does, until it cannot."""

    def __init__(self, database: Database, database_url: str, lead_with: LeadWith) -> None:
        self._database = database
        self._database_url = database_url
        self._lead_with = lead_with

    async def run(self) -> None:
        """Until cancelled, or until this process led and lost the lead; then raises why.

        Raises:
            JournalError: the journal does not lead to a state that can be trusted.
        """
        async with AsyncExitStack() as stack:
            lead, replica = await self._stand_by(stack)
            # By the connection that holds the lock: nobody else can add anything any more.
            async with lead.writing() as connection:
                await replica.follow(connection)
            log.info("exchange_leads", sequence=replica.engine.sequence)
            keeping = asyncio.create_task(lead.keep(), name="exchange-keep-lead")
            leading = asyncio.ensure_future(self._lead_with(replica.engine, lead))
            try:
                await asyncio.wait([keeping, leading], return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (leading, keeping):
                    task.cancel()
                results = await asyncio.gather(leading, keeping, return_exceptions=True)
            # Both may have failed, for one reason; a failed commit says most about it.
            for result in results:
                if isinstance(result, Exception):
                    log.error("exchange_leads_no_more", problem=repr(result))
                    raise result

    async def _stand_by(self, stack: AsyncExitStack) -> tuple[Lead, Replica]:
        """With the lock held. An outage of the database is waited for: nothing is lost by it."""
        replica: Replica | None = None
        is_out = False
        while True:
            attempt = AsyncExitStack()
            try:
                replica = replica or await recover(self._database.pool)
                connection = await attempt.enter_async_context(open_candidate(self._database_url))
                followed = replica

                async def follow(one: Replica = followed) -> int:
                    return await one.follow(self._database.pool)

                lead = await stand_for_lead(connection, meanwhile=follow)
            except Exception as error:
                await attempt.aclose()
                if not is_passing(error):
                    raise
                if not is_out:
                    log.warning("exchange_database_away", error=str(error))
                is_out = True
                await asyncio.sleep(RETRY_S)
            except BaseException:
                await attempt.aclose()
                raise
            else:
                stack.push_async_exit(attempt)
                return lead, replica
