"""Fixtures of the agent's tests: a clock to move by hand, and a store whose owner runs."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from edge_agent.clock import TrustedClock
from edge_agent.store import Store
from tests.edge_agent.test_rights import HandClock


@pytest.fixture
def hand_clock() -> HandClock:
    return HandClock()


@pytest.fixture
def clock(hand_clock) -> TrustedClock:
    return TrustedClock(hand_clock)


@pytest.fixture
async def store(tmp_path) -> AsyncIterator[Store]:
    async with running_store(tmp_path) as made:
        yield made


@contextlib.asynccontextmanager
async def running_store(folder) -> AsyncIterator[Store]:
    made = Store(folder / "agent.sqlite3")
    owner = asyncio.create_task(made.run_forever())
    try:
        yield made
    finally:
        owner.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await owner
        made.close()
