"""One leads, one stands by, and no third way to write the journal."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from cloud.app import open_kit
from cloud.events.outbox import Outbox, Wakeup
from cloud.exchange.leader import Lead, LeadLost, open_candidate
from cloud.exchange.leading import Leading
from cloud.exchange.recovery import recover
from cloud.exchange.sequencer import ExchangeUnavailable, Sequencer
from cloud.kit.clock import ManualClock
from cloud.kit.feature import Kit
from cloud.kit.settings import Settings
from tests.support.exchange import leading_sequencer, wish_of
from trading.commands import Deposit, ListInstrument, OpenPortfolio, PlaceOrder, SetPhase
from trading.instruments import CONTINUOUS, Instrument
from trading.orders import BUY, GTC, LIMIT
from trading.terms import NewOrder

OPENING = (
    ListInstrument(0, 0, Instrument(1, "ACME", 10_000)),
    OpenPortfolio(0, 0, 1, 1),
    Deposit(0, 0, 1, 10**9),
    SetPhase(0, 0, 1, CONTINUOUS),
)


def order(price_ticks: int) -> PlaceOrder:
    return PlaceOrder(0, 0, NewOrder(1, 1, BUY, LIMIT, GTC, 1, price_ticks))


def sequencer_of(kit: Kit) -> Sequencer:
    return Sequencer(Outbox(ids=kit.ids, clock=kit.clock, wakeup=Wakeup(kit.redis)), kit.clock)


class Candidate:
    """A process that may run the exchange, as far as this is about it."""

    def __init__(self, kit: Kit) -> None:
        self.sequencer = sequencer_of(kit)
        leading = Leading(kit.database, kit.settings.database_url, self.sequencer.lead)
        self.task = asyncio.create_task(leading.run())

    async def wait_leading(self, within_s: float = 10) -> None:
        async with asyncio.timeout(within_s):
            while not self.sequencer.is_leading:
                if self.task.done():
                    await self.task
                await asyncio.sleep(0.01)

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


@asynccontextmanager
async def candidate(kit: Kit) -> AsyncIterator[Candidate]:
    made = Candidate(kit)
    try:
        yield made
    finally:
        await made.stop()


@pytest.fixture
async def other_kit(settings: Settings, clock: ManualClock) -> AsyncIterator[Kit]:
    async with open_kit(settings, clock, clock) as made:
        yield made


async def submit_all(sequencer: Sequencer, commands: tuple[object, ...]) -> None:
    for command in commands:
        await sequencer.submit(wish_of(command))  # type: ignore[arg-type] # commands all


async def test_a_standby_refuses_and_takes_over_with_all_that_was_acknowledged(
    kit: Kit, other_kit: Kit
):
    async with candidate(kit) as first:
        await first.wait_leading()
        await submit_all(first.sequencer, OPENING)
        async with candidate(other_kit) as second:
            receipts = [await first.sequencer.submit(wish_of(order(9_000 + n))) for n in range(50)]
            with pytest.raises(ExchangeUnavailable):
                second.sequencer.offer(wish_of(order(1)))
            before = first.sequencer.engine.state_hash()
            left_s = time.monotonic()
            await first.stop()
            await second.wait_leading(5)
            assert time.monotonic() - left_s < 5
            assert second.sequencer.engine.state_hash() == before
            live = second.sequencer.engine.venue.orders
            assert all(receipt.order_ids[0] in live for receipt in receipts)
            receipt = await second.sequencer.submit(wish_of(order(8_000)))
            assert receipt.sequence == receipts[-1].sequence + 1


async def test_a_leader_whose_connection_ends_stops_and_answers_nobody_wrongly(
    kit: Kit, database_url: str
):
    async with candidate(kit) as first:
        await first.wait_leading()
        await submit_all(first.sequencer, OPENING)
        other = await asyncpg.connect(database_url)
        await other.execute(
            "SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity"
            " WHERE application_name = 'curb-exchange' AND datname = current_database()"
        )
        written = await other.fetchval("SELECT max(last_sequence) FROM exchange_journal")
        with pytest.raises(ExchangeUnavailable):
            await first.sequencer.submit(wish_of(order(9_000)))
        with pytest.raises((LeadLost, asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
            async with asyncio.timeout(5):
                await first.task
        assert not first.sequencer.is_leading
        now = await other.fetchval("SELECT max(last_sequence) FROM exchange_journal")
        await other.close()
        assert now == written


async def test_an_outage_before_it_leads_is_waited_for(kit: Kit, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("cloud.exchange.leading.RETRY_S", 0.01)
    real, failures = asyncpg.connect, 0

    async def connect(*args: object, **more: object) -> object:
        nonlocal failures
        failures += 1
        if failures < 3:
            raise ConnectionRefusedError("not yet")
        return await real(*args, **more)  # type: ignore[arg-type] # passed on as they came

    monkeypatch.setattr("cloud.exchange.leader.asyncpg.connect", connect)
    async with candidate(kit) as first:
        await first.wait_leading()
    assert failures == 3


async def test_a_second_sequencer_that_ignores_the_lock_cannot_write(kit: Kit, other_kit: Kit):
    """Not even one that was made to believe it leads: the journal's key stops it."""
    async with (
        leading_sequencer(kit) as first,
        open_candidate(other_kit.settings.database_url) as connection,
    ):
        await submit_all(first, OPENING)
        replica = await recover(connection)
        second = sequencer_of(other_kit)
        task = asyncio.create_task(second.lead(replica.engine, Lead(connection)))
        async with asyncio.timeout(5):
            while not second.is_leading:  # noqa: ASYNC110 - it tells nobody when it begins
                await asyncio.sleep(0)
        receipt = await first.submit(wish_of(order(9_000)))
        with pytest.raises(ExchangeUnavailable):
            await second.submit(wish_of(order(9_100)))
        with pytest.raises(asyncpg.UniqueViolationError):
            await task
        assert not second.is_leading
        again = await first.submit(wish_of(order(9_200)))
        assert again.sequence == receipt.sequence + 1
        found = await recover(kit.database.pool)
        assert found.engine.state_hash() == first.engine.state_hash()
        prices = await kit.database.pool.fetch("SELECT price_ticks FROM orders ORDER BY id")
        assert [row[0] for row in prices] == [9_000, 9_200]
