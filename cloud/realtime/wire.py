"""How realtime joins the others."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from cloud.accounts.access import Authenticator
from cloud.events.wire import Events
from cloud.kit.feature import Feature, Kit, NamedTask, ProcessRole
from cloud.kit.redis import redis_client
from cloud.realtime.hub import Hub
from cloud.realtime.notices import GROUP, TOPIC, Notices, RoomTeller
from cloud.realtime.rooms import Rooms
from cloud.realtime.routes import LiveConnections, live_route


class Realtime:
    """What higher features are given.

    rooms: add a kind of room before the first connection.
    notices: tell a room what a transaction did, if it commits.
    hub: `await hub.publish(room, event, data)` for what is in no transaction.
    """

    def __init__(self, kit: Kit, events: Events) -> None:
        self.listening = redis_client(kit.settings.redis_url)
        self.listening.set_retry(Retry(NoBackoff(), 0))
        self.rooms = Rooms()
        self.notices = Notices(events.outbox)
        self.hub = Hub(
            redis=kit.redis,
            listening=self.listening,
            rooms=self.rooms,
            clock=kit.clock,
            draw=random.SystemRandom().random,
        )
        events.bus.subscribe(GROUP, RoomTeller(self.hub), topics=[TOPIC])


def wire(kit: Kit, realtime: Realtime, authenticator: Authenticator) -> Feature:
    """`/ws` and what keeps it going."""
    connections = LiveConnections(realtime.hub, authenticator, kit.real_clock)

    @asynccontextmanager
    async def listening() -> AsyncIterator[None]:
        try:
            yield
        finally:
            await realtime.listening.aclose()

    return Feature(
        "realtime",
        routes=(live_route(connections),),
        resources=(listening,),
        tasks=(
            NamedTask("rooms", ProcessRole.API, realtime.hub.run),
            NamedTask("live-connections", ProcessRole.API, connections.run),
        ),
    )
