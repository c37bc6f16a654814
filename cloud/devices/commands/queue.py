"""The commands that wait for the link, and what devices answered to those that were sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from cloud.devices.commands.rules import UNANSWERED_AFTER_MS, CommandState, command_result
from cloud.devices.database import Connection, Pool
from cloud.devices.events import StoredEvent
from cloud.devices.mqtt import metrics
from cloud.events.event import Event
from cloud.kit.clock import Clock, from_ms, to_ms
from protocols.portable import codes
from protocols.site import CommandBody

_QUEUED: Final = """
SELECT id, device, op, args, issued_at, expires_at, counter FROM device_commands
WHERE site = $1 AND state = 'queued' ORDER BY counter
"""
_SENT: Final = "UPDATE device_commands SET state = 'sent', sent_at = $2 WHERE id = $1"
_EXPIRED: Final = """
UPDATE device_commands SET state = 'expired', result = $3, finished_at = $2
WHERE id = $1 AND state = 'queued'
"""
_UNANSWERED: Final = """
UPDATE device_commands SET state = 'expired', result = 'no_answer', finished_at = $1
WHERE state IN ('queued', 'sent') AND expires_at < $2
RETURNING op
"""
# An answer that comes after we gave up is still the truth.
_ANSWERED: Final = """
UPDATE device_commands SET state = $3, result = $4, finished_at = $5
WHERE id = $1 AND site = $2 AND state IN ('queued', 'sent', 'expired')
RETURNING op
"""


@dataclass(frozen=True)
class Queued:
    """A command to send. `is_expired`: too late to send it."""

    body: CommandBody
    is_expired: bool


class CommandQueue:
    """Read and marked by the process that holds the link."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def queued(self, site: str) -> list[Queued]:
        """What waits for a site, in the order of the counters."""
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(_QUEUED, site)
        now = self._clock.now()
        return [
            Queued(
                CommandBody(
                    id=str(row["id"]),
                    device=row["device"],
                    op=row["op"],
                    issued_at_ms=to_ms(row["issued_at"]),
                    expires_at_ms=to_ms(row["expires_at"]),
                    counter=row["counter"],
                    args=msgspec.json.decode(row["args"]),
                ),
                is_expired=row["expires_at"] <= now,
            )
            for row in rows
        ]

    async def mark_sent(self, body: CommandBody) -> None:
        """Say so before it is sent: a command must not go out twice."""
        async with self._pool.acquire() as connection:
            await connection.execute(_SENT, body.id, self._clock.now())

    async def mark_expired(self, body: CommandBody) -> None:
        """It waited too long for the link."""
        async with self._pool.acquire() as connection:
            await connection.execute(_EXPIRED, body.id, self._clock.now(), "not_sent")
        metrics.COMMANDS.labels(body.op, CommandState.EXPIRED).inc()

    async def give_up(self) -> None:
        """Commands nobody answered are expired."""
        latest = from_ms(self._clock.now_ms() - UNANSWERED_AFTER_MS)
        async with self._pool.acquire() as connection:
            for row in await connection.fetch(_UNANSWERED, self._clock.now(), latest):
                metrics.COMMANDS.labels(row["op"], CommandState.EXPIRED).inc()

    async def sites_waiting(self) -> list[str]:
        """Sites for which a command waits."""
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(
                "SELECT DISTINCT site FROM device_commands WHERE state = 'queued'"
            )
        return [row["site"] for row in rows]

    async def follow(
        self, connection: Connection, events: Sequence[StoredEvent]
    ) -> Sequence[Event]:
        """Note what devices answered; a follower of mqtt.store.EventStore."""
        for event in events:
            if event.kind != codes.COMMAND:
                continue
            answer = command_result(event.facts())
            if answer is None:
                continue
            command, state, result = answer
            row = await connection.fetchrow(
                _ANSWERED, command, event.site, state, result, self._clock.now()
            )
            if row is not None:
                metrics.COMMANDS.labels(row["op"], state).inc()
        return ()
