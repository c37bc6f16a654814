"""Acts are recorded with what they are about, in order, and an edited trail is found."""

import asyncio
from uuid import UUID

import asyncpg
import httpx
import pytest

from cloud.accounts.user import Role
from cloud.audit.trail import Verification
from cloud.audit.wire import make_trail
from cloud.kit.feature import Kit
from cloud.kit.privileged import PrivilegedAct
from tests.cloud.conftest import SignIn

ACT = PrivilegedAct(UUID(int=1), "gate.opened", "gate:elm-in-1", {"reason": "ambulance"})

SWAP_3_AND_4 = """
    UPDATE audit_log SET sequence = -sequence WHERE sequence IN (3, 4);
    UPDATE audit_log SET sequence = 7 + sequence WHERE sequence < 0;
"""


async def record(kit: Kit, act: PrivilegedAct = ACT) -> None:
    async with kit.database.session() as session:
        await kit.acts.record(session, act)


async def verify(kit: Kit) -> Verification:
    async with kit.database.session() as session:
        return await make_trail(kit.settings, kit.clock).verify(session)


async def tamper(kit: Kit, sql: str) -> None:
    await kit.database.pool.execute("ALTER TABLE audit_log DISABLE TRIGGER ALL")
    await kit.database.pool.execute(sql)


async def test_acts_recorded_at_the_same_moment_make_one_chain(kit: Kit):
    await asyncio.gather(*(record(kit) for _ in range(20)))
    found = await verify(kit)
    assert (found.rows, found.flaw) == (20, None)


async def test_an_act_that_is_undone_leaves_no_trace_and_no_gap(kit: Kit):
    await record(kit)
    with pytest.raises(ZeroDivisionError):
        await record_and_fail(kit)
    await record(kit)
    found = await verify(kit)
    assert (found.rows, found.flaw) == (2, None)


async def record_and_fail(kit: Kit) -> None:
    async with kit.database.session() as session:
        await kit.acts.record(session, ACT)
        raise ZeroDivisionError


@pytest.mark.parametrize(
    "sql", ["UPDATE audit_log SET action = 'x'", "DELETE FROM audit_log", "TRUNCATE audit_log"]
)
async def test_the_database_itself_refuses_an_edit(kit: Kit, sql: str):
    await record(kit)
    with pytest.raises(asyncpg.RaiseError, match="never edited"):
        await kit.database.pool.execute(sql)


@pytest.mark.parametrize(
    ("sql", "sequence"),
    [
        ("UPDATE audit_log SET details = '{}' WHERE sequence = 3", 3),
        ("UPDATE audit_log SET actor = NULL WHERE sequence = 1", 1),
        ("UPDATE audit_log SET at = at + interval '1 microsecond' WHERE sequence = 4", 4),
        ("DELETE FROM audit_log WHERE sequence = 2", 2),
        ("DELETE FROM audit_log WHERE sequence = 5", 5),
        ("DELETE FROM audit_log", 1),
        ("UPDATE audit_log SET sequence = -sequence WHERE sequence = 3", 1),
        (SWAP_3_AND_4, 3),
    ],
)
async def test_the_first_row_that_was_touched_is_named(kit: Kit, sql: str, sequence: int):
    for _ in range(5):
        await record(kit)
    await tamper(kit, sql)
    flaw = (await verify(kit)).flaw
    assert flaw is not None
    assert flaw.sequence == sequence


async def test_a_long_trail_is_checked_to_its_end(kit: Kit):
    async with kit.database.session() as session:
        for _ in range(1_050):
            await kit.acts.record(session, ACT)
    assert (await verify(kit)).rows == 1_050
    await tamper(kit, "UPDATE audit_log SET subject = 'x' WHERE sequence = 1030")
    flaw = (await verify(kit)).flaw
    assert flaw is not None
    assert flaw.sequence == 1_030


async def test_auditors_read_and_check_the_trail_and_drivers_do_not(
    client: httpx.AsyncClient, sign_in: SignIn, kit: Kit
):
    for number in range(3):
        await record(kit, PrivilegedAct(None, "gate.opened", f"gate:g{number}"))
    auditor = await sign_in("audit@example.org", Role.AUDITOR)
    page = await client.get("/api/v1/audit/entries", params={"limit": 2}, headers=auditor)
    assert [entry["sequence"] for entry in page.json()["items"]] == [3, 2]
    rest = await client.get(
        "/api/v1/audit/entries", params={"cursor": page.json()["next_cursor"]}, headers=auditor
    )
    assert [entry["sequence"] for entry in rest.json()["items"]] == [1]
    one = await client.get("/api/v1/audit/entries", params={"subject": "gate:g1"}, headers=auditor)
    assert [entry["subject"] for entry in one.json()["items"]] == ["gate:g1"]
    checked = await client.get("/api/v1/audit/verification", headers=auditor)
    assert checked.json()["is_intact"] is True
    assert checked.json()["rows"] == 3
    driver = await sign_in("ada@example.org")
    for path in ("entries", "verification"):
        refused = await client.get(f"/api/v1/audit/{path}", headers=driver)
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
