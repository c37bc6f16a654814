"""Registration, profiles, roles and locks, as a client meets them."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import httpx
import pytest

from cloud.accounts.user import Role
from cloud.accounts.users.errors import LastAdminError
from cloud.accounts.wire import Accounts
from cloud.kit.clock import ManualClock
from cloud.kit.feature import Kit
from tests.cloud.conftest import PASSWORD, SignIn

BODY = {"email": "ada@example.org", "password": PASSWORD, "name": "Ada Lovelace"}


async def register(client: httpx.AsyncClient, **more: object) -> httpx.Response:
    return await client.post("/api/v1/users", json=BODY | more)


@pytest.mark.parametrize(
    ("more", "status", "code"),
    [
        ({"email": "not an address"}, 422, "invalid_email"),
        ({"password": "short"}, 422, "weak_password"),
        ({"roles": ["admin"]}, 422, "role_not_open"),
        ({"roles": ["king"]}, 400, "invalid_request"),
        ({"name": "a\nb"}, 400, "invalid_request"),
        ({"phone": "call me"}, 400, "invalid_request"),
        ({"is_admin": True}, 400, "invalid_request"),
    ],
)
async def test_a_registration_that_cannot_be_is_refused_with_a_code(
    client: httpx.AsyncClient, more: dict[str, object], status: int, code: str
):
    answer = await register(client, **more)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_registration_sent_twice_with_one_key_makes_one_user(client: httpx.AsyncClient):
    headers = {"Idempotency-Key": "register-0001"}
    first = await client.post("/api/v1/users", json=BODY, headers=headers)
    again = await client.post("/api/v1/users", json=BODY, headers=headers)
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    other = await client.post("/api/v1/users", json=BODY | {"name": "Eve"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")


async def test_of_two_who_register_one_address_at_once_one_gets_it(client: httpx.AsyncClient):
    answers = await asyncio.gather(*(register(client) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]


async def test_names_and_phones_are_not_readable_in_the_database(
    client: httpx.AsyncClient, kit: Kit
):
    await register(client, phone="+44 20 7946 0000")
    row = await kit.database.pool.fetchrow("SELECT * FROM user_profiles")
    assert row is not None
    assert b"Ada" not in row["name_sealed"]
    assert b"7946" not in row["phone_sealed"]


async def test_only_the_fields_that_are_sent_change(client: httpx.AsyncClient, sign_in: SignIn):
    me = await sign_in("ada@example.org", Role.TRADER)
    change = {
        "phone": "+1 212 555 0100",
        "preferences": {"theme": "dark", "seats": 2, "mail": True},
    }
    changed = await client.patch("/api/v1/users/me", json=change, headers=me)
    assert changed.status_code == 200, changed.text
    assert changed.json()["phone"] == "+1 212 555 0100"
    assert changed.json()["preferences"] == {"theme": "dark", "seats": 2, "mail": True}
    removed = await client.patch("/api/v1/users/me", json={"phone": None}, headers=me)
    assert removed.json()["phone"] is None
    assert removed.json()["name"] == "ada@example.org"
    assert removed.json()["preferences"]["theme"] == "dark"


async def test_a_granted_role_works_after_a_refresh_and_a_taken_one_ends_at_once(
    client: httpx.AsyncClient, sign_in: SignIn, clock: ManualClock
):
    admin = await sign_in("root@example.org", Role.ADMIN)
    driver = await sign_in("ada@example.org")
    assert (await client.get("/api/v1/audit/entries", headers=driver)).status_code == 403
    ada = (await client.get("/api/v1/users/me", headers=driver)).json()["id"]
    role = f"/api/v1/users/{ada}/roles/auditor"
    granted = await client.put(role, json={"reason": "joins the audit team"}, headers=admin)
    assert granted.json()["roles"] == ["auditor", "driver"]
    auditor = await sign_in("ada@example.org")
    assert (await client.get("/api/v1/audit/entries", headers=auditor)).status_code == 200
    clock.advance(timedelta(milliseconds=1))
    taken = await client.delete(role, params={"reason": "has left the team"}, headers=admin)
    assert taken.json()["roles"] == ["driver"]
    refused = await client.get("/api/v1/audit/entries", headers=auditor)
    assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")


async def test_who_grants_and_locks_is_in_the_audit_trail(
    client: httpx.AsyncClient, sign_in: SignIn
):
    admin = await sign_in("root@example.org", Role.ADMIN)
    driver = await sign_in("ada@example.org")
    ada = (await client.get("/api/v1/users/me", headers=driver)).json()["id"]
    root = (await client.get("/api/v1/users/me", headers=admin)).json()["id"]
    path = f"/api/v1/users/{ada}"
    await client.put(f"{path}/roles/operator", json={"reason": "night shift"}, headers=admin)
    await client.put(f"{path}/roles/operator", json={"reason": "again"}, headers=admin)
    await client.put(f"{path}/lock", json={"reason": "stolen laptop"}, headers=admin)
    entries = (await client.get("/api/v1/audit/entries", headers=admin)).json()["items"]
    assert [entry["action"] for entry in entries] == ["user.locked", "role.granted"]
    assert {entry["actor"] for entry in entries} == {root}
    assert {entry["subject"] for entry in entries} == {f"user:{ada}"}
    assert entries[1]["details"] == {"reason": "night shift", "role": "operator"}


async def test_a_locked_user_is_out_at_once_and_cannot_log_in(
    client: httpx.AsyncClient, sign_in: SignIn, clock: ManualClock
):
    admin = await sign_in("root@example.org", Role.ADMIN)
    driver = await sign_in("ada@example.org")
    ada = (await client.get("/api/v1/users/me", headers=driver)).json()["id"]
    clock.advance(timedelta(milliseconds=1))
    lock = f"/api/v1/users/{ada}/lock"
    await client.put(lock, json={"reason": "stolen laptop"}, headers=admin)
    assert (await client.get("/api/v1/users/me", headers=driver)).status_code == 401
    body = {"email": "ada@example.org", "password": PASSWORD}
    refused = await client.post("/api/v1/auth/login", json=body)
    assert (refused.status_code, refused.json()["code"]) == (401, "wrong_credentials")
    await client.delete(lock, params={"reason": "laptop found"}, headers=admin)
    assert (await client.post("/api/v1/auth/login", json=body)).status_code == 200


async def test_the_last_admin_cannot_be_lost(client: httpx.AsyncClient, sign_in: SignIn):
    admin = await sign_in("root@example.org", Role.ADMIN)
    root = (await client.get("/api/v1/users/me", headers=admin)).json()["id"]
    taken = await client.delete(
        f"/api/v1/users/{root}/roles/admin", params={"reason": "try it"}, headers=admin
    )
    assert (taken.status_code, taken.json()["code"]) == (409, "last_admin")
    locked = await client.put(
        f"/api/v1/users/{root}/lock", json={"reason": "try it"}, headers=admin
    )
    assert (locked.status_code, locked.json()["code"]) == (409, "last_admin")
    assert (await client.get("/api/v1/users/me", headers=admin)).json()["roles"] == ["admin"]


async def test_two_admins_who_remove_each_other_at_once_do_not_both_succeed(kit: Kit):
    accounts = Accounts(kit)
    async with kit.database.session() as session:
        users = accounts.users(session)
        pair = [
            (await users.create(f"{name}@example.org", PASSWORD, [Role.ADMIN], name=name)).id
            for name in ("ada", "bob")
        ]

    async def remove(actor: int, other: int) -> bool:
        try:
            async with kit.database.session() as session:
                await accounts.users(session).take(pair[actor], pair[other], Role.ADMIN, "mine")
        except LastAdminError:
            return False
        return True

    assert sorted(await asyncio.gather(remove(0, 1), remove(1, 0))) == [False, True]


async def test_users_are_listed_in_pages_and_by_role(client: httpx.AsyncClient, sign_in: SignIn):
    admin = await sign_in("root@example.org", Role.ADMIN)
    for number in range(5):
        await register(client, email=f"driver{number}@example.org")
    met: list[str] = []
    cursor: str | None = None
    for _ in range(9):
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/api/v1/users", params=params, headers=admin)).json()
        met += [item["email"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(met) == len(set(met)) == 6
    admins = await client.get("/api/v1/users", params={"role": "admin"}, headers=admin)
    assert [item["email"] for item in admins.json()["items"]] == ["root@example.org"]
    missing = await client.get(f"/api/v1/users/{uuid4()}", headers=admin)
    assert (missing.status_code, missing.json()["code"]) == (404, "user_not_found")
