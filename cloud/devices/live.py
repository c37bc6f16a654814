"""The live room `site:{id}`: who may watch a site, what they see at first, what they are told."""

import asyncio
from typing import Any, Final, Protocol

import msgspec
import structlog

from cloud.accounts.user import Role, User
from cloud.devices.alerts.schemas import Alert
from cloud.devices.events import StoredEvent
from cloud.devices.gates.schemas import Gate
from cloud.devices.mqtt import metrics
from cloud.devices.sites.schemas import Site
from cloud.events.cancelled import end_if_cancelled
from cloud.kit.redis import RedisError
from cloud.realtime.hub import Hub

KIND: Final = "site"
GATE_CHANGED: Final = "gate.changed"
"""A gate's health is different: gates.schemas.GateHealth with `gate`."""
SITE_CHANGED: Final = "site.changed"
"""A site came, went or reported something new: `site`, `online` and parts of its health."""
EVENT: Final = "device.event"
"""Something happened at a lane: devices.events.StoredEvent."""
ALERT: Final = "alert.changed"
"""alerts.schemas.Alert."""

WAITING_MAX: Final = 10_000
"""Events that may wait to be told; a site that catches up after a day away is not live anyway."""
_WATCHERS: Final = (Role.OPERATOR, Role.TECHNICIAN, Role.ADMIN, Role.AUDITOR)

log = structlog.get_logger()


def site_room(site: str) -> str:
    """The name of a site's room."""
    return f"{KIND}:{site}"


class Live(Protocol):
    """Carries room events to whoever watches; losing one must not matter to the facts."""

    async def publish(self, room: str, event: str, data: Any, *, key: str = "") -> None:  # noqa: ANN401 - any struct
        """Tell a room. The same key again tells nobody twice."""
        ...


class NobodyWatches:
    """For a process without live rooms."""

    async def publish(self, room: str, event: str, data: Any, *, key: str = "") -> None:  # noqa: ANN401
        """Nothing."""


class RoomLive:
    """Tells the rooms of cloud/realtime; while Redis is away, nobody watches."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._is_away = False

    async def publish(self, room: str, event: str, data: Any, *, key: str = "") -> None:  # noqa: ANN401
        """Tell a room."""
        try:
            await self._hub.publish(room, event, data, key=key)
        except (RedisError, OSError) as error:
            if not self._is_away:
                log.warning("watchers_hear_nothing", error=repr(error))
            self._is_away = True
        else:
            self._is_away = False


class SiteSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """What one sees on coming into a site's room."""

    site: Site
    gates: list[Gate]
    alerts: list[Alert]


class SnapshotSource(Protocol):
    """Who draws a site as it is now: Devices."""

    async def has_site(self, site: str) -> bool:
        """Whether there is one of this id."""
        ...

    async def site_snapshot(self, site: str) -> SiteSnapshot:
        """The site with its gates and open alerts, from committed data."""
        ...


class SiteRoom:
    """The kind of room that realtime is given."""

    name = KIND
    is_personal = False

    def __init__(self, source: SnapshotSource) -> None:
        self._source = source

    async def may_join(self, user: User, key: str) -> bool:
        """Staff may watch any site."""
        return user.has(*_WATCHERS) and await self._source.has_site(key)

    async def snapshot(self, key: str) -> SiteSnapshot:
        """The site now."""
        return await self._source.site_snapshot(key)


class EventTeller:
    """Tells watchers of stored events, beside the storing: a slow Redis must not slow the acks."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._waiting: asyncio.Queue[StoredEvent] = asyncio.Queue(WAITING_MAX)

    def tell(self, events: list[StoredEvent]) -> None:
        """Events were committed; returns at once."""
        for event in events:
            try:
                self._waiting.put_nowait(event)
            except asyncio.QueueFull:
                metrics.UNTOLD.inc()

    async def run(self) -> None:
        """Tell, in order, until cancelled."""
        while True:
            end_if_cancelled()
            event = await self._waiting.get()
            key = f"{event.device}/{event.boot}/{event.seq}"
            await self._live.publish(site_room(event.site), EVENT, event, key=key)
