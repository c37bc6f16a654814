"""What is stored leads to the engine that stored it; whatever does not fit is found."""

import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from structlog.testing import capture_logs

from benchmarks._journal import flow, store
from cloud.exchange.journal import JournalError
from cloud.exchange.recovery import recover
from cloud.exchange.retention import NEWEST_KEPT, SPELLS_KEPT, Taken, expired, is_due
from cloud.exchange.take_snapshot import take
from trading import Engine
from trading.commands import SetKillSwitch

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
COMMANDS = 3_000

Connection = asyncpg.Connection


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[Connection]:
    made = await asyncpg.connect(database_url)
    yield made
    await made.close()


async def snapshots(connection: Connection) -> list[int]:
    rows = await connection.fetch("SELECT sequence FROM exchange_snapshots ORDER BY sequence")
    return [row[0] for row in rows]


async def test_the_journal_alone_leads_to_the_same_state(connection: Connection):
    engine = await store(connection, flow(COMMANDS))
    replica = await recover(connection)
    assert replica.snapshot_sequence == 0
    assert replica.engine.sequence == COMMANDS
    assert replica.engine.state_hash() == engine.state_hash()
    assert len(replica.engine.venue.orders) > 100


async def test_nothing_stored_is_an_empty_engine(connection: Connection):
    replica = await recover(connection)
    assert replica.engine.sequence == 0
    assert replica.engine.state_hash() == Engine().state_hash()


async def test_a_snapshot_and_the_tail_lead_to_the_same_state(
    connection: Connection, database_url: str
):
    batches = list(flow(COMMANDS))
    await store(connection, iter(batches[:10]))
    taken = await take(database_url, NOW)
    assert taken.sequence == batches[9][-1].sequence
    await connection.execute("DELETE FROM exchange_journal")
    engine = await store(connection, iter(batches))
    replica = await recover(connection)
    assert replica.snapshot_sequence == taken.sequence
    assert replica.engine.state_hash() == engine.state_hash()


async def test_a_replica_follows_what_is_added(connection: Connection):
    batches = list(flow(COMMANDS))
    engine = await store(connection, iter(batches))
    await connection.execute("CREATE TEMPORARY TABLE later AS TABLE exchange_journal")
    await connection.execute("DELETE FROM exchange_journal WHERE first_sequence > 1000")
    replica = await recover(connection)
    assert replica.engine.sequence < COMMANDS
    await connection.execute(
        "INSERT INTO exchange_journal SELECT * FROM later WHERE first_sequence > 1000"
    )
    assert await replica.follow(connection) > 0
    assert await replica.follow(connection) == 0
    assert replica.engine.state_hash() == engine.state_hash()


async def test_a_corrupt_snapshot_is_passed_over_for_the_one_before_it(
    connection: Connection, database_url: str
):
    batches = list(flow(COMMANDS))
    await store(connection, iter(batches[:10]))
    older = await take(database_url, NOW)
    await connection.execute("DELETE FROM exchange_journal")
    engine = await store(connection, iter(batches))
    newer = await take(database_url, NOW)
    assert newer.sequence > older.sequence
    await connection.execute(
        "UPDATE exchange_snapshots SET data = set_byte(data, 100, get_byte(data, 100) # 1)"
        " WHERE sequence = $1",
        newer.sequence,
    )
    with capture_logs() as logs:
        replica = await recover(connection)
    assert replica.snapshot_sequence == older.sequence
    assert replica.engine.state_hash() == engine.state_hash()
    skipped = [one for one in logs if one["event"] == "exchange_snapshot_skipped"]
    assert [one["sequence"] for one in skipped] == [newer.sequence]


async def test_a_snapshot_of_another_layout_is_passed_over(connection: Connection):
    data = Engine().snapshot().replace(b"\x09", b"\x0a", 1)  # its version
    engine = await store(connection, flow(1_000))
    await connection.execute(
        "INSERT INTO exchange_snapshots VALUES ($1, now(), $2, $3)",
        1_000,
        hashlib.sha256(data).hexdigest(),
        data,
    )
    replica = await recover(connection)
    assert replica.snapshot_sequence == 0
    assert replica.engine.state_hash() == engine.state_hash()


