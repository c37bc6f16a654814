"""Whoever takes the journal up anywhere finds what one pass over all of it would have found."""

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from cloud.exchange.journal import JournalError
from cloud.exchange.recovery import rows_after
from cloud.exchange.surveillance.findings import Finding
from cloud.exchange.surveillance.reading import Reading, open_reading
from cloud.exchange.take_snapshot import take
from tests.support.watched_journal import one_pass, store_batches, suspicious_batches
from trading import Engine

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)

Connection = asyncpg.Connection


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[Connection]:
    made = await asyncpg.connect(database_url)
    yield made
    await made.close()


async def read_on(connection: Connection, reading: Reading, count: int) -> list[Finding]:
    """What the next so many batches behind its place bring."""
    for row in await rows_after(connection, reading.sequence, count):
        reading.take(row)
    return reading.findings


@pytest.mark.parametrize("seed", range(4))
async def test_readings_cut_anywhere_find_together_what_one_pass_finds(
    connection: Connection, database_url: str, seed: int
) -> None:
    draw = random.Random(seed)
    batches, engine = suspicious_batches(seed), Engine()
    for day, at in enumerate(range(0, len(batches), 30)):
        await store_batches(connection, batches[at : at + 30], engine)
        await take(database_url, NOW + timedelta(days=day))
    found, place, begins = [], 0, set()
    while place < batches[-1][-1].sequence:
        reading = await open_reading(connection, place)
        begins.add(reading.sequence)
        # To its place once more, and some batches beyond.
        again = sum(reading.sequence < batch[-1].sequence <= place for batch in batches)
        found += await read_on(connection, reading, again + draw.randint(1, 30))
        place = reading.sequence
    assert found == one_pass(batches)
    assert len(begins) > 2, "every reading began at the same snapshot"


async def test_what_the_journal_no_longer_causes_is_not_believed(connection: Connection) -> None:
    batches = suspicious_batches(1, steps=20)
    await store_batches(connection, batches, Engine())
    first = batches[3][0].sequence
    await connection.execute(
        "UPDATE exchange_journal SET events_hash = $1 WHERE first_sequence = $2", b"x" * 16, first
    )
    reading = await open_reading(connection, 0)
    with pytest.raises(JournalError, match=f"Commands {first} to"):
        await read_on(connection, reading, 10)


async def test_a_gap_is_not_read_over(connection: Connection) -> None:
    batches = suspicious_batches(1, steps=20)
    await store_batches(connection, batches, Engine())
    await connection.execute(
        "DELETE FROM exchange_journal WHERE first_sequence = $1", batches[3][0].sequence
    )
    reading = await open_reading(connection, 0)
    with pytest.raises(JournalError, match="goes on with command"):
        await read_on(connection, reading, 10)
