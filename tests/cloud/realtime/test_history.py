"""A room's history in a real Valkey: numbers without gaps, repetitions, places, and a new epoch."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from cloud.kit.redis import Redis, redis_client
from cloud.realtime import history as history_module
from cloud.realtime.history import RoomHistory
from launcher.engines.valkey import Valkey
from protocols.realtime import decode_from_server, event_frame_parts
from tests.support.engines import running_valkey

PARTS = event_frame_parts(room="lot:elm", event="e", at_ms=0, data=msgspec.Raw(b'{"n":1}'))


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = redis_client(redis_url)
    yield client
    await client.aclose()


async def test_events_are_numbered_without_gaps_however_many_tell_at_once(redis: Redis):
    history = RoomHistory(redis)
    start = await history.read("lot:elm")
    told = await asyncio.gather(*(history.append("lot:elm", PARTS, key="") for _ in range(100)))
    assert sorted(told) == list(range(1, 101))
    reading = await history.read("lot:elm", epoch=start.epoch, after=40)
    assert reading.frames is not None
    assert [decode_from_server(frame).seq for frame in reading.frames] == list(range(41, 101))


async def test_a_repetition_is_told_once(redis: Redis):
    history = RoomHistory(redis)
    told = [await history.append("lot:elm", PARTS, key=key) for key in ("a", "b", "a", "", "")]
    assert told == [1, 2, 2, 3, 4]
    assert (await history.places(["lot:elm", "lot:none"]))[0][1] == 4


@pytest.mark.parametrize(("epoch", "after"), [("other", 2), ("", 2), (None, 6)])
async def test_a_place_that_is_not_known_has_no_frames(redis: Redis, epoch, after):
    history = RoomHistory(redis)
    for _ in range(5):
        await history.append("lot:elm", PARTS, key="")
    known = await history.read("lot:elm")
    reading = await history.read(
        "lot:elm", epoch=known.epoch if epoch is None else epoch, after=after
    )
    assert (reading.seq, reading.frames) == (5, None)


async def test_history_is_bounded_and_too_old_a_place_has_no_frames(redis: Redis, monkeypatch):
    monkeypatch.setattr(history_module, "HISTORY_EVENTS_MAX", 100)
    history = RoomHistory(redis)
    for _ in range(400):
        await history.append("lot:elm", PARTS, key="")
    start = await history.read("lot:elm")
    assert (await history.read("lot:elm", epoch=start.epoch, after=10)).frames is None
    recent = await history.read("lot:elm", epoch=start.epoch, after=310)
    assert recent.frames is not None
    assert len(recent.frames) == 90
    assert 100 <= await redis.xlen("curb:room:{lot:elm}:log") <= 300


async def test_lost_keys_start_a_new_epoch(redis: Redis):
    history = RoomHistory(redis)
    await history.append("lot:elm", PARTS, key="")
    before = await history.read("lot:elm")
    await redis.flushall()
    await history.append("lot:elm", PARTS, key="")
    after = await history.read("lot:elm", epoch=before.epoch, after=1)
    assert after.epoch != before.epoch
    assert (after.seq, after.frames) == (1, None)


async def test_a_restart_starts_a_new_epoch_although_the_keys_are_still_there(tmp_path):
    with running_valkey() as valkey:
        redis = redis_client(valkey.url)
        history = RoomHistory(redis)
        for _ in range(3):
            await history.append("lot:elm", PARTS, key="k")
        before = await history.read("lot:elm")
        await redis.save()
        await asyncio.to_thread(restart, valkey)
        assert await redis.exists("curb:room:{lot:elm}:log")
        after = await history.read("lot:elm", epoch=before.epoch, after=before.seq)
        assert after.epoch != before.epoch
        assert (after.seq, after.frames) == (0, None)
        await redis.aclose()


def restart(valkey: Valkey) -> None:
    valkey.stop()
    valkey.run()
