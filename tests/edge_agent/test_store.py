"""Work shares commits, fails alone, and is on the disk when it says so."""

import asyncio
import sqlite3

import pytest

from edge_agent.store import QUEUE_MAX, Store, StoreError, get_meta, set_meta
from tests.edge_agent.conftest import running_store


async def test_much_work_takes_few_commits(store):
    await asyncio.gather(*(store.run(lambda c, n=n: set_meta(c, f"k{n}", n)) for n in range(1000)))
    assert await store.run(lambda c: c.execute("SELECT count(*) FROM meta").fetchone()) == (1000,)
    assert store.commits < 100


async def test_what_was_awaited_is_there_for_another_process(store):
    await store.run(lambda c: set_meta(c, "key", "value"))
    with sqlite3.connect(f"file:{store.path}?mode=ro", uri=True) as other:
        assert get_meta(other, "key") == "value"
    other.close()


async def test_work_that_the_database_refuses_fails_alone(store):
    good = [store.post(lambda c, n=n: set_meta(c, f"k{n}", n)) for n in range(3)]
    bad = store.post(lambda c: c.execute("INSERT INTO nowhere VALUES (1)"))
    good += [store.post(lambda c, n=n: set_meta(c, f"k{n}", n)) for n in range(3, 6)]
    with pytest.raises(StoreError, match="nowhere"):
        await bad
    await asyncio.gather(*good)
    assert await store.run(lambda c: c.execute("SELECT count(*) FROM meta").fetchone()) == (6,)


async def test_refused_work_leaves_nothing_behind(store):
    def half(connection):
        set_meta(connection, "half", 1)
        connection.execute("INSERT INTO nowhere VALUES (1)")

    with pytest.raises(StoreError):
        await store.run(half)
    assert await store.run(lambda c: get_meta(c, "half")) is None


async def test_a_full_disk_refuses_and_later_takes_again(store):
    (pages,) = await store.run(lambda c: c.execute("PRAGMA page_count").fetchone())
    await store.run(lambda c: c.execute(f"PRAGMA max_page_count = {pages + 1}").fetchone())
    with pytest.raises(StoreError, match="full"):
        await store.run(lambda c: set_meta(c, "big", "x" * 1_000_000))
    await store.run(lambda c: c.execute("PRAGMA max_page_count = 100000").fetchone())
    await store.run(lambda c: set_meta(c, "big", "x" * 1_000_000))


async def test_a_bug_in_work_ends_the_owner(tmp_path):
    store = Store(tmp_path / "agent.sqlite3")
    owner = asyncio.create_task(store.run_forever())
    store.post(lambda _: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        await owner
    store.close()


async def test_a_queue_without_end_is_refused(tmp_path):
    store = Store(tmp_path / "agent.sqlite3")
    for _ in range(QUEUE_MAX):
        store.post(lambda _: None)
    with pytest.raises(StoreError, match="wait"):
        await store.run(lambda _: None)
    store.close()


async def test_what_was_posted_before_the_end_is_committed(tmp_path):
    async with running_store(tmp_path) as store:
        for number in range(600):
            store.post(lambda c, n=number: set_meta(c, f"k{n}", n))
    async with running_store(tmp_path) as store:
        assert store.read_now(lambda c: c.execute("SELECT count(*) FROM meta").fetchone()) == (600,)


def test_a_database_of_a_later_agent_is_left_alone(tmp_path):
    path = tmp_path / "agent.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreError, match="later"):
        Store(path)


def test_a_file_that_is_no_database_is_said_so(tmp_path):
    path = tmp_path / "agent.sqlite3"
    path.write_bytes(b"not a database, whatever its name says" * 100)
    with pytest.raises(StoreError, match=r"agent\.sqlite3"):
        Store(path)
