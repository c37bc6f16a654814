"""What the sequencer promises to those who hand it wishes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg
import pytest

from cloud.events.outbox import Outbox, Wakeup
from cloud.exchange.leader import Lead, LeadLost, open_candidate
from cloud.exchange.recovery import recover
from cloud.exchange.sequencer import (
    CommittedBatch,
    ExchangeBusy,
    ExchangeUnavailable,
    Receipt,
    Sequencer,
    Wish,
    WishTooLarge,
)
from cloud.kit.clock import ManualClock
from cloud.kit.feature import Kit
from tests.support.exchange import leading_sequencer, wish_of
from trading.command_base import Command
from trading.commands import (
    AdvanceTime,
    Deposit,
    ListInstrument,
    OpenPortfolio,
    PlaceOrder,
    SetPhase,
)
from trading.events import CommandRefused, OrderRejected
from trading.instruments import CONTINUOUS, Instrument
from trading.orders import BUY, GTC, LIMIT
from trading.terms import NewOrder


async def open_market(sequencer: Sequencer) -> None:
    """Instrument 1 trades around 100; portfolios 1 and 2 have money."""
    await asyncio.gather(
        *(
            sequencer.submit(wish_of(command))
            for command in (
                ListInstrument(0, 0, Instrument(1, "AAA", 100)),
                OpenPortfolio(0, 0, 1, 1),
                OpenPortfolio(0, 0, 2, 2),
                Deposit(0, 0, 1, 10**6),
                Deposit(0, 0, 2, 10**6),
                SetPhase(0, 0, 0, CONTINUOUS),
            )
        )
    )


def buy(portfolio_id: int, *names: str, units: int = 1, price: int = 90) -> Wish:
    terms = NewOrder(portfolio_id, 1, BUY, LIMIT, GTC, units, price)
    return wish_of(PlaceOrder(0, 0, terms), *names, portfolio_id=portfolio_id)


async def test_whoever_is_answered_finds_the_order_in_the_database(kit: Kit) -> None:
    async with leading_sequencer(kit) as sequencer:
        await open_market(sequencer)
        for _ in range(20):
            receipt = await sequencer.submit(buy(1))
            row = await kit.database.pool.fetchrow(
                "SELECT sequence, state FROM orders WHERE id = $1", receipt.order_ids[0]
            )
            assert row is not None
            assert row["sequence"] == receipt.sequence


async def test_a_name_is_taken_once_in_a_portfolio_whatever_is_tried(kit: Kit) -> None:
    async with leading_sequencer(kit) as sequencer:
        await open_market(sequencer)
        first, at_once, elsewhere = await asyncio.gather(
            sequencer.submit(buy(1, "mine")),
            sequencer.submit(buy(1, "mine", units=7)),
            sequencer.submit(buy(2, "mine")),
        )
        later = await sequencer.submit(buy(1, "mine", price=50))
    async with leading_sequencer(kit) as sequencer:
        restarted = await sequencer.submit(buy(1, "mine"))
        other = await sequencer.submit(buy(1, "another"))
    assert not first.is_repeat
    assert not elsewhere.is_repeat
    assert not other.is_repeat
    for repeat in (at_once, later, restarted):
        assert repeat.is_repeat
        assert repeat.order_ids == first.order_ids
        assert repeat.events == ()
    assert await kit.database.pool.fetchval("SELECT count(*) FROM orders") == 3


async def test_a_name_of_a_refused_order_may_be_used_again(kit: Kit) -> None:
    async with leading_sequencer(kit) as sequencer:
        await open_market(sequencer)
        refused, repeated = await asyncio.gather(
            sequencer.submit(buy(1, "dear", units=10**9)),
            sequencer.submit(buy(1, "dear", units=10**9)),
        )
        taken = await sequencer.submit(buy(1, "dear"))
    assert isinstance(refused.events[-1], OrderRejected)
    assert repeated.is_repeat
    assert repeated.events == refused.events
    assert taken.order_ids


async def test_numbers_are_dense_and_time_never_falls_though_the_clock_does(
    kit: Kit, clock: ManualClock
) -> None:
    receipts: list[Receipt] = []
    for step in (1, -3_600, 0, 7_200):
        clock.advance(timedelta(seconds=step))
        async with leading_sequencer(kit) as sequencer:
            receipts += await asyncio.gather(
                *(sequencer.submit(wish_of(AdvanceTime(0, 0))) for _ in range(5))
            )
    assert [receipt.sequence for receipt in receipts] == list(range(1, 21))
    times = [receipt.at_ns for receipt in receipts]
    assert times == sorted(times)
    assert times[0] < times[-1]


async def test_listeners_hear_every_batch_once_in_order_and_behind_its_commit(kit: Kit) -> None:
    heard: list[CommittedBatch] = []
    async with leading_sequencer(kit) as sequencer:
        end = sequencer.subscribe(heard.append)
        await open_market(sequencer)
        for _ in range(10):
            await asyncio.gather(*(sequencer.submit(buy(1)) for _ in range(3)))
        end()
        last = await sequencer.submit(buy(1))
    sequences = [command.sequence for batch in heard for command in batch.commands]
    assert sequences == list(range(1, last.sequence))
    stored = await kit.database.pool.fetch(
        "SELECT first_sequence, last_sequence FROM exchange_journal ORDER BY 1"
    )
    assert [tuple(row) for row in stored][:-1] == [
        (batch.first_sequence, batch.last_sequence) for batch in heard
    ]


_BATCHES = """
    SELECT last_sequence - first_sequence + 1 FROM exchange_journal ORDER BY first_sequence DESC
