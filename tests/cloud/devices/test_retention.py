"""What devices said is forgotten when the settings say so, not before."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from cloud.devices.mqtt.decode import decode_batch
from cloud.devices.mqtt.retention import forget_old
from cloud.devices.mqtt.store import EventStore
from cloud.kit.feature import Kit
from tests.cloud.devices.support import batch, event
from tests.cloud.devices.test_store import store as store  # a fixture


async def test_events_and_what_was_set_aside_are_forgotten_each_at_its_age(
    store: EventStore, kit: Kit, pool: Any
) -> None:
    nonsense = [{"nonsense": number} for number in range(3)]
    await store.store([decode_batch("elm", batch(1, [*map_events(range(7)), *nonsense]))])
    settings = replace(kit.settings, device_events_days=60, device_quarantine_days=10)
    now = kit.clock.now()

    async def left() -> tuple[int, int]:
        return (
            await pool.fetchval("SELECT count(*) FROM device_events"),
            await pool.fetchval("SELECT count(*) FROM device_quarantine"),
        )

    assert await forget_old(pool, settings, now + timedelta(days=9)) == 0
    assert await left() == (7, 3)
    assert await forget_old(pool, settings, now + timedelta(days=11)) == 3
    assert await left() == (7, 0)
    # Also when it takes several rounds.
    assert await forget_old(pool, settings, now + timedelta(days=61), at_once=2) == 7
    assert await left() == (0, 0)


def map_events(seqs: range) -> list[dict[str, Any]]:
    return [event(seq=seq) for seq in seqs]
