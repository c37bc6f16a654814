"""From the outbox to a handler: order, one leader, and nothing lost when Valkey forgets."""

import asyncio
import time

import asyncpg
from redis.asyncio.client import PubSub
from sqlalchemy import text

from cloud.events import relay as relay_module
from cloud.events.outbox import WAKE_CHANNEL, Wakeup
from tests.cloud.events.conftest import Stage, eventually, eventually_counted, running


class Heard:
    """A handler that notes every delivery."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.ids: list[object] = []

    @property
    def in_effect(self) -> list[int]:
        """Each event once: a relay that dies between publishing and marking publishes again."""
        return list(dict.fromkeys(self.numbers))

    async def __call__(self, event) -> None:
        self.numbers.append(event.read(dict)["n"])
        self.ids.append(event.id)


async def test_a_committed_event_reaches_its_group_and_a_rolled_back_one_does_not(stage: Stage):
    heard = Heard()
    bus = stage.bus("stays", heard)
    async with running(stage.relay(bus).run(), bus.run()):
        await stage.tell(1)
        async with stage.database.session() as session:
            stage.outbox.add(session, stage.outbox.event("parking", "k", "numbered", {"n": 2}))
            await session.flush()
            await session.rollback()
        await stage.tell(3)
        await eventually(lambda: 3 in heard.numbers)
    assert heard.numbers == [1, 3]


async def test_an_event_arrives_with_everything_it_was_told_with(stage: Stage):
    got = []

    async def note(event) -> None:
        got.append(event)

    bus = stage.bus("stays", note)
    async with running(stage.relay(bus).run(), bus.run()):
        (told,) = await stage.tell(5)
        await eventually(lambda: got)
    assert got == [told]


async def test_events_of_one_key_keep_their_order(stage: Stage):
    heard = Heard()
    bus = stage.bus("stays", heard)
    async with running(stage.relay(bus).run(), bus.run()):
        await stage.tell(*range(200))
        await eventually(lambda: len(heard.numbers) >= 200)
    assert heard.numbers == list(range(200))


async def test_a_transaction_that_commits_late_is_found_although_higher_ids_went_out(stage: Stage):
    heard = Heard()
    bus = stage.bus("stays", heard)
    async with running(stage.relay(bus).run(), bus.run()):
        async with stage.database.session() as slow:
            stage.outbox.add(slow, stage.outbox.event("parking", "k", "numbered", {"n": 1}))
            await slow.flush()  # the lower id is drawn here
            await stage.tell(2)
            await eventually(lambda: heard.numbers == [2])
        await eventually(lambda: heard.numbers == [2, 1])


async def test_an_event_of_a_bare_connection_arrives_too(stage: Stage):
    heard = Heard()
    bus = stage.bus("stays", heard)
    events = [stage.outbox.event("parking", "k", "numbered", {"n": n}) for n in range(3)]
    async with running(stage.relay(bus).run(), bus.run()):
        async with stage.database.pool.acquire() as connection, connection.transaction():
            await stage.outbox.add_many(connection, events)
        stage.outbox.committed()
        await eventually(lambda: len(heard.numbers) == 3)
    assert heard.numbers == [0, 1, 2]


async def test_a_wake_up_beats_the_poll_also_from_another_process(stage: Stage, monkeypatch):
    monkeypatch.setattr(relay_module, "POLL_S", 60.0)
    heard = Heard()
    bus = stage.bus("stays", heard)
    elsewhere = Stage(stage.settings, stage.database, stage.redis)
    async with running(stage.relay(bus).run(), bus.run()):
        await stage.tell(1)
        await eventually(lambda: heard.numbers == [1])
        await elsewhere.tell(2)
        started = time.monotonic()
        await eventually(lambda: heard.numbers == [1, 2])
        assert time.monotonic() - started < 30
    await elsewhere.streams.aclose()


async def test_many_commits_are_told_in_few_messages_and_the_last_is_always_told(stage: Stage):
    turns: asyncio.Queue[None] = asyncio.Queue()
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await turns.get()

    async def heard(channel: PubSub) -> int:
        """Messages until there is none for a while."""
        count = 0
        while await channel.get_message(timeout=0.2):
            count += 1
        return count

    wakeup = Wakeup(stage.redis, sleep)
    async with stage.redis.pubsub(ignore_subscribe_messages=True) as channel:
        await channel.subscribe(WAKE_CHANNEL)
        assert await heard(channel) == 0
        wakeup.notify()
        await eventually(lambda: slept)
        assert await heard(channel) == 1
        for _ in range(500):
            wakeup.notify()
        turns.put_nowait(None)
        await eventually(lambda: len(slept) == 2)
        assert await heard(channel) == 1
        turns.put_nowait(None)
        assert await heard(channel) == 0
        wakeup.notify()
        turns.put_nowait(None)
        assert await heard(channel) == 1


async def test_one_relay_leads_and_another_takes_over(stage: Stage):
    heard = Heard()
    bus = stage.bus("stays", heard)
    first = asyncio.ensure_future(stage.relay().run())
    await eventually(lambda: stage.wakeup.is_relay_here)
    standby = Stage(stage.settings, stage.database, stage.redis)
    async with running(standby.relay().run(), bus.run()):
        await stage.tell(1)
        await eventually(lambda: heard.numbers == [1])
        assert not standby.wakeup.is_relay_here
        first.cancel()
        await asyncio.wait([first])
        await stage.tell(2)
        await eventually(lambda: heard.in_effect == [1, 2])
        assert standby.wakeup.is_relay_here
    await standby.streams.aclose()


async def test_a_leader_whose_connection_is_cut_leads_again(stage: Stage):
    heard = Heard()
    bus = stage.bus("stays", heard)
    async with running(stage.relay(bus).run(), bus.run()):
        await stage.tell(1)
        await eventually(lambda: heard.numbers == [1])
        async with stage.database.session() as session:
            await session.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_locks "
                    "WHERE locktype = 'advisory' AND granted"
                )
            )
        await stage.tell(2)
        await eventually(lambda: heard.in_effect == [1, 2])


async def test_a_leader_whose_connection_is_ending_leads_again(stage: Stage, monkeypatch):
    """What asyncpg says of a statement while it reads why the database ends the connection."""
    relay_once, failed = relay_module.Relay._relay_once, []

    async def ending_once(relay, connection):
        if not failed:
            failed.append(connection)
            raise asyncpg.InternalClientError("another operation (2) is in progress")
        return await relay_once(relay, connection)

    monkeypatch.setattr(relay_module.Relay, "_relay_once", ending_once)
    heard = Heard()
    bus = stage.bus("stays", heard)
    async with running(stage.relay(bus).run(), bus.run()):
        await stage.tell(1)
        await eventually(lambda: heard.in_effect == [1])
    assert failed


async def test_what_an_emptied_store_forgot_is_published_again(stage: Stage):
    heard = Heard()
    bus = stage.bus("stays", heard)
    async with running(stage.relay().run()):
        await stage.tell(1, 2, 3)
        await eventually_published(stage, 3)
    await stage.redis.flushall()  # before any group had read them
    async with running(stage.relay().run(), bus.run()):
        await eventually(lambda: heard.numbers == [1, 2, 3])


async def test_only_what_came_after_the_remembered_batch_is_published_again(stage: Stage):
    heard = Heard()
    bus = stage.bus("stays", heard)
    async with running(stage.relay().run(), bus.run()):
        await stage.tell(1)
        await eventually(lambda: heard.numbers == [1])
        remembered = (await bus.standing()).batch
        await stage.tell(2)
        await eventually_published(stage, 2)
    # What a restart from an older append log looks like: another run, an older batch number.
    await stage.redis.set("curb:{events}:batch", remembered)
    await stage.redis.set("curb:{events}:generation", "another")
    async with running(stage.relay().run(), bus.run()):
        await eventually(lambda: heard.numbers.count(2) == 2)
    assert heard.numbers == [1, 2, 2]


async def test_published_rows_are_purged_when_old(stage: Stage, monkeypatch):
    monkeypatch.setattr(relay_module, "KEPT_MINUTES", 0)
    async with running(stage.relay().run()):
        await stage.tell(1, 2)
        await eventually_counted(stage, "SELECT count(*) = 0 FROM outbox")


async def eventually_published(stage: Stage, rows: int) -> None:
    published = f"SELECT count(*) = {rows} FROM outbox WHERE batch IS NOT NULL"
    await eventually_counted(stage, published)