async def test_a_snapshot_of_another_history_is_passed_over(
    connection: Connection, database_url: str
):
    await store(connection, flow(COMMANDS))
    await take(database_url, NOW)
    # The journal came back from a backup that is older than the snapshot.
    await connection.execute("DELETE FROM exchange_journal WHERE first_sequence > 2000")
    replica = await recover(connection)
    assert replica.snapshot_sequence == 0
    assert 0 < replica.engine.sequence < COMMANDS


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM exchange_journal WHERE first_sequence BETWEEN 1000 AND 1100",
        "UPDATE exchange_journal SET events_hash = sha256('x') WHERE first_sequence > 2500",
        r"UPDATE exchange_journal SET commands = '\x07' WHERE first_sequence > 2500",
        "UPDATE exchange_journal SET commands = substr(commands, 1, 50) WHERE first_sequence > 999",
        "UPDATE exchange_journal SET last_sequence = last_sequence + 9 WHERE first_sequence > 2900",
    ],
    ids=["gap", "other events", "other format", "cut", "commands missing"],
)
async def test_a_damaged_journal_gives_no_engine(connection: Connection, damage: str):
    await store(connection, flow(COMMANDS))
    await connection.execute(damage)
    with pytest.raises(JournalError):
        await recover(connection)


async def test_the_kill_switch_and_resting_orders_are_there_again(
    connection: Connection, database_url: str
):
    batches = list(flow(COMMANDS))
    last = batches[-1][-1]
    batches.append([SetKillSwitch(last.sequence + 1, last.at_ns, 1, True)])
    engine = await store(connection, iter(batches))
    await take(database_url, NOW)
    venue = (await recover(connection)).engine.venue
    assert venue.killed_accounts == {1: True}
    assert list(venue.orders) == list(engine.venue.orders)
    assert venue.orders


async def test_without_news_no_second_snapshot_is_stored(connection: Connection, database_url: str):
    await store(connection, flow(COMMANDS))
    first = await take(database_url, NOW)
    again = await take(database_url, NOW + timedelta(hours=1))
    assert (first.replayed, again.replayed) == (COMMANDS, 0)
    assert await snapshots(connection) == [COMMANDS]


def test_the_newest_and_one_of_each_day_are_kept():
    taken = [Taken(n, NOW + timedelta(hours=6 * n)) for n in range(1, 41)]
    gone = expired(taken, taken[-1].at)
    kept = [one for one in taken if one not in gone]
    assert kept[-NEWEST_KEPT:] == taken[-NEWEST_KEPT:]
    assert len(kept) <= NEWEST_KEPT + 7
    assert len({one.at.date() for one in kept}) >= 7
    assert expired(kept, taken[-1].at) == []


def test_of_a_busy_half_hour_a_snapshot_of_every_ten_minutes_is_kept():
    kept: list[Taken] = []
    for n in range(1, 300):
        now = NOW + n * timedelta(seconds=20)
        kept.append(Taken(n, now))
        gone = expired(kept, now)
        kept = [one for one in kept if one not in gone]
        before_lookback = [one.at for one in kept if one.at <= now - timedelta(minutes=6)]
        if now > NOW + timedelta(minutes=20):
            assert max(before_lookback) > now - timedelta(minutes=20)
        assert len(kept) <= NEWEST_KEPT + SPELLS_KEPT + 1


@pytest.mark.parametrize(
    ("commands", "waited_s", "due"),
    [(0, 10**6, False), (1, 599, False), (1, 600, True), (200_000, 4, False), (200_000, 5, True)],
)
def test_when_the_next_snapshot_is_due(commands: int, waited_s: int, due: bool):
    assert is_due(commands=commands, waited=timedelta(seconds=waited_s)) is due
