"""What devices said is kept for a year and more, then forgotten; what was set aside, for a season.

An event's row is also what tells a repetition from a new fact, so it is kept for longer than any
device could keep an event in its queue.
"""

import asyncio
from datetime import datetime, timedelta
from typing import Final

import structlog

from cloud.devices.database import Pool
from cloud.events.retry import is_passing
from cloud.kit.clock import Clock
from cloud.kit.settings import Settings

FORGET_EVERY_S: Final = 3_600.0
AT_ONCE: Final = 10_000

log = structlog.get_logger()

_FORGET: Final = {
    table: f"""
    DELETE FROM {table} WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM {table} WHERE received_at < $1 LIMIT $2))
    """  # noqa: S608 - our own table names
    for table in ("device_events", "device_quarantine")
}


async def forget_old(pool: Pool, settings: Settings, now: datetime, at_once: int = AT_ONCE) -> int:
    """Delete what is older than the settings say, a little at a time; how many rows."""
    days = {
        "device_events": settings.device_events_days,
        "device_quarantine": settings.device_quarantine_days,
    }
    total = 0
    for table, kept_days in days.items():
        before = now - timedelta(days=kept_days)
        while True:
            # "DELETE 10000"
            status = await pool.execute(_FORGET[table], before, at_once)
            deleted = int(status.split()[-1])
            total += deleted
            if deleted < at_once:
                break
    return total


async def forget_for_ever(pool: Pool, settings: Settings, clock: Clock) -> None:
    """Every hour; an outage of the database is waited out."""
    while True:
        try:
            forgotten = await forget_old(pool, settings, clock.now())
        except Exception as error:
            if not is_passing(error):
                raise
            log.warning("device_events_not_forgotten", error=str(error))
        else:
            if forgotten:
                log.info("device_events_forgotten", rows=forgotten)
        await asyncio.sleep(FORGET_EVERY_S)
