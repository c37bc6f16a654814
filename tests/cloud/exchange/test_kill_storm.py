"""kill -9 of the process that leads, under load: no acknowledged order is lost or done twice."""

import asyncio
import signal
import time
from collections import Counter
from pathlib import Path

import asyncpg
import pytest

from benchmarks._cloud import Engines
from benchmarks._kill_storm import Book, Member, storm
from benchmarks._venue import Trader, prepare
from cloud.exchange.journal import read_batches
from cloud.exchange.public_ids import order_uuid
from cloud.exchange.recovery import recover
from tests.cloud.exchange.test_tables_follow_the_journal import check_books, replay

SYMBOLS = 4


@pytest.fixture
def environment(database_url: str, redis_url: str, tmp_path: Path) -> dict[str, str]:
    return {
        "CURB_DATABASE_URL": database_url,
        "CURB_REDIS_URL": redis_url,
        "CURB_DATA_DIR": str(tmp_path),
    }


async def prepared(environment: dict[str, str]) -> Trader:
    engines = Engines(environment, None)  # type: ignore[arg-type] # no broker is needed
    (trader,) = await prepare(engines, traders=1, symbols=SYMBOLS)
    return trader


async def check(database_url: str, book: Book) -> None:
    """The books, the journal and what the client was told are one story."""
    assert not book.wrong
    connection = await asyncpg.connect(database_url)
    try:
        rows = await connection.fetch("SELECT id, client_order_id FROM orders ORDER BY id")
        assert {row["client_order_id"]: str(order_uuid(row["id"])) for row in rows} == {
            f"bench-{number}": public for number, public in book.ids.items()
        }
        assert sorted(book.ids) == list(range(1, book.sent + 1))
        names: Counter[str] = Counter()
        async for batch in read_batches(connection):
            for entry in batch.entries:
                names.update(entry.client_order_ids)
        assert set(names.values()) == {1}, "an order was done twice"
        assert len(names) == book.sent
        engine, *_ = await replay(connection)
        await check_books(connection, engine)
        assert (await recover(connection)).engine.state_hash() == engine.state_hash()
    finally:
        await connection.close()


@pytest.mark.system
async def test_five_kills_lose_and_double_nothing(
    environment: dict[str, str], database_url: str
) -> None:
    trader = await prepared(environment)
    book, took_s = await storm(environment, trader, symbols=SYMBOLS, kills=5, seed=1)
    assert len(took_s) == 5
    assert book.retried > 0
    assert book.repeats > 0
    await check(database_url, book)


@pytest.mark.slow
@pytest.mark.timeout(7_200)
async def test_two_hundred_kills_lose_and_double_nothing(
    environment: dict[str, str], database_url: str
) -> None:
    trader = await prepared(environment)
    book, took_s = await storm(environment, trader, symbols=SYMBOLS, kills=200, seed=2)
    assert len(took_s) == 200
    assert book.found_done > 0, "no kill fell between a commit and its answer"
    await check(database_url, book)


@pytest.mark.system
async def test_a_leader_that_hangs_is_replaced_within_five_seconds_and_writes_nothing_more(
    environment: dict[str, str], database_url: str
) -> None:
    trader = await prepared(environment)
    members = [Member(environment)]
    try:
        await members[0].told("exchange_leads")
        members.append(Member(environment))
        await members[1].told("exchange_recovered")
        members[0].send_signal(signal.SIGSTOP)
        hung_s = time.monotonic()
        await members[1].told("exchange_leads", 10)
        assert time.monotonic() - hung_s < 5
        members[0].send_signal(signal.SIGCONT)
        deadline_s = time.monotonic() + 30
        while members[0].exit_status() is None:
            assert time.monotonic() < deadline_s, "it must stop: it leads no more"
            await asyncio.sleep(0.05)
        assert members[0].exit_status() != 0
        connection = await asyncpg.connect(database_url)
        assert (await recover(connection)).engine.sequence > 0
        await connection.close()
    finally:
        for member in members:
            member.end()
    assert trader.portfolio_id