"""
_WAITS = """
    SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'exchange_journal'::regclass
"""


@asynccontextmanager
async def commit_under_way(
    kit: Kit, sequencer: Sequencer
) -> AsyncIterator[asyncio.Future[Receipt]]:
    """The commit of one order, which lasts as long as the block."""
    async with kit.database.pool.acquire() as connection, connection.transaction():
        await connection.execute("LOCK TABLE exchange_journal IN SHARE MODE")
        first = sequencer.offer(buy(1))
        while not await connection.fetchval(_WAITS):
            pass
        yield first


async def test_all_that_comes_during_a_commit_is_one_batch(kit: Kit) -> None:
    async with leading_sequencer(kit) as sequencer:
        await open_market(sequencer)
        async with commit_under_way(kit, sequencer) as first:
            rest = []
            for _ in range(10):
                rest.append(sequencer.offer(buy(1)))
                await asyncio.sleep(0)
            matched = sequencer.engine.sequence
        assert [receipt.sequence for receipt in await asyncio.gather(first, *rest)] == list(
            range(matched, matched + 11)
        )
    sizes = [row[0] for row in await kit.database.pool.fetch(_BATCHES)]
    assert sizes[:2] == [10, 1]


async def test_when_much_comes_during_a_commit_it_is_matched_beside_it(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloud.exchange.sequencer.EARLY_MIN", 5)
    async with leading_sequencer(kit) as sequencer:
        await open_market(sequencer)
        async with commit_under_way(kit, sequencer) as first:
            matched = sequencer.engine.sequence
            rest = [sequencer.offer(buy(1)) for _ in range(5)]
            late = None
            for _ in range(10):
                await asyncio.sleep(0)
                if late is None and sequencer.engine.sequence == matched + 5:
                    late = sequencer.offer(buy(1))
            assert late is not None
            assert not first.done()
            assert sequencer.engine.sequence == matched + 5
        await asyncio.gather(first, *rest, late)
    sizes = [row[0] for row in await kit.database.pool.fetch(_BATCHES)]
    assert sizes[:3] == [1, 5, 1]


@pytest.mark.parametrize(
    "command",
    [
        Deposit(0, 0, 1, 2**64),
        Deposit(0, 0, 1, 2**63),
        Deposit(0, 0, 10**30, 5),
        Deposit(0, 0, 1, 2**62),
        OpenPortfolio(0, 0, -(2**70), 1),
    ],
)
async def test_a_number_no_table_could_hold_is_refused_and_harms_nobody(
    kit: Kit, command: Command
) -> None:
    async with leading_sequencer(kit) as sequencer:
        await open_market(sequencer)
        before, too_large, after = await asyncio.gather(
            sequencer.submit(buy(1)),
            sequencer.submit(wish_of(command)),
            sequencer.submit(buy(1)),
            return_exceptions=True,
        )
        assert isinstance(before, Receipt)
        assert isinstance(after, Receipt)
        assert after.sequence == before.sequence + 1
        assert isinstance(too_large, WishTooLarge)


async def test_a_refusal_is_an_event_and_is_journaled_too(kit: Kit) -> None:
    async with leading_sequencer(kit) as sequencer:
        receipt = await sequencer.submit(wish_of(Deposit(0, 0, 77, 5)))
        assert isinstance(receipt.events[0], CommandRefused)
    last = await kit.database.pool.fetchval("SELECT max(last_sequence) FROM exchange_journal")
    assert last == receipt.sequence


async def test_who_does_not_lead_takes_nothing(kit: Kit) -> None:
    outbox = Outbox(ids=kit.ids, clock=kit.clock, wakeup=Wakeup(kit.redis))
    with pytest.raises(ExchangeUnavailable):
        Sequencer(outbox, kit.clock).offer(buy(1))
    async with leading_sequencer(kit) as sequencer:
        pass
    with pytest.raises(ExchangeUnavailable) as refusal:
        await sequencer.submit(buy(1))
    assert refusal.value.headers["Retry-After"]


async def test_a_full_queue_refuses_at_once_and_does_the_rest(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloud.exchange.sequencer.WAITING_MAX", 10)
    async with leading_sequencer(kit) as sequencer:
        waiting = [sequencer.offer(wish_of(AdvanceTime(0, 0))) for _ in range(10)]
        with pytest.raises(ExchangeBusy):
            sequencer.offer(wish_of(AdvanceTime(0, 0)))
        assert len(await asyncio.gather(*waiting)) == 10


class Unlocked(Lead):
    """What must never be: a leader without the lock."""


@asynccontextmanager
async def writer(kit: Kit) -> AsyncIterator[tuple[Sequencer, "asyncio.Task[None]"]]:
    """A sequencer that believes it leads, from the state of now, without asking for the lock."""
    outbox = Outbox(ids=kit.ids, clock=kit.clock, wakeup=Wakeup(kit.redis))
    sequencer = Sequencer(outbox, kit.clock)
    leads = asyncio.Event()
    async with open_candidate(kit.settings.database_url) as connection:
        engine = (await recover(connection)).engine
        sequencer.on_lead(lambda _: leads.set())
        task = asyncio.create_task(sequencer.lead(engine, Unlocked(connection)))
        await leads.wait()
        try:
            yield sequencer, task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_of_two_writers_the_second_is_fenced_off_and_stops(kit: Kit) -> None:
    async with leading_sequencer(kit) as sequencer:
        await open_market(sequencer)
    async with writer(kit) as (first, _), writer(kit) as (second, stopping):
        done = await first.submit(buy(1, "first"))
        waiting = [second.offer(buy(1, f"second-{number}")) for number in range(3)]
        with pytest.raises(asyncpg.UniqueViolationError):
            await stopping
        for outcome in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(outcome, ExchangeUnavailable)
        assert not second.is_leading
        assert (await first.submit(buy(1, "still"))).sequence == done.sequence + 1
    names = await kit.database.pool.fetch("SELECT client_order_id FROM orders ORDER BY id")
    assert [row[0] for row in names] == ["first", "still"]


async def test_a_broken_connection_ends_the_lead_and_nobody_waits_for_ever(kit: Kit) -> None:
    async with writer(kit) as (sequencer, task):
        await sequencer.submit(wish_of(AdvanceTime(0, 0)))
        await kit.database.pool.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'curb-exchange' AND datname = current_database()"
        )
        with pytest.raises(ExchangeUnavailable):
            await go_on(sequencer)
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError, LeadLost)):
            await task
        assert not sequencer.is_leading


async def go_on(sequencer: Sequencer) -> None:
    while True:
        await sequencer.submit(wish_of(AdvanceTime(0, 0)))


async def test_names_are_kept_also_when_memory_has_room_for_few(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloud.exchange.order_names.KEPT_MAX", 8)
    monkeypatch.setattr("cloud.exchange.order_names.LOADED_MAX", 4)
    monkeypatch.setattr("cloud.exchange.order_names.ROWS_AT_ONCE", 3)
    first: list[Receipt] = []
    async with leading_sequencer(kit) as sequencer:
        await open_market(sequencer)
        for number in range(30):
            first.append(await sequencer.submit(buy(1, f"n{number}")))
        repeats = [await sequencer.submit(buy(1, f"n{number}")) for number in range(30)]
    async with leading_sequencer(kit) as sequencer:
        repeats += await asyncio.gather(
            *(sequencer.submit(buy(1, f"n{number}")) for number in range(30))
        )
    assert all(repeat.is_repeat for repeat in repeats)
    assert [repeat.order_ids for repeat in repeats] == 2 * [one.order_ids for one in first]
    assert await kit.database.pool.fetchval("SELECT count(*) FROM orders") == 30
