"""The facts of this feature that others may react to, as events of the topic `devices`.

Subscribe in app.py: `bus.subscribe("my-group", handler, topics={devices.events.TOPIC})`.
"""

from typing import Any, Final

import msgspec

TOPIC: Final = "devices"

DEVICE_EVENT: Final = "devices.event"
"""A device's event was stored, for the first and only time; payload StoredEvent, key
`device:{device}`, so that the events of one device arrive in its order."""
ALERT: Final = "devices.alert"
"""An alert was raised, acknowledged or cleared; payload alerts.schemas.Alert, key `site:{site}`."""
SITE_ONLINE: Final = "devices.site_online"
"""A site came or went; payload SiteConnection, key `site:{site}`."""


class StoredEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A protocols.site.Event as it was stored, with the site it came through.

    data: raw JSON; `facts()` reads it.
    """

    site: str
    device: str
    boot: int
    seq: int
    at_ms: int | None
    heard_ms: int
    clock: str
    kind: str
    data: msgspec.Raw

    def facts(self) -> dict[str, Any]:
        """The event's own fields."""
        facts: dict[str, Any] = msgspec.json.decode(self.data)
        return facts


class SiteConnection(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a site's agent is connected to the cloud."""

    site: str
    online: bool
