"""One process leads: by a lock that goes with the connection, and is taken from who hangs."""

import asyncio
from contextlib import AsyncExitStack

import asyncpg
import pytest

from cloud.exchange import leader
from cloud.exchange.leader import LeadLost, is_free_now, open_candidate, stand_for_lead


async def nothing() -> None:
    """A standby with nothing to do."""


async def end_connection(database_url: str, pid: int) -> None:
    """What the loss of a machine looks like to the others."""
    other = await asyncpg.connect(database_url)
    try:
        await other.execute("SELECT pg_terminate_backend($1, 1000)", pid)
    finally:
        await other.close()


async def test_only_one_of_two_leads_and_the_other_follows_when_it_goes(database_url: str):
    async with AsyncExitStack() as second_stack:
        async with open_candidate(database_url) as first:
            lead = await stand_for_lead(first, meanwhile=nothing)
            assert lead.is_held
            second = await second_stack.enter_async_context(open_candidate(database_url))
            assert not await is_free_now(second)
        async with asyncio.timeout(5):
            assert (await stand_for_lead(second, meanwhile=nothing)).is_held


async def test_a_standby_does_its_work_while_it_waits(database_url: str):
    async with open_candidate(database_url) as first, open_candidate(database_url) as second:
        await stand_for_lead(first, meanwhile=nothing)
        looks = 0

        async def look() -> None:
            nonlocal looks
            looks += 1
            if looks == 3:
                await first.close()

        await stand_for_lead(second, meanwhile=look, sleep=lambda _s: asyncio.sleep(0))
        assert looks >= 3


async def test_who_lost_the_connection_can_write_nothing_more(database_url: str):
    async with open_candidate(database_url) as connection:
        lead = await stand_for_lead(connection, meanwhile=nothing)
        async with lead.writing() as writer:
            pid = await writer.fetchval("SELECT pg_backend_pid()")
        await end_connection(database_url, pid)
        with pytest.raises((LeadLost, asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
            async with lead.writing() as writer:
                await writer.execute("SELECT 1")
        with pytest.raises(LeadLost):
            await lead.keep(sleep=lambda _s: asyncio.sleep(0))
        assert not lead.is_held


async def test_a_silent_leader_is_cut_off_before_another_leads(
    database_url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(leader, "SILENT_S", 0.3)
    async with open_candidate(database_url) as first, open_candidate(database_url) as second:
        hung = await stand_for_lead(first, meanwhile=nothing)
        assert not await is_free_now(second), "it has just spoken"
        # Nobody calls `hung.keep`: so looks a process that was stopped.
        async with asyncio.timeout(5):
            await stand_for_lead(second, meanwhile=nothing)
        with pytest.raises((LeadLost, asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
            async with hung.writing() as writer:
                await writer.execute("SELECT 1")


async def test_a_leader_that_keeps_its_lead_is_left_alone(
    database_url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(leader, "SILENT_S", 1.2)
    async with open_candidate(database_url) as first, open_candidate(database_url) as second:
        lead = await stand_for_lead(first, meanwhile=nothing)
        keeping = asyncio.create_task(lead.keep())
        tries = 0
        while tries < 12:
            assert not await is_free_now(second)
            tries += 1
            await asyncio.sleep(leader.POLL_S)
        assert not keeping.done()
        keeping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await keeping


async def test_a_leader_that_waits_for_the_database_is_not_silent(
    database_url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(leader, "SILENT_S", 0.2)
    async with open_candidate(database_url) as first, open_candidate(database_url) as second:
        lead = await stand_for_lead(first, meanwhile=nothing)
        async with lead.writing() as writer:
            slow = asyncio.create_task(writer.execute("SELECT pg_sleep(1)"))
            while not slow.done():
                assert slow.done() or not await is_free_now(second)
                await asyncio.sleep(0.05)
            await slow
        assert lead.is_held
