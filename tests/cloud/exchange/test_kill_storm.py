"""kill -9 of the process that leads, under load: no acknowledged order is lost or done twice."""

from collections import Counter
from pathlib import Path

import asyncpg
import pytest

from benchmarks._cloud import Engines
from benchmarks._kill_storm import Book, hang, storm
from benchmarks._venue import Trader, prepare
from cloud.exchange.journal import read_batches
from cloud.exchange.leader import SILENT_S
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
@pytest.mark.timeout(900)
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
@pytest.mark.timeout(900)
async def test_a_leader_that_hangs_is_replaced_and_ends_when_it_wakes(
    environment: dict[str, str], database_url: str
) -> None:
    await prepared(environment)
    took_s, status = await hang(environment)
    assert took_s > SILENT_S - 1, "it was cut off while it still spoke"
    assert status not in (0, -9)
    connection = await asyncpg.connect(database_url)
    try:
        assert (await recover(connection)).engine.sequence > 0
    finally:
        await connection.close()
