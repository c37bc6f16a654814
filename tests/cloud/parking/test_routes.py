"""Parking over HTTP: one driver's day, one operator's morning, and what others may not do."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from cloud.accounts.user import Role
from cloud.kit.clock import ManualClock
from protocols.portable import codes
from tests.cloud.conftest import SignIn
from tests.cloud.parking.conftest import World

Headers = dict[str, str]


@pytest.fixture
async def operator(sign_in: SignIn) -> Headers:
    return await sign_in("olga@example.org", Role.OPERATOR)


@pytest.fixture
async def driver(sign_in: SignIn) -> Headers:
    return await sign_in("dora@example.org", Role.DRIVER)


async def ok(answer: httpx.Response, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


def window(clock: ManualClock) -> dict[str, str]:
    starts_at = clock.now() + timedelta(hours=3)
    return {
        "lot": "elm",
        "starts_at": starts_at.isoformat(),
        "ends_at": (starts_at + timedelta(hours=2)).isoformat(),
    }


async def test_an_operator_builds_a_lot_and_sees_it_at_a_glance(
    world: World, client: httpx.AsyncClient, operator: Headers, driver: Headers
) -> None:
    lot = {"id": "oak", "site": "elm-street", "name": "Oak", "timezone": "Europe/Berlin"}
    await ok(await client.post("/api/v1/lots", json=lot, headers=operator), 201)
    again = await client.post("/api/v1/lots", json=lot, headers=operator)
    assert (again.status_code, again.json()["code"]) == (409, "lot_exists")
    floor = {"number": -1, "name": "Basement"}
    made = await ok(await client.post("/api/v1/lots/oak/floors", json=floor, headers=operator), 201)
    spaces = {
        "spaces": [{"name": "H1", "type": "accessible", "features": ["near_lift", "wide"]}],
        "runs": [{"prefix": "B", "count": 30}, {"prefix": "C", "count": 4, "type": "charging"}],
    }
    path = f"/api/v1/lots/oak/floors/{made['id']}/spaces"
    created = await ok(await client.post(path, json=spaces, headers=operator), 201)
    assert created == {"created": 35, "capacity": 35}
    taken = await client.post(path, json={"runs": [{"prefix": "B", "count": 1}]}, headers=operator)
    assert (taken.status_code, taken.json()["code"]) == (409, "space_exists")
    tariff = {"hourly_cents": {"standard": 150, "charging": 300}, "daily_cap_cents": 1200}
    await ok(
        await client.post("/api/v1/lots/oak/pricing-models", json=tariff, headers=operator), 201
    )
    full = await ok(await client.get("/api/v1/lots/oak/occupancy", headers=driver))
    assert full["free_by_type"] == {"accessible": 1, "charging": 4, "standard": 30}
    glance = await ok(await client.get("/api/v1/lots/oak/overview", headers=operator))
    assert glance["occupancy"]["state"] == "open"
    policy = {"mode": "closed", "reason": "resurfacing"}
    shown = await ok(await client.patch("/api/v1/lots/oak/policy", json=policy, headers=operator))
    assert shown["mode"] == "closed"
    days = {"first": "2026-03-01", "last": "2026-03-03"}
    revenue = await ok(await client.get("/api/v1/lots/oak/revenue", params=days, headers=operator))
    assert [day["day"] for day in revenue] == ["2026-03-01", "2026-03-02", "2026-03-03"]
    acts = await world.rows("SELECT action FROM audit_log WHERE subject = 'lot:oak'")
    assert {act["action"] for act in acts} == {
        "lot.created",
        "floor.created",
        "spaces.created",
        "tariff.added",
        "lot.policy_changed",
    }


async def test_a_drivers_day_from_vehicle_to_receipt(
    world: World, client: httpx.AsyncClient, driver: Headers, operator: Headers
) -> None:
    vehicle = {"plate": "b-AB 1234", "size": "compact"}
    car = await ok(await client.post("/api/v1/vehicles", json=vehicle, headers=driver), 201)
    twin = await client.post("/api/v1/vehicles", json={"plate": "BAB1234"}, headers=driver)
    assert twin.json()["code"] == "vehicle_exists"
    card = {"uid": "04:a2:24:5f:11:22:33", "vehicle_id": car["id"]}
    tag = await ok(await client.post("/api/v1/tags/mine", json=card, headers=driver), 201)
    assert tag["uid_end"] == "2233"
    me = await ok(await client.get("/api/v1/users/me", headers=driver))
    credit = {"amount_minor": 5_000, "currency": "EUR", "reason": "opening gift"}
    path = f"/api/v1/users/{me['id']}/credits"
    await ok(await client.post(path, json=credit, headers=operator), 201)

    data = window(world.clock) | {"vehicle_id": car["id"], "confirm": True}
    key = {"Idempotency-Key": "book-once-1"}
    booked = await ok(await client.post("/api/v1/bookings", json=data, headers=driver | key), 201)
    same = await ok(await client.post("/api/v1/bookings", json=data, headers=driver | key), 201)
    assert booked["id"] == same["id"]
    assert (booked["state"], booked["price_cents"]) == ("confirmed", 400)
    mine = await ok(await client.get("/api/v1/bookings", headers=driver))
    assert [b["id"] for b in mine["items"]] == [booked["id"]]

    start = world.clock.now() + timedelta(hours=3)
    uid = "04a2245f112233"
    await world.take(
        *world.entry.lets_through(start, uid, codes.RIGHT_VALID, right=booked["id"]),
        *world.exit.lets_through(start + timedelta(hours=1), uid, codes.EXIT_VALID),
    )
    (stay,) = (await ok(await client.get("/api/v1/stays", headers=driver)))["items"]
    assert (stay["basis"], stay["state"], stay["fee_cents"]) == ("booking", "closed", 400)
    receipt = await ok(await client.get(f"/api/v1/stays/{stay['id']}/receipt", headers=driver))
    assert receipt["total_cents"] == receipt["paid_cents"] == 400
    booking_receipt = await ok(
        await client.get(f"/api/v1/bookings/{booked['id']}/receipt", headers=driver)
    )
    kinds = {payment["kind"] for payment in booking_receipt["payments"]}
    assert kinds == {"booking_held", "booking_charged"}
    log = await ok(await client.get("/api/v1/access-log", headers=driver))
    assert [entry["reason"] for entry in log["items"]] == [codes.EXIT_VALID, codes.RIGHT_VALID]
    shown = await ok(await client.get("/api/v1/lots/elm/access-log", headers=operator))
    assert {entry["recheck"] for entry in shown["items"]} <= {"agrees", "disagrees"}


async def test_what_belongs_to_others_is_not_shown(
    world: World, client: httpx.AsyncClient, driver: Headers, sign_in: SignIn, operator: Headers
) -> None:
    card = {"uid": "04a2245f112233"}
    tag = await ok(await client.post("/api/v1/tags/mine", json=card, headers=driver), 201)
    held = await ok(
        await client.post("/api/v1/bookings", json=window(world.clock), headers=driver), 201
    )
    other = await sign_in("eve@example.org", Role.DRIVER)
    for method, path in (
        ("GET", f"/api/v1/bookings/{held['id']}"),
        ("POST", f"/api/v1/bookings/{held['id']}/cancel"),
        ("GET", f"/api/v1/bookings/{held['id']}/receipt"),
        ("POST", f"/api/v1/tags/mine/{tag['id']}/lost"),
    ):
        answer = await client.request(method, path, headers=other)
        assert answer.status_code == 404, path
    stolen = await client.post("/api/v1/tags/mine", json=card, headers=other)
    assert stolen.json()["code"] == "tag_exists"
    for path in ("overview", "stays", "exceptions", "access-log", "bookings", "permits"):
        answer = await client.get(f"/api/v1/lots/elm/{path}", headers=other)
        assert answer.status_code == 403, path
    assert (await client.get(f"/api/v1/bookings/{held['id']}", headers=operator)).status_code == 200
    assert (await client.get("/api/v1/lots")).status_code == 401


async def test_a_lost_card_is_the_drivers_to_find_but_a_blocked_one_is_not(
    client: httpx.AsyncClient, world: World, driver: Headers, operator: Headers
) -> None:
    card = {"uid": "04a2245f112233"}
    tag = await ok(await client.post("/api/v1/tags/mine", json=card, headers=driver), 201)
    path = f"/api/v1/tags/mine/{tag['id']}"
    assert (await ok(await client.post(f"{path}/lost", headers=driver)))["state"] == "lost"
    assert (await ok(await client.post(f"{path}/found", headers=driver)))["state"] == "active"
    block = {"state": "blocked", "reason": "unpaid fees"}
    await ok(await client.put(f"/api/v1/tags/{tag['id']}/state", json=block, headers=operator))
    refused = await client.post(f"{path}/found", headers=driver)
    assert (refused.status_code, refused.json()["code"]) == (409, "tag_blocked")
    acts = await world.rows("SELECT action FROM audit_log ORDER BY sequence DESC LIMIT 1")
    assert acts == [{"action": "tag.state_changed"}]
    # Nor does calling it lost first make a blocked card good again.
    assert (await ok(await client.post(f"{path}/lost", headers=driver)))["state"] == "blocked"
    assert (await client.post(f"{path}/found", headers=driver)).json()["code"] == "tag_blocked"


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"ends_at": "2026-03-02T09:00:00"}, 400, "invalid_request"),
        ({"surprise": 1}, 400, "invalid_request"),
        ({"lot": "nowhere"}, 404, "lot_not_found"),
        ({"ends_at": "2030-03-02T09:00:00Z"}, 422, "window_refused"),
        ({"type": "charging"}, 409, "lot_full"),
        ({"tag_id": "00000000-0000-0000-0000-000000000000"}, 404, "tag_not_found"),
        ({"confirm": True}, 402, "insufficient_funds"),
    ],
)
async def test_a_booking_that_cannot_be_gets_a_stable_code(
    world: World,
    client: httpx.AsyncClient,
    driver: Headers,
    change: dict[str, Any],
    status: int,
    code: str,
) -> None:
    data = window(world.clock) | change
    answer = await client.post("/api/v1/bookings", json=data, headers=driver)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert await world.rows("SELECT 1 FROM bookings") == []


async def test_pages_of_the_access_log_neither_repeat_nor_skip(
    world: World, client: httpx.AsyncClient, operator: Headers
) -> None:
    start = world.clock.now()
    for minute in range(5):
        at = start + timedelta(minutes=minute // 2)
        await world.take(world.entry.decides(at, codes.UNKNOWN_TAG, uid=f"0badc0d{minute}"))
    seen: list[str] = []
    params: dict[str, Any] = {"limit": 2, "admitted": False}
    while True:
        page = await ok(
            await client.get("/api/v1/lots/elm/access-log", params=params, headers=operator)
        )
        seen += [entry["id"] for entry in page["items"]]
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]
    assert len(seen) == len(set(seen)) == 5


async def test_rights_recomputed_by_an_admin_are_as_they_were(
    world: World, client: httpx.AsyncClient, sign_in: SignIn
) -> None:
    await world.driver()
    admin = await sign_in("ada@example.org", Role.ADMIN)
    answer = await client.post("/api/v1/parking/rights/recompute", headers=admin)
    assert await ok(answer) == {"changed": 0}
    acts = await world.rows("SELECT details FROM audit_log WHERE action = 'rights.recomputed'")
    assert len(acts) == 1


@pytest.mark.parametrize(
    "leaf", ["access-log", "bookings", "permits", "stays", "exceptions", "pricing-models"]
)
async def test_a_lot_that_is_not_there_is_said_not_shown_empty(
    world: World, client: httpx.AsyncClient, operator: Headers, leaf: str
) -> None:
    assert await ok(await client.get(f"/api/v1/lots/elm/{leaf}", headers=operator))
    missing = await client.get(f"/api/v1/lots/nowhere/{leaf}", headers=operator)
    assert (missing.status_code, missing.json()["code"]) == (404, "lot_not_found")
