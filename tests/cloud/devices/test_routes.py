"""Sites, gates, commands and alerts as operators and technicians meet them over HTTP."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud.accounts.user import Role
from cloud.devices.alerts.book import AlertBook
from cloud.devices.alerts.rules import Raise
from cloud.devices.commands.rules import next_counter
from cloud.devices.database import transaction
from cloud.devices.enrolment.ca import csr_pem, load_private_key, new_private_key_pem
from cloud.devices.wire import Devices
from cloud.events.outbox import Outbox
from cloud.kit.clock import ManualClock
from cloud.kit.feature import Kit
from tests.cloud.conftest import SignIn

Headers = dict[str, str]


def fresh_csr() -> str:
    return csr_pem(load_private_key(new_private_key_pem()), "x")


@pytest.fixture
async def operator(sign_in: SignIn) -> Headers:
    """Signed in as one who runs car parks."""
    return await sign_in("op@example.org", Role.OPERATOR)


@pytest.fixture
async def technician(sign_in: SignIn) -> Headers:
    """Signed in as one who puts up gates."""
    return await sign_in("tech@example.org", Role.TECHNICIAN)


async def add_gate(client: httpx.AsyncClient, headers: Headers) -> None:
    site = {"id": "elm", "name": "Elm Street", "timezone": "Europe/Paris"}
    assert (await client.post("/api/v1/sites", json=site, headers=headers)).status_code == 201
    lane = {"id": "elm-in", "lot": "elm", "name": "North entry", "direction": "entry"}
    made = await client.post("/api/v1/sites/elm/lanes", json=lane, headers=headers)
    assert made.status_code == 201
    gate = {"id": "elm-in-1", "lane": "elm-in"}
    made = await client.post("/api/v1/sites/elm/gates", json=gate, headers=headers)
    assert made.status_code == 201, made.text


async def enrol(client: httpx.AsyncClient, headers: Headers) -> dict[str, Any]:
    request = {"csr_pem": fresh_csr()}
    made = await client.post("/api/v1/gates/elm-in-1/enrol", json=request, headers=headers)
    assert made.status_code == 200, made.text
    body: dict[str, Any] = made.json()
    return body


async def actions(pool: Any) -> list[str]:
    rows = await pool.fetch("SELECT action FROM audit_log ORDER BY sequence")
    return [row["action"] for row in rows]


async def test_a_technician_makes_a_trusted_gate_out_of_a_bare_one(
    client: httpx.AsyncClient, technician: Headers
) -> None:
    await add_gate(client, technician)
    identity = await enrol(client, technician)
    assert (identity["gate"], identity["site"]) == ("elm-in-1", "elm")
    assert len(identity["gate_key"]) == len(identity["card_master_key"]) == 64
    gate = (await client.get("/api/v1/gates/elm-in-1", headers=technician)).json()
    assert (gate["state"], gate["lane"]["direction"], gate["health"]["online"]) == (
        "enrolled",
        "entry",
        False,
    )


async def test_a_driver_may_nothing_of_this(
    client: httpx.AsyncClient, technician: Headers, sign_in: SignIn
) -> None:
    await add_gate(client, technician)
    driver = await sign_in("driver@example.org", Role.DRIVER)
    for method, path, body in [
        ("GET", "/api/v1/sites", None),
        ("POST", "/api/v1/gates/elm-in-1/open", {"reason": "let me in"}),
        ("POST", "/api/v1/gates/elm-in-1/enrol", {"csr_pem": fresh_csr()}),
        ("GET", "/api/v1/alerts", None),
    ]:
        answer = await client.request(method, path, json=body, headers=driver)
        assert answer.status_code == 403, path


async def test_a_remote_open_needs_a_reason_and_leaves_a_trace(
    client: httpx.AsyncClient, operator: Headers, technician: Headers, pool: Any
) -> None:
    await add_gate(client, technician)
    path = "/api/v1/gates/elm-in-1/open"
    early = await client.post(path, json={"reason": "lost ticket"}, headers=operator)
    assert (early.status_code, early.json()["code"]) == (409, "gate_not_ready")
    await enrol(client, technician)
    nothing = await client.post(path, json={"reason": ""}, headers=operator)
    assert nothing.status_code == 400
    opened = await client.post(path, json={"reason": "lost ticket"}, headers=operator)
    assert opened.status_code == 202, opened.text
    command = opened.json()
    status = await client.get(f"/api/v1/commands/{command['id']}", headers=operator)
    assert (status.json()["state"], status.json()["reason"]) == ("queued", "lost ticket")
    row = await pool.fetchrow("SELECT * FROM audit_log WHERE action = 'gate.opened'")
    assert row["subject"] == "gate:elm-in-1"
    assert "lost ticket" in row["details"]


async def test_the_same_key_opens_once(
    client: httpx.AsyncClient, operator: Headers, technician: Headers, pool: Any
) -> None:
    await add_gate(client, technician)
    await enrol(client, technician)
    headers = operator | {"Idempotency-Key": "a-key-of-this-click"}
    path, body = "/api/v1/gates/elm-in-1/open", {"reason": "lost ticket"}
    first = await client.post(path, json=body, headers=headers)
    second = await client.post(path, json=body, headers=headers)
    assert first.json()["id"] == second.json()["id"]
    assert await pool.fetchval("SELECT count(*) FROM device_commands") == 1


async def test_out_of_service_reaches_the_sites_picture_and_the_trail(
    client: httpx.AsyncClient,
    operator: Headers,
    technician: Headers,
    kit: Kit,
    pool: Any,
    outbox: Outbox,
) -> None:
    await add_gate(client, technician)
    await enrol(client, technician)
    body = {"out_of_service": True, "reason": "arm bent"}
    path = "/api/v1/gates/elm-in-1/out-of-service"
    assert (await client.put(path, json=body, headers=operator)).json()["out_of_service"]
    devices = Devices(kit, outbox)
    async with kit.database.session() as session:
        picture = await devices.desired.picture(session, "elm")
    assert picture is not None
    assert [gate.out_of_service for gate in picture.gates] == [True]
    assert "gate.out_of_service" in await actions(pool)


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/api/v1/sites", {"id": "Elm!", "name": "x"}, 400, "invalid_request"),
        ("/api/v1/sites", {"id": "elm", "name": "x"}, 409, "id_taken"),
        ("/api/v1/sites", {"id": "oak", "name": "x", "timezone": "Mars/Base"}, 400, "bad_id"),
        ("/api/v1/sites/elm/gates", {"id": "cloud", "lane": "elm-in"}, 400, "bad_id"),
        ("/api/v1/sites/elm/gates", {"id": "site-elm", "lane": "elm-in"}, 400, "bad_id"),
        ("/api/v1/sites/elm/gates", {"id": "elm-in-2", "lane": "elm-in"}, 409, "id_taken"),
        ("/api/v1/sites/elm/gates", {"id": "elm-in-2", "lane": "nowhere"}, 404, "lane_not_found"),
        ("/api/v1/sites/nowhere/gates", {"id": "abc", "lane": "abc"}, 404, "site_not_found"),
        ("/api/v1/gates/nowhere/reboot", {"reason": "hangs"}, 404, "gate_not_found"),
        (
            "/api/v1/gates/elm-in-1/enrol",
            {"csr_pem": "x" * 100},
            400,
            "bad_certificate_request",
        ),
    ],
)
async def test_bad_input_gets_a_stable_code(
    client: httpx.AsyncClient,
    sign_in: SignIn,
    path: str,
    body: dict[str, Any],
    status: int,
    code: str,
) -> None:
    admin = await sign_in("admin@example.org", Role.ADMIN)
    await add_gate(client, admin)
    answer = await client.post(path, json=body, headers=admin)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


async def test_an_alert_is_acknowledged_once_and_a_happening_ends_with_it(
    client: httpx.AsyncClient,
    operator: Headers,
    technician: Headers,
    kit: Kit,
    outbox: Outbox,
    pool: Any,
) -> None:
    await add_gate(client, technician)
    book = AlertBook(outbox=outbox, ids=kit.ids, clock=kit.clock)
    async with transaction(pool) as connection:
        copied = Raise("elm", "elm-in-1", "copied_card", "1/2", {"tag": "aa"})
        await book.change(connection, [copied, Raise("elm", "elm-in-1", "gate_offline")])
    listed = (await client.get("/api/v1/alerts?site=elm", headers=operator)).json()["items"]
    assert {alert["kind"] for alert in listed} == {"copied_card", "gate_offline"}
    for alert in listed:
        path = f"/api/v1/alerts/{alert['id']}/acknowledge"
        seen = await client.post(path, json={"note": "called the driver"}, headers=operator)
        assert seen.status_code == 200, seen.text
        again = await client.post(path, json={"note": "me too"}, headers=technician)
        assert again.json()["note"] == "called the driver"
    left = (await client.get("/api/v1/alerts", headers=operator)).json()["items"]
    assert [alert["kind"] for alert in left] == ["gate_offline"]


async def test_pages_of_a_gates_events_do_not_overlap(
    client: httpx.AsyncClient, operator: Headers, technician: Headers, pool: Any, kit: Kit
) -> None:
    await add_gate(client, technician)
    for seq in range(5):
        await pool.execute(
            "INSERT INTO device_events (device, boot, seq, site, heard_ms, clock, kind, data,"
            " received_at) VALUES ('elm-in-1', 1, $1, 'elm', 0, 'set', 'boot', '{}', $2)",
            seq,
            kit.clock.now(),
        )
    path = "/api/v1/gates/elm-in-1/events?limit=3"
    first = (await client.get(path, headers=operator)).json()
    rest = await client.get(f"{path}&cursor={first['next_cursor']}", headers=operator)
    seqs = [item["seq"] for item in [*first["items"], *rest.json()["items"]]]
    assert seqs == [4, 3, 2, 1, 0]
    assert rest.json()["next_cursor"] is None


@given(st.lists(st.integers(0, 2**41), min_size=1))
def test_a_counter_never_comes_twice_whatever_the_clock_does(times_ms: list[int]) -> None:
    last: int | None = None
    for now_ms in times_ms:
        counter = next_counter(last, now_ms)
        assert last is None or counter > last
        last = counter


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(jumps_s=st.lists(st.integers(-1_000, 1_000), min_size=2, max_size=6))
async def test_counters_in_the_database_only_grow_also_when_two_are_given_at_once(
    kit: Kit, devices: Devices, clock: ManualClock, pool: Any, jumps_s: list[int]
) -> None:
    async def give() -> int:
        async with kit.database.session() as session:
            command = await devices.commands(session).reboot(kit.ids.new(), "elm-in", "again")
        return int(
            await pool.fetchval("SELECT counter FROM device_commands WHERE id = $1", command.id)
        )

    await pool.execute("UPDATE gates SET state = 'enrolled' WHERE id = 'elm-in'")
    last = 0
    for jump_s in jumps_s:
        clock.advance(timedelta(seconds=jump_s))
        both = sorted(await asyncio.gather(give(), give()))
        assert last < both[0] < both[1]
        last = both[1]
