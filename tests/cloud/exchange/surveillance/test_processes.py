"""Two real processes of surveillance: one works; `kill -9` loses no finding and doubles none."""

import asyncio
import contextlib
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from launcher.ports import free_port
from launcher.venue_status import read_surveillance
from tests.support.cloud_process import ROOT
from tests.support.watched_journal import one_pass, store_batches, suspicious_batches
from trading import Engine

pytestmark = pytest.mark.system

KILLS = 4
STEPS = 3_000
_PATIENCE_S = 120


class Watcher:
    """`python -m cloud --roles surveillance`."""

    def __init__(self, environ: dict[str, str]) -> None:
        port = free_port()
        self._url = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cloud", "--roles", "surveillance", "--port", str(port)],
            cwd=ROOT,
            env=os.environ | environ,
            stderr=subprocess.DEVNULL,
        )

    def works(self) -> bool:
        assert self.process.poll() is None, f"It ended with {self.process.returncode}."
        watcher = read_surveillance(self._url)
        return watcher is not None and watcher["watches"]

    def answers(self) -> bool:
        return read_surveillance(self._url) is not None


@contextlib.contextmanager
def stopped_in_the_end(watchers: list[Watcher]) -> Iterator[None]:
    try:
        yield
    finally:
        for watcher in watchers:
            watcher.process.kill()
            watcher.process.wait()


async def test_kills_at_any_moment_lose_no_finding_and_double_none(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    environ = {
        "CURB_DATABASE_URL": database_url,
        "CURB_REDIS_URL": redis_url,
        "CURB_DATA_DIR": str(tmp_path / "data"),
    }
    draw = random.Random(7)
    batches, engine = suspicious_batches(7, steps=STEPS), Engine()
    share = len(batches) // (KILLS + 1)
    connection = await asyncpg.connect(database_url)
    watchers = [Watcher(environ)]
    with stopped_in_the_end(watchers):
        for _ in range(KILLS):
            watchers.append(Watcher(environ))
            one, other = watchers
            await until(lambda: one.answers() and other.answers())  # noqa: B023 - called here only
            await until(lambda: one.works() or other.works())  # noqa: B023
            working, standing_by = (one, other) if one.works() else (other, one)
            assert not standing_by.works()
            some, batches = batches[:share], batches[share:]
            await store_batches(connection, some, engine)
            # Somewhere on the way: it stores its place after every hundred batches, or each second.
            await place_reaches(connection, draw.choice(some)[0].sequence)
            working.process.kill()
            working.process.wait()
            watchers.remove(working)
        await store_batches(connection, batches, engine)
        await place_reaches(connection, engine.sequence)
    expected = one_pass(suspicious_batches(7, steps=STEPS))
    stored = await connection.fetch(
        "SELECT key, sequence, sentence, trade_ids FROM surveillance_findings ORDER BY sequence"
    )
    cases = await connection.fetchval("SELECT sum(findings) FROM surveillance_cases")
    await connection.close()
    assert {row["key"]: (row["sequence"], row["sentence"]) for row in stored} == {
        finding.key: (finding.sequence, finding.sentence) for finding in expected
    }
    assert len(stored) == cases == len(expected) > 100


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(_PATIENCE_S):
        while not is_so():  # noqa: ASYNC110 - another process does not tell
            await asyncio.sleep(0.05)


async def place_reaches(connection: "asyncpg.Connection[asyncpg.Record]", sequence: int) -> None:
    query = "SELECT coalesce(max(sequence), 0) FROM exchange_watched"
    async with asyncio.timeout(_PATIENCE_S):
        while await connection.fetchval(query) < sequence:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
