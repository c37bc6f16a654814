"""One event that PostgreSQL will never take holds up nobody for long; an outage loses nothing."""

import asyncio
from typing import Any

import asyncpg
import pytest

from cloud.devices.events import StoredEvent
from cloud.devices.mqtt.ingress import REFUSALS_MAX, Ingress
from cloud.devices.mqtt.store import EventStore, is_poison
from protocols.portable import topics
from tests.cloud.devices.support import batch, event
from tests.cloud.devices.test_store import keys_by_position
from tests.cloud.devices.test_store import store as store  # a fixture

TRIGGER = """
CREATE FUNCTION refuse_poison() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.kind = 'poison' THEN RAISE EXCEPTION 'not this one'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse_poison BEFORE INSERT ON device_events
    FOR EACH ROW EXECUTE FUNCTION refuse_poison();
"""


class Rig:
    """An ingress on a real store; sleeps are counted, not slept."""

    def __init__(self, store: EventStore) -> None:
        self.stored: asyncio.Queue[list[StoredEvent]] = asyncio.Queue()
        self.acks: list[bytes] = []
        self.sleeps = 0
        self.on_sleep: Any = None
        self.ingress = Ingress(
            store,
            publish=self._publish,
            on_stored=self.stored.put_nowait,
            on_bad=self._on_bad,
            on_report=lambda report: None,
            on_online=lambda site, online: None,
            sleep=self._sleep,
        )

    async def run(self, *batches: bytes) -> list[StoredEvent]:
        for payload in batches:
            self.ingress.take(topics.site("elm", topics.SITE_EVENTS), payload)
        running = asyncio.ensure_future(self.ingress.run())
        try:
            return await asyncio.wait_for(self.stored.get(), 30)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    async def _publish(self, topic: str, payload: bytes) -> None:
        self.acks.append(payload)

    async def _on_bad(self, site: str, bad: object) -> None:
        raise AssertionError("nothing here is malformed")

    async def _sleep(self, seconds: float) -> None:
        self.sleeps += 1
        if self.on_sleep is not None:
            await self.on_sleep(self.sleeps)


@pytest.fixture
def rig(store: EventStore) -> Rig:
    return Rig(store)


async def test_an_event_that_a_trigger_refuses_is_set_aside_after_bounded_tries(
    rig: Rig, pool: Any
) -> None:
    await pool.execute(TRIGGER)
    events = [event(seq=0), event(seq=1, kind="poison"), event(seq=2)]
    stored = await rig.run(batch(1, events))
    assert [one.seq for one in stored] == [0, 2]
    assert rig.sleeps == REFUSALS_MAX
    assert await keys_by_position(pool) == [("elm-in", 1, 0), ("elm-in", 1, 2)]
    row = await pool.fetchrow("SELECT reason, detail FROM device_quarantine")
    assert (row["reason"], row["detail"]) == ("not_storable", "not this one")
    assert len(rig.acks) == 1


async def test_what_is_wrong_with_the_database_is_no_events_fault(rig: Rig, pool: Any) -> None:
    await pool.execute("ALTER TABLE device_events RENAME TO mislaid")

    async def repair(sleeps: int) -> None:
        if sleeps == 3 * REFUSALS_MAX:
            await pool.execute("ALTER TABLE mislaid RENAME TO device_events")

    rig.on_sleep = repair
    stored = await rig.run(batch(1, [event(seq=0), event(seq=1)]))
    assert [one.seq for one in stored] == [0, 1]
    assert await pool.fetchval("SELECT count(*) FROM device_quarantine") == 0


async def test_a_refusal_that_passes_sets_nothing_aside(rig: Rig, pool: Any) -> None:
    await pool.execute(TRIGGER)

    async def relent(sleeps: int) -> None:
        if sleeps == REFUSALS_MAX - 1:
            await pool.execute("DROP TRIGGER refuse_poison ON device_events")

    rig.on_sleep = relent
    stored = await rig.run(batch(1, [event(seq=0, kind="poison")]))
    assert [one.seq for one in stored] == [0]
    assert await pool.fetchval("SELECT count(*) FROM device_quarantine") == 0


def test_only_what_was_sent_is_poison() -> None:
    assert is_poison(asyncpg.CheckViolationError("x"))
    assert is_poison(asyncpg.NumericValueOutOfRangeError("x"))
    assert not is_poison(asyncpg.UndefinedTableError("x"))
    assert not is_poison(asyncpg.ReadOnlySQLTransactionError("x"))
    assert not is_poison(asyncpg.DeadlockDetectedError("x"))
