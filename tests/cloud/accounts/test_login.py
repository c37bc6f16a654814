"""Log in, refresh, log out, as a client meets them."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from cloud.kit.clock import ManualClock
from tests.cloud.conftest import PASSWORD

EMAIL = "ada@example.org"


async def register(client: httpx.AsyncClient, email: str = EMAIL, **more: Any) -> httpx.Response:
    body = {"email": email, "password": PASSWORD, "name": "Ada", **more}
    return await client.post("/api/v1/users", json=body)


async def log_in(
    client: httpx.AsyncClient, email: str = EMAIL, password: str = PASSWORD
) -> httpx.Response:
    return await client.post("/api/v1/auth/login", json={"email": email, "password": password})


async def refresh(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.post("/api/v1/auth/refresh", json={"refresh_token": token})


def bearer(tokens: httpx.Response) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens.json()['access_token']}"}


@pytest.fixture
async def tokens(client: httpx.AsyncClient) -> httpx.Response:
    assert (await register(client)).status_code == 201
    answer = await log_in(client)
    assert answer.status_code == 200, answer.text
    return answer


async def test_who_registers_can_log_in_and_see_who_they_are(
    client: httpx.AsyncClient, tokens: httpx.Response
) -> None:
    me = await client.get("/api/v1/users/me", headers=bearer(tokens))
    assert me.status_code == 200
    assert me.json()["email"] == EMAIL
    assert me.json()["name"] == "Ada"
    assert me.json()["roles"] == ["driver"]
    assert tokens.json()["token_type"] == "Bearer"
    assert tokens.json()["expires_in"] == 600


async def test_an_unknown_address_and_a_wrong_password_get_the_same_answer(
    client: httpx.AsyncClient, tokens: httpx.Response
) -> None:
    wrong = await log_in(client, password="not the password")
    unknown = await log_in(client, email="nobody@example.org")
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json() | {"correlation_id": ""} == unknown.json() | {"correlation_id": ""}
    assert wrong.json()["code"] == "wrong_credentials"


async def test_an_address_is_found_however_it_is_spelled(
    client: httpx.AsyncClient, tokens: httpx.Response
) -> None:
    assert (await log_in(client, email="  ADA@Example.ORG ")).status_code == 200
    assert (await register(client, "Ada@example.org")).json()["code"] == "email_taken"


async def test_an_access_token_expires_and_a_refresh_brings_the_next(
    client: httpx.AsyncClient, tokens: httpx.Response, clock: ManualClock
) -> None:
    clock.advance(timedelta(seconds=600))
    assert (await client.get("/api/v1/users/me", headers=bearer(tokens))).status_code == 401
    answer = await refresh(client, tokens.json()["refresh_token"])
    assert answer.status_code == 200
    assert (await client.get("/api/v1/users/me", headers=bearer(answer))).status_code == 200


async def test_a_refresh_token_shown_twice_ends_the_login_for_everybody(
    client: httpx.AsyncClient, tokens: httpx.Response
) -> None:
    stolen = tokens.json()["refresh_token"]
    thief = await refresh(client, stolen)
    assert thief.status_code == 200
    victim = await refresh(client, stolen)
    assert (victim.status_code, victim.json()["code"]) == (401, "refresh_reused")
    assert (await refresh(client, thief.json()["refresh_token"])).json()[
        "code"
    ] == "refresh_refused"
    assert (await client.get("/api/v1/users/me", headers=bearer(thief))).status_code == 401


async def test_a_login_that_is_not_used_ends_by_itself(
    client: httpx.AsyncClient, tokens: httpx.Response, clock: ManualClock
) -> None:
    clock.advance(timedelta(days=30))
    answer = await refresh(client, tokens.json()["refresh_token"])
    assert answer.json()["code"] == "refresh_refused"


async def test_after_log_out_the_access_token_is_refused_at_once(
    client: httpx.AsyncClient, tokens: httpx.Response
) -> None:
    assert (await client.post("/api/v1/auth/logout", headers=bearer(tokens))).status_code == 204
    assert (await client.get("/api/v1/users/me", headers=bearer(tokens))).status_code == 401
    assert (await refresh(client, tokens.json()["refresh_token"])).status_code == 401


async def test_a_user_sees_their_logins_and_ends_another_one(
    client: httpx.AsyncClient, tokens: httpx.Response
) -> None:
    other = await log_in(client)
    listed = (await client.get("/api/v1/auth/logins", headers=bearer(tokens))).json()
    assert len(listed) == 2
    (other_id,) = [login["id"] for login in listed if not login["is_this"]]
    ended = await client.delete(f"/api/v1/auth/logins/{other_id}", headers=bearer(tokens))
    assert ended.status_code == 204
    assert (await client.get("/api/v1/users/me", headers=bearer(other))).status_code == 401
    assert (await client.get("/api/v1/users/me", headers=bearer(tokens))).status_code == 200


async def test_nobody_ends_the_login_of_somebody_else(
    client: httpx.AsyncClient, tokens: httpx.Response
) -> None:
    await register(client, "bob@example.org")
    bob = await log_in(client, "bob@example.org")
    (login,) = (await client.get("/api/v1/auth/logins", headers=bearer(tokens))).json()
    answer = await client.delete(f"/api/v1/auth/logins/{login['id']}", headers=bearer(bob))
    assert (answer.status_code, answer.json()["code"]) == (404, "login_not_found")


async def test_a_new_password_ends_every_other_login(
    client: httpx.AsyncClient, tokens: httpx.Response
) -> None:
    other = await log_in(client)
    body = {"current_password": PASSWORD, "new_password": "another good one"}
    answer = await client.put("/api/v1/auth/password", json=body, headers=bearer(tokens))
    assert answer.status_code == 204, answer.text
    assert (await client.get("/api/v1/users/me", headers=bearer(other))).status_code == 401
    assert (await client.get("/api/v1/users/me", headers=bearer(tokens))).status_code == 200
    assert (await log_in(client)).status_code == 401
    assert (await log_in(client, password="another good one")).status_code == 200


async def test_guessing_passwords_of_one_account_is_stopped_for_that_account_only(
    client: httpx.AsyncClient, tokens: httpx.Response
) -> None:
    await register(client, "bob@example.org")
    answers = [(await log_in(client, password=f"guess number {n}")).status_code for n in range(11)]
    assert answers == [401] * 10 + [429]
    stopped = await log_in(client)
    assert stopped.status_code == 429
    assert int(stopped.headers["retry-after"]) > 0
    assert (await log_in(client, "bob@example.org")).status_code == 200
