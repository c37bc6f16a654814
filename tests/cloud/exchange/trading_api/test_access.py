"""Who may use /v2: by key, by token, for one portfolio; and keys over their life."""

from datetime import timedelta

import httpx
import pytest

from cloud.accounts.user import Role
from cloud.exchange.public_ids import portfolio_uuid
from tests.support.trading_clients import Trader, Venue
from tests.support.venue_app import VenueApp

KEYS = "/api/v1/api-keys"


def apca(trader: Trader) -> dict[str, str]:
    return {"APCA-API-KEY-ID": trader.key, "APCA-API-SECRET-KEY": trader.secret}


@pytest.fixture
def app(venue: Venue) -> VenueApp:
    return venue.app


async def account(app: VenueApp, headers: dict[str, str]) -> httpx.Response:
    return await app.client.get("/v2/account", headers=headers)


async def test_a_key_is_good_for_its_portfolio_only(app: VenueApp, ada: Trader):
    other, _ = await app.open_portfolio("ada@example.org")
    answer = await account(app, apca(ada))
    assert answer.json()["id"] == str(portfolio_uuid(ada.portfolio_id))
    # Naming another portfolio does not help.
    answer = await account(app, apca(ada) | {"Curb-Portfolio-Id": str(portfolio_uuid(other))})
    assert answer.json()["id"] == str(portfolio_uuid(ada.portfolio_id))


async def test_a_token_takes_the_first_portfolio_or_the_one_named(app: VenueApp, ada: Trader):
    other, _ = await app.open_portfolio("ada@example.org")
    answer = await account(app, ada.headers)
    assert answer.json()["id"] == str(portfolio_uuid(ada.portfolio_id))
    named = ada.headers | {"Curb-Portfolio-Id": str(portfolio_uuid(other))}
    assert (await account(app, named)).json()["id"] == str(portfolio_uuid(other))
    await app.sign_in("eve@example.org", Role.TRADER)
    theirs, _ = await app.open_portfolio("eve@example.org")
    for wrong in (str(portfolio_uuid(theirs)), "x", "00000000-0000-4000-8000-000000000000"):
        answer = await account(app, ada.headers | {"Curb-Portfolio-Id": wrong})
        assert (answer.status_code, answer.json()["code"]) == (404, 40410000)


async def test_whoever_is_not_known_is_refused_in_alpacas_shape(app: VenueApp, ada: Trader):
    for headers in (
        {},
        {"Authorization": "Bearer x.y.z"},
        {"Authorization": "Basic eA=="},
        {"APCA-API-KEY-ID": ada.key},
        {"APCA-API-KEY-ID": ada.key, "APCA-API-SECRET-KEY": "wrong"},
        {"APCA-API-KEY-ID": "CKNOBODY", "APCA-API-SECRET-KEY": ada.secret},
        {"APCA-API-KEY-ID": "x" * 10_000, "APCA-API-SECRET-KEY": ada.secret},
        {"APCA-API-KEY-ID": "", "APCA-API-SECRET-KEY": ""},
    ):
        answer = await account(app, headers)
        assert answer.status_code == 401, headers
        assert set(answer.json()) == {"code", "message", "reason"}
        assert (answer.json()["code"], answer.json()["reason"]) == (40110000, "unauthenticated")


async def test_users_who_do_not_trade_are_refused(app: VenueApp):
    driver = await app.sign_in("driver@example.org", Role.DRIVER)
    assert (await account(app, driver)).json()["code"] == 40310000
    fresh = await app.sign_in("fresh@example.org", Role.TRADER)
    answer = await account(app, fresh)
    assert (answer.status_code, answer.json()["code"]) == (403, 40310000)
    assert "/api/v1/portfolios" in answer.json()["message"]


async def test_a_revoked_key_ends(app: VenueApp, ada: Trader):
    (listed,) = (await app.client.get(KEYS, headers=ada.headers)).json()["items"]
    assert listed["id"] == ada.key
    assert "secret" not in listed
    eve = await app.sign_in("eve@example.org", Role.TRADER)
    answer = await app.client.delete(f"{KEYS}/{ada.key}", headers=eve)
    assert answer.status_code == 404
    assert (await account(app, apca(ada))).status_code == 200
    answer = await app.client.delete(f"{KEYS}/{ada.key}", headers=ada.headers)
    assert answer.json()["revoked_at"] is not None
    assert (await account(app, apca(ada))).status_code == 401
    again = await app.client.delete(f"{KEYS}/{ada.key}", headers=ada.headers)
    assert again.json() == answer.json()


async def test_a_lost_role_ends_the_key_within_a_second(app: VenueApp, ada: Trader, clock):
    assert (await account(app, apca(ada))).status_code == 200
    admin = await app.sign_in("admin@example.org", Role.ADMIN)
    me = (await app.client.get("/api/v1/users/me", headers=ada.headers)).json()["id"]
    path = f"/api/v1/users/{me}/roles/trader"
    answer = await app.client.delete(path, params={"reason": "left"}, headers=admin)
    assert answer.status_code == 200, answer.text
    clock.advance(timedelta(seconds=1))
    assert (await account(app, apca(ada))).status_code == 401


async def test_keys_are_made_for_ones_own_portfolios_only(app: VenueApp, ada: Trader):
    eve = await app.sign_in("eve@example.org", Role.TRADER)
    body = {"portfolio_id": str(portfolio_uuid(ada.portfolio_id)), "name": "mine"}
    answer = await app.client.post(KEYS, json=body, headers=eve)
    assert (answer.status_code, answer.json()["code"]) == (404, "portfolio_not_found")
    driver = await app.sign_in("driver@example.org", Role.DRIVER)
    assert (await app.client.post(KEYS, json=body, headers=driver)).status_code == 403
    stored = await app.kit.database.pool.fetchrow("SELECT * FROM api_keys")
    assert ada.secret.encode() not in b"".join(
        value if isinstance(value, bytes) else str(value).encode() for value in stored.values()
    )


async def test_a_process_that_does_not_lead_says_so(kit, client, sign_in):
    headers = await sign_in("ada@example.org", Role.TRADER)
    await VenueAccounts(kit).open("ada@example.org")
    answer = await client.get("/v2/account", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (503, 50310000)
    assert answer.headers["retry-after"] == "1"


class VenueAccounts:
    """A portfolio's rows without an engine behind them."""

    def __init__(self, kit) -> None:
        self._pool = kit.database.pool

    async def open(self, email: str) -> None:
        await self._pool.execute(
            "WITH account AS (INSERT INTO trading_accounts (user_id)"
            " SELECT id FROM users WHERE email = $1 RETURNING id)"
            " INSERT INTO portfolios (account_id, name, currency, created_at)"
            " SELECT id, 'main', 'USD', now() FROM account",
            email,
        )
