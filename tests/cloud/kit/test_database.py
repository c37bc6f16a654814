"""A session commits once, when its block ends; a failure undoes it, a refusal only sometimes."""

import asyncio
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from cloud.kit.database import AsyncSession, open_database
from cloud.kit.errors import AppError
from cloud.kit.feature import Kit
from cloud.kit.idempotency import (
    IdempotencyConflictError,
    IdempotencyRow,
    Once,
    forget_old_keys,
)
from cloud.kit.settings import SettingsError

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


class TurnedAwayError(AppError):
    """A refusal that is itself a fact."""

    keeps_work = True


def a_row(key: str) -> IdempotencyRow:
    return IdempotencyRow(caller="me", key=key, fingerprint=b"", created_at=NOW)


async def keys(kit: Kit) -> list[str]:
    rows = await kit.database.pool.fetch("SELECT key FROM idempotency_keys ORDER BY key")
    return [row["key"] for row in rows]


async def test_the_end_of_the_block_commits_and_a_failure_does_not(kit: Kit):
    async with kit.database.session() as session:
        session.add(a_row("kept"))
    with pytest.raises(AppError):
        await write_and_raise(kit, "lost", AppError("No."))
    with pytest.raises(ZeroDivisionError):
        await write_and_raise(kit, "lost too", ZeroDivisionError())
    assert await keys(kit) == ["kept"]


async def test_a_refusal_that_is_a_fact_is_committed_and_still_refuses(kit: Kit):
    with pytest.raises(TurnedAwayError):
        await write_and_raise(kit, "kept", TurnedAwayError("Not today."))
    assert await keys(kit) == ["kept"]


async def write_and_raise(kit: Kit, key: str, error: Exception) -> None:
    async with kit.database.session() as session:
        session.add(a_row(key))
        await session.flush()
        raise error


async def test_an_instant_without_a_zone_never_reaches_the_database(kit: Kit):
    async with kit.database.session() as session:
        assert await session.scalar(text("SHOW timezone")) == "UTC"
    with pytest.raises(Exception, match="no time zone"):
        await write_naive(kit)


async def write_naive(kit: Kit) -> None:
    async with kit.database.session() as session:
        row = a_row("x")
        row.created_at = NOW.replace(tzinfo=None)
        session.add(row)


def once(
    kit: Kit, session: AsyncSession, body: bytes, key: str | None = "key-0001", caller: str = "me"
) -> Once:
    return Once(session, kit.cipher, NOW, caller, key, body)


async def answer(kit: Kit, value: int, body: bytes = b"a", key: str | None = "key-0001") -> int:
    async def work() -> int:
        return value

    async with kit.database.session() as session:
        return await once(kit, session, body, key).answer(int, work)


async def test_a_write_sent_again_gets_the_first_answer(kit: Kit):
    assert await answer(kit, 1) == 1
    assert await answer(kit, 2) == 1
    assert await answer(kit, 3, key=None) == 3
    assert await answer(kit, 4, key="key-0002") == 4


async def test_a_key_used_for_another_request_is_refused(kit: Kit):
    await answer(kit, 1, b"a")
    with pytest.raises(IdempotencyConflictError):
        await answer(kit, 1, b"b")


async def test_a_refused_request_may_be_sent_again_with_its_key(kit: Kit):
    async def refuse() -> int:
        raise AppError("The lot is full.")

    with pytest.raises(AppError, match="full"):
        async with kit.database.session() as session:
            await once(kit, session, b"a").answer(int, refuse)
    assert await answer(kit, 7) == 7


async def test_two_requests_with_one_key_at_the_same_moment_do_the_work_once(kit: Kit):
    done: list[int] = []
    both_started = asyncio.Barrier(2)

    async def send(value: int) -> int:
        async def work() -> int:
            done.append(value)
            return value

        await both_started.wait()
        async with kit.database.session() as session:
            return await once(kit, session, b"a").answer(int, work)

    first, second = await asyncio.gather(send(1), send(2))
    assert first == second == done[0]
    assert len(done) == 1


async def test_keys_are_forgotten_after_a_day(kit: Kit):
    await answer(kit, 1)
    async with kit.database.session() as session:
        await forget_old_keys(session, NOW.replace(day=3))
    assert await keys(kit) == ["key-0001"]
    async with kit.database.session() as session:
        await forget_old_keys(session, NOW.replace(day=4))
    assert await keys(kit) == []


async def test_a_server_that_is_too_old_is_named_before_anything_is_asked_of_it(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("cloud.kit.database.POSTGRES_MIN", 99)
    with pytest.raises(SettingsError, match=r"CURB_DATABASE_URL .* needs 99 or newer"):
        async with open_database(kit.settings):
            pass
