"""Groups on Redis Streams: once in effect, shares, take-over, retry, dead letters."""

import asyncio
from collections import Counter

import pytest
from sqlalchemy import text

from cloud.events import partition
from cloud.events import relay as relay_module
from cloud.events.once import exactly_once
from cloud.events.redis_streams import stream_name
from cloud.kit.errors import UnavailableError
from tests.cloud.events.conftest import Stage, eventually, eventually_counted, running


class Numbers:
    """Notes what it handles; `refuse` and `away` say what it fails on, and how often."""

    def __init__(self) -> None:
        self.heard: list[int] = []
        self.refuse: set[int] = set()
        self.away = 0

    async def __call__(self, event) -> None:
        number = event.read(dict)["n"]
        self.heard.append(number)
        if self.away:
            self.away -= 1
            raise UnavailableError("The broker is away.")
        if number in self.refuse:
            raise LookupError(f"There is no lot for {number}.")


async def test_every_group_hears_every_event(stage: Stage):
    stays, audit = Numbers(), Numbers()
    bus = stage.bus("stays", stays)
    bus.subscribe("audit", audit, topics=["parking"])
    async with running(stage.relay(bus).run(), bus.run()):
        await stage.tell(1, 2)
        await eventually(lambda: stays.heard == audit.heard == [1, 2])


async def test_a_group_has_one_handler_and_some_topic(stage: Stage):
    bus = stage.bus("stays", Numbers())
    with pytest.raises(ValueError, match="one handler only"):
        bus.subscribe("stays", Numbers(), topics=["parking"])
    with pytest.raises(ValueError, match="needs topics"):
        bus.subscribe("audit", Numbers(), topics=[])


async def test_two_members_share_the_work_and_keep_each_keys_order(stage: Stage):
    keys = [f"lot:{n}" for n in range(12)]
    heard: list[tuple[str, str, int]] = []

    def member(name: str):
        async def handle(event) -> None:
            heard.append((name, event.key, event.read(dict)["n"]))
            await asyncio.sleep(0)

        return stage.bus("stays", handle)

    one, two = member("one"), member("two")
    async with running(stage.relay(one).run(), one.run(), two.run()):
        # Members find their shares while events flow; no order of a key may suffer from that.
        for n in range(30):
            await asyncio.gather(*(stage.tell(n, key=key) for key in keys))
        await eventually(lambda: len({(key, n) for _, key, n in heard}) == 360)
        await eventually(lambda: len({name for name, _, _ in heard}) == 2)
    for key in keys:
        assert list(dict.fromkeys(n for _, k, n in heard if k == key)) == list(range(30))


async def test_what_a_dead_member_was_given_is_taken_over(stage: Stage):
    started = asyncio.Event()

    async def hang(_) -> None:
        started.set()
        await asyncio.Event().wait()

    dying = asyncio.ensure_future(stage.bus("stays", hang).run())
    survivor = Numbers()
    async with running(stage.relay().run()):
        await stage.tell(1, 2, 3)
        await started.wait()
        # Leases and entries stay behind, as after kill -9: the dying one may not say good-bye.
        await stage.redis.rename("curb:{events}:leases:stays:members", "moved-away")
        dying.cancel()
        await asyncio.wait([dying])
        bus = stage.bus("stays", survivor)
        async with running(bus.run()):
            await eventually(lambda: survivor.heard == [1, 2, 3])


async def test_a_failure_that_passes_is_retried_in_place(stage: Stage):
    numbers = Numbers()
    numbers.away = partition.ATTEMPTS_MAX + 3  # more often than a real failure would be tried
    bus = stage.bus("stays", numbers)
    async with running(stage.relay(bus).run(), bus.run()):
        await stage.tell(1, 2)
        await eventually(lambda: numbers.heard[-1:] == [2])
    assert numbers.heard == [1] * (partition.ATTEMPTS_MAX + 4) + [2]
    assert await stage.dead_letters.waiting() == []


async def test_a_poison_event_is_set_aside_with_its_reason_and_the_rest_go_on(stage: Stage):
    numbers = Numbers()
    numbers.refuse = {2}
    bus = stage.bus("stays", numbers)
    async with running(stage.relay(bus).run(), bus.run()):
        await stage.tell(1, 2, 3)
        await eventually(lambda: numbers.heard[-1:] == [3])
    assert Counter(numbers.heard) == {1: 1, 2: partition.ATTEMPTS_MAX, 3: 1}
    (letter,) = await stage.dead_letters.waiting("stays")
    assert (
        letter.reason == "LookupError: 'There is no lot for 2.'" or "no lot for 2" in letter.reason
    )
    assert (letter.type, letter.payload, letter.attempts) == ("numbered", '{"n":2}', 5)


async def test_a_replayed_letter_reaches_only_the_group_that_failed(stage: Stage):
    failing, other = Numbers(), Numbers()
    failing.refuse = {1}
    bus = stage.bus("stays", failing)
    bus.subscribe("audit", other, topics=["parking"])
    async with running(stage.relay(bus).run(), bus.run()):
        await stage.tell(1)
        await eventually(lambda: len(failing.heard) == partition.ATTEMPTS_MAX)
        while not await stage.dead_letters.waiting():  # noqa: ASYNC110 -- another task's doing
            await asyncio.sleep(0.01)
        failing.refuse.clear()
        assert await stage.dead_letters.replay("stays") == 1
        assert await stage.dead_letters.replay("stays") == 0
        await eventually(lambda: len(failing.heard) == partition.ATTEMPTS_MAX + 1)
        await stage.tell(9)
        await eventually(lambda: other.heard[-1:] == [9])
    assert other.heard == [1, 9]
    assert await stage.dead_letters.waiting() == []


