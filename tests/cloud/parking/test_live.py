"""From a stored device event to the people in the lot's room, through the real event stream."""

import asyncio
import time

import msgspec
import pytest

from cloud.app import running, wire_features
from cloud.devices.events import DEVICE_EVENT, TOPIC, StoredEvent
from cloud.events.outbox import Outbox, Wakeup
from cloud.kit.feature import ProcessRole
from cloud.realtime.history import RoomHistory
from protocols.portable import codes
from tests.cloud.parking.conftest import World

pytestmark = pytest.mark.timeout(90)


async def passages_told(world: World) -> int:
    reading = await RoomHistory(world.kit.redis).read("lot:elm", epoch="", after=0)
    place = await RoomHistory(world.kit.redis).read("lot:elm", epoch=reading.epoch, after=0)
    frames = [msgspec.json.decode(frame) for frame in place.frames or ()]
    return sum(frame["event"] == "passage" for frame in frames)


async def test_a_passage_reaches_its_lots_room_by_way_of_the_stream(world: World) -> None:
    kit = world.kit
    outbox = Outbox(ids=kit.ids, clock=kit.clock, wakeup=Wakeup(kit.redis))
    driver = await world.driver()

    async def store(event: StoredEvent) -> None:
        async with kit.database.session() as session:
            outbox.add(session, outbox.event(TOPIC, f"device:{event.device}", DEVICE_EVENT, event))

    roles = frozenset({ProcessRole.RELAY, ProcessRole.PARKING})
    async with running(kit, wire_features(kit), roles):
        for event in world.entry.lets_through(world.clock.now(), driver.uid, codes.WALK_UP):
            await store(event)
        give_up_at = time.monotonic() + 60
        while await passages_told(world) == 0:
            assert time.monotonic() < give_up_at, "Nobody was told of the passage."
            await asyncio.sleep(0.02)
    (stay,) = await world.rows("SELECT state, user_id FROM stays")
    assert (stay["state"], stay["user_id"]) == ("open", driver.id)
    assert await world.rows("SELECT 1 FROM dead_letters") == []
