"""Where payloads go that cannot be taken for facts: kept with the reason, and told to a person."""

import hashlib
from collections.abc import Sequence
from typing import Final

from cloud.devices.alerts.book import AlertBook
from cloud.devices.alerts.rules import QUARANTINED, Raise
from cloud.devices.database import Connection, Pool, transaction
from cloud.devices.mqtt.decode import BadPayload
from cloud.events.event import Event
from cloud.events.outbox import Outbox
from cloud.kit.clock import Clock
from cloud.kit.ids import Ids
from protocols.enrolment import site_common_name

_ADD: Final = """
INSERT INTO device_quarantine (id, site, device, reason, detail, payload, digest, received_at)
SELECT *, $8 FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[],
                         $6::bytea[], $7::bytea[])
ON CONFLICT DO NOTHING
RETURNING digest
"""
_DETAIL_CHARS_MAX: Final = 300


class Quarantine:
    """Sets payloads aside. The same bytes of one site are kept, and told, once."""

    def __init__(self, *, alerts: AlertBook, outbox: Outbox, ids: Ids, clock: Clock) -> None:
        self._alerts = alerts
        self._outbox = outbox
        self._ids = ids
        self._clock = clock

    async def add(
        self, connection: Connection, bad: Sequence[tuple[str, BadPayload]]
    ) -> list[Event]:
        """Keep (site, payload) pairs in this transaction; returns what to tell of them."""
        if not bad:
            return []
        digests = [hashlib.sha256(payload.payload).digest() for _, payload in bad]
        rows = await connection.fetch(
            _ADD,
            [self._ids.new() for _ in bad],
            [site for site, _ in bad],
            [payload.device for _, payload in bad],
            [payload.reason for _, payload in bad],
            [_storable(payload.detail) for _, payload in bad],
            [payload.payload for _, payload in bad],
            digests,
            self._clock.now(),
        )
        new = {row["digest"] for row in rows}
        causes = {
            (site, payload.device or site_common_name(site), payload.reason): payload
            for (site, payload), digest in zip(bad, digests, strict=True)
            if digest in new
        }
        # The reason is the key: a flood of one kind is one alert until somebody looks.
        raised = await self._alerts.change(
            connection,
            [
                Raise(site, device, QUARANTINED, reason, {"detail": _storable(payload.detail)})
                for (site, device, reason), payload in causes.items()
            ],
        )
        return [self._alerts.fact(alert) for alert in raised]

    async def add_one(self, pool: Pool, site: str, bad: BadPayload) -> None:
        """Set one payload aside in a transaction of its own."""
        async with transaction(pool) as connection:
            if not await connection.fetchval("SELECT 1 FROM sites WHERE id = $1", site):
                return
            await self._outbox.add_many(connection, await self.add(connection, [(site, bad)]))
        self._outbox.committed()


def _storable(text: str) -> str:
    return text.replace("\x00", "?").encode(errors="replace").decode()[:_DETAIL_CHARS_MAX]
