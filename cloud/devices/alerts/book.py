"""Writes alerts, in whatever transaction their cause is written."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from cloud.devices.alerts.rules import Change, Raise, alerts_of_event
from cloud.devices.alerts.schemas import Alert
from cloud.devices.database import Connection
from cloud.devices.events import ALERT, TOPIC, StoredEvent
from cloud.events.event import Event
from cloud.events.outbox import Outbox
from cloud.kit.clock import Clock
from cloud.kit.ids import Ids

DETAIL_BYTES_MAX: Final = 4096
_RAISE: Final = """
INSERT INTO device_alerts (id, site, device, kind, key, detail, raised_at)
VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7)
ON CONFLICT DO NOTHING
RETURNING id, site, device, kind, detail, raised_at, cleared_at,
    acknowledged_at, acknowledged_by, note
"""
_CLEAR: Final = """
UPDATE device_alerts SET cleared_at = $4
WHERE device = $1 AND kind = $2 AND key = $3 AND cleared_at IS NULL
RETURNING id, site, device, kind, detail, raised_at, cleared_at,
    acknowledged_at, acknowledged_by, note
"""


class AlertBook:
    """Raises and clears."""

    def __init__(self, *, outbox: Outbox, ids: Ids, clock: Clock) -> None:
        self._outbox = outbox
        self._ids = ids
        self._clock = clock

    async def follow(
        self, connection: Connection, events: Sequence[StoredEvent]
    ) -> Sequence[Event]:
        """What new events change about the alerts; a follower of mqtt.store.EventStore."""
        changes = [change for event in events for change in alerts_of_event(event)]
        alerts = await self.change(connection, changes)
        return [self.fact(alert) for alert in alerts]

    async def change(self, connection: Connection, changes: Iterable[Change]) -> list[Alert]:
        """Apply changes, those of one alert in order; returns the alerts that are different now.

        Every transaction takes alerts in the same order: a site's report and its events change the
        same ones side by side, and would else wait for each other.
        """
        alerts = []
        for change in sorted(changes, key=lambda each: (each.device, each.kind, each.key)):
            now = self._clock.now()
            if isinstance(change, Raise):
                row = await connection.fetchrow(
                    _RAISE,
                    self._ids.new(),
                    change.site,
                    change.device,
                    change.kind,
                    change.key,
                    _detail_json(change.detail),
                    now,
                )
            else:
                row = await connection.fetchrow(_CLEAR, change.device, change.kind, change.key, now)
            if row is not None:
                alerts.append(_alert(row))
        return alerts

    def fact(self, alert: Alert) -> Event:
        """The event that tells of a changed alert."""
        return self._outbox.event(TOPIC, f"site:{alert.site}", ALERT, alert)


def _detail_json(detail: object) -> str:
    encoded = msgspec.json.encode(detail)
    return encoded.decode() if len(encoded) <= DETAIL_BYTES_MAX else '{"truncated":true}'


def _alert(row: Any) -> Alert:  # noqa: ANN401 - an asyncpg.Record
    fields = dict(row)
    fields["detail"] = msgspec.json.decode(fields["detail"])
    return Alert(**fields)
