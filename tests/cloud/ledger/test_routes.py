"""Wallets over HTTP: top-up by the demo card, statements, credits by an operator."""

import dataclasses

import pytest

from cloud.accounts.user import Role
from cloud.kit.settings import Settings

TOP_UP = {"amount_minor": 2500, "currency": "EUR", "provider": "demo-card", "card": "4242"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return dataclasses.replace(settings, demo_payments=True)


async def test_a_top_up_with_the_demo_card_happens_once_per_key(client, sign_in):
    me = await sign_in()
    for _ in range(2):
        answer = await client.post(
            "/api/v1/wallet/top-ups", json=TOP_UP, headers=me | {"Idempotency-Key": "pay-once-1"}
        )
        assert answer.status_code == 201, answer.text
    assert (await client.get("/api/v1/wallet", headers=me)).json() == [
        {"currency": "EUR", "available_minor": 2500, "held_minor": 0, "owed_minor": 0}
    ]
    statement = (await client.get("/api/v1/wallet/statement", headers=me)).json()
    (line,) = statement["items"]
    assert line["memo"] == "Demo card (no real money), ending in 4242"


async def test_a_declined_card_and_an_unknown_provider_move_nothing(client, sign_in):
    me = await sign_in()
    for change, code in (
        ({"card": "0000"}, "payment_declined"),
        ({"provider": "gold"}, "payment_provider_not_found"),
    ):
        answer = await client.post("/api/v1/wallet/top-ups", json=TOP_UP | change, headers=me)
        assert answer.json()["code"] == code
    assert (await client.get("/api/v1/wallet", headers=me)).json() == []


async def test_a_malformed_amount_is_a_bad_request(client, sign_in):
    me = await sign_in()
    for amount in (0, -5, 1.5, "five", 10**13):
        body = TOP_UP | {"amount_minor": amount}
        answer = await client.post("/api/v1/wallet/top-ups", json=body, headers=me)
        assert answer.status_code == 400, amount


async def test_an_operator_credits_a_wallet_and_the_trail_says_so(client, sign_in):
    driver, operator = await sign_in(), await sign_in("op@example.org", Role.OPERATOR)
    user_id = (await client.get("/api/v1/users/me", headers=driver)).json()["id"]
    body = {"amount_minor": 700, "currency": "EUR", "reason": "Barrier was stuck."}
    path = f"/api/v1/users/{user_id}/credits"
    assert (await client.post(path, json=body, headers=driver)).status_code == 403
    answer = await client.post(path, json=body, headers=operator)
    assert answer.json()["available_minor"] == 700
    auditor = await sign_in("audit@example.org", Role.AUDITOR)
    trail = (await client.get("/api/v1/audit/entries", headers=auditor)).text
    assert "wallet.credited" in trail
    assert "Barrier was stuck." in trail


async def test_nobody_cannot_be_credited(client, sign_in):
    operator = await sign_in("op@example.org", Role.OPERATOR)
    body = {"amount_minor": 700, "currency": "EUR", "reason": "Barrier was stuck."}
    path = "/api/v1/users/00000000-0000-7000-8000-000000000000/credits"
    assert (await client.post(path, json=body, headers=operator)).status_code == 404


class TestWithoutDemoPayments:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return dataclasses.replace(settings, demo_payments=False)

    async def test_the_demo_card_is_not_offered(self, client, sign_in):
        me = await sign_in()
        assert (await client.get("/api/v1/wallet/providers", headers=me)).json() == []
        answer = await client.post("/api/v1/wallet/top-ups", json=TOP_UP, headers=me)
        assert answer.json()["code"] == "payment_provider_not_found"