async def test_a_handler_that_hangs_is_cut_off(stage: Stage, monkeypatch):
    monkeypatch.setattr(partition, "HANDLER_TIMEOUT_S", 0.01)
    numbers: list[int] = []

    async def handle(event) -> None:
        number = event.read(dict)["n"]
        if number == 1:
            await asyncio.Event().wait()
        numbers.append(number)

    bus = stage.bus("stays", handle)
    async with running(stage.relay(bus).run(), bus.run()):
        await stage.tell(1, 2)
        await eventually(lambda: numbers == [2])
    (letter,) = await stage.dead_letters.waiting("stays")
    assert "HandlerTimeoutError" in letter.reason


async def test_an_entry_that_is_no_event_is_set_aside(stage: Stage):
    numbers = Numbers()
    bus = stage.bus("stays", numbers)
    stream = stream_name("parking", "lot:elm", 4)
    await stage.redis.xadd(stream, {"e": b"\xffnonsense\x00"})
    async with running(stage.relay(bus).run(), bus.run()):
        await stage.tell(1)
        await eventually(lambda: numbers.heard == [1])
    (letter,) = await stage.dead_letters.waiting("stays")
    assert letter.type == "unreadable"


async def test_deliveries_of_one_event_at_the_same_time_take_effect_once(stage: Stage):
    async with stage.database.session() as session:
        await session.execute(text("CREATE TABLE done (n int)"))

    async def write(session, event) -> None:
        await session.execute(text("INSERT INTO done VALUES (:n)"), event.read(dict))

    handler = exactly_once(stage.database, "stays", write)
    event = stage.outbox.event("parking", "lot:elm", "numbered", {"n": 1})
    await asyncio.gather(*(handler(event) for _ in range(8)))
    assert await stage.database.pool.fetchval("SELECT count(*) FROM done") == 1


async def test_a_handler_that_fails_has_not_consumed(stage: Stage):
    attempts = 0

    async def fail_once(session, event) -> None:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise LookupError("not yet")

    handler = exactly_once(stage.database, "stays", fail_once)
    event = stage.outbox.event("parking", "lot:elm", "numbered", {"n": 1})
    with pytest.raises(LookupError):
        await handler(event)
    await handler(event)
    await handler(event)
    assert attempts == 2


async def test_a_stream_is_cut_to_length(stage: Stage):
    bus = stage.bus(stream_length_max=100)
    async with running(stage.relay(bus).run()):
        async with stage.database.pool.acquire() as connection:
            events = [stage.outbox.event("parking", "k", "numbered", {"n": n}) for n in range(1000)]
            await stage.outbox.add_many(connection, events)
        stage.outbox.committed()
        await eventually_counted(stage, "SELECT count(*) = 0 FROM outbox WHERE batch IS NULL")
    # Redis cuts whole nodes of about 100 entries.
    assert 100 <= await stage.redis.xlen(stream_name("parking", "k", 4)) <= 300


async def test_events_wait_in_the_outbox_for_a_group_that_is_far_behind(stage: Stage, monkeypatch):
    """Nothing is cut off unread, other topics go on, and in the end everything has arrived."""
    monkeypatch.setattr(relay_module, "BATCH_EVENTS_MAX", 100)
    go_on, first = asyncio.Event(), asyncio.Event()
    heard: list[int] = []

    async def slow(event) -> None:
        first.set()
        await go_on.wait()
        heard.append(event.read(dict)["n"])

    other = Numbers()
    bus = stage.bus("stays", slow, stream_length_max=1000)
    bus.subscribe("audit", other, topics=["accounts"])
    async with running(stage.relay(bus).run(), bus.run()):
        await stage.tell(0)
        await first.wait()
        for part in range(10):
            numbers = range(1 + part * 300, 301 + part * 300)
            events = [
                stage.outbox.event("parking", "lot:elm", "numbered", {"n": n}) for n in numbers
            ]
            async with stage.database.pool.acquire() as connection:
                await stage.outbox.add_many(connection, events)
            stage.outbox.committed()
        await eventually_counted(stage, "SELECT count(*) > 1500 FROM outbox WHERE batch IS NULL")
        async with stage.database.pool.acquire() as connection:
            event = stage.outbox.event("accounts", "user:ada", "numbered", {"n": 7})
            await stage.outbox.add_many(connection, [event])
        stage.outbox.committed()
        await eventually(lambda: other.heard == [7])
        go_on.set()
        await eventually(lambda: len(heard) == 3001, within_s=60)
    assert heard == list(range(3001))


async def test_a_group_goes_on_after_the_store_was_emptied_under_it(stage: Stage):
    numbers = Numbers()
    bus = stage.bus("stays", numbers)
    async with running(stage.relay(bus).run(), bus.run()):
        await stage.tell(1)
        await eventually(lambda: numbers.heard == [1])
        await stage.redis.flushall()
        await stage.tell(2)
        await eventually(lambda: 2 in numbers.heard)
