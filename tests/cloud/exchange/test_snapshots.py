"""Snapshots are taken beside the leader when they are due; one that fails costs nothing."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from benchmarks._journal import flow, store
from cloud.exchange import snapshots
from cloud.exchange.recovery import recover
from cloud.exchange.snapshots import SnapshotKeeper
from cloud.kit.clock import ManualClock
from cloud.kit.feature import Kit

COMMANDS = 1_000


@pytest.fixture(autouse=True)
def look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "LOOK_EVERY_S", 0.01)


async def keep_until(keeper: SnapshotKeeper, is_done: Callable[[], bool]) -> None:
    task = asyncio.create_task(keeper.run())
    try:
        async with asyncio.timeout(120):
            while not is_done() and not task.done():  # noqa: ASYNC110 - a process of its own
                await asyncio.sleep(0.01)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert is_done()


def keeper_of(kit: Kit, clock: ManualClock, url: str, is_leading: bool = True) -> SnapshotKeeper:
    return SnapshotKeeper(
        kit.database,
        url,
        sequence=lambda: COMMANDS,
        is_leading=lambda: is_leading,
        now=clock.now,
    )


async def test_a_due_snapshot_is_taken_by_a_process_of_its_own(kit: Kit, clock: ManualClock):
    async with kit.database.pool.acquire() as connection:
        engine = await store(connection, flow(COMMANDS))
    keeper = keeper_of(kit, clock, kit.settings.database_url)
    with capture_logs() as logs:

        def is_done() -> bool:
            clock.advance(timedelta(minutes=10))
            return any(one["event"] == "exchange_snapshot_taken" for one in logs)

        await keep_until(keeper, is_done)
    taken = next(one for one in logs if one["event"] == "exchange_snapshot_taken")
    assert (taken["sequence"], taken["replayed"]) == (COMMANDS, COMMANDS)
    replica = await recover(kit.database.pool)
    assert replica.snapshot_sequence == COMMANDS
    assert replica.engine.state_hash() == engine.state_hash()


async def test_a_snapshot_that_fails_is_said_and_the_leader_goes_on(kit: Kit, clock: ManualClock):
    nowhere = "postgresql://nobody@127.0.0.1:1/nothing"
    keeper = keeper_of(kit, clock, nowhere)
    with capture_logs() as logs:

        def is_done() -> bool:
            clock.advance(timedelta(minutes=10))
            return sum(one["event"] == "exchange_snapshot_failed" for one in logs) >= 1

        await keep_until(keeper, is_done)


async def test_who_does_not_lead_takes_none(kit: Kit, clock: ManualClock):
    keeper = keeper_of(kit, clock, kit.settings.database_url, is_leading=False)
    looks = 0

    def is_done() -> bool:
        nonlocal looks
        looks += 1
        clock.advance(timedelta(minutes=10))
        return looks >= 20

    with capture_logs() as logs:
        await keep_until(keeper, is_done)
    assert not logs
