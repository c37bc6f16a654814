"""What the live room `site:{id}` tells; who carries it is a port."""

from typing import Any, Final, Protocol

GATE_CHANGED: Final = "gate.changed"
"""A gate's health is different: gates.schemas.GateHealth with `gate`."""
SITE_CHANGED: Final = "site.changed"
"""A site came, went or reported something new: sites.schemas.SiteHealth with `site`."""
EVENT: Final = "device.event"
"""Something happened at a lane: devices.events.StoredEvent."""
ALERT: Final = "alert.changed"
"""alerts.schemas.Alert."""


def site_room(site: str) -> str:
    """The name of a site's room."""
    return f"site:{site}"


class Live(Protocol):
    """Carries room events to whoever watches; losing one must not matter to the facts."""

    async def publish(self, room: str, event: str, data: Any) -> None:  # noqa: ANN401 - any msgspec struct
        """Tell a room."""
        ...


class NobodyWatches:
    """For a process without live rooms."""

    async def publish(self, room: str, event: str, data: Any) -> None:  # noqa: ANN401
        """Nothing."""
