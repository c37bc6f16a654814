"""The kill switch stops what it should, stays off after a restart, and is held by whoever may."""

from collections.abc import AsyncIterator

import pytest

from cloud.accounts.user import Role
from cloud.kit.feature import Kit
from tests.support.venue_app import VenueApp, venue_app
from trading.commands import ListInstrument, SetPhase
from trading.events import OrderAccepted, OrderRejected
from trading.instruments import CONTINUOUS, Instrument
from trading.orders import BUY
from trading.reasons import Reason

OWN = "/api/v1/exchange/kill-switch"
ALL = "/api/v1/exchange/kill-switches"
ON, OFF = {"is_on": True, "reason": "runaway program"}, {"is_on": False, "reason": "repaired"}


@pytest.fixture
async def app(kit: Kit) -> AsyncIterator[VenueApp]:
    async with venue_app(kit) as made:
        await made.submit(ListInstrument(0, 0, Instrument(1, "ACME", 1_000)))
        await made.submit(SetPhase(0, 0, 1, CONTINUOUS))
        yield made


async def test_a_trader_stops_their_own_account_in_all_portfolios_and_no_other(
    app: VenueApp,
) -> None:
    ann = await app.sign_in("ann@example.org", Role.TRADER)
    bob = await app.sign_in("bob@example.org", Role.TRADER)
    first, account = await app.open_portfolio("ann@example.org")
    second, _ = await app.open_portfolio("ann@example.org")
    others, _ = await app.open_portfolio("bob@example.org")
    for portfolio in (first, second, others):
        for price in range(990, 1_000):
            await app.limit(portfolio, BUY, 1, price)
    answer = await app.client.put(OWN, json=ON, headers=ann)
    assert answer.status_code == 200, answer.text
    switch = answer.json()
    assert (switch["is_on"], switch["is_held"]) == (True, False)
    assert (switch["account_id"], switch["cancelled_orders"]) == (account, 20)
    assert len(app.sequencer.engine.venue.orders) == 10
    refused = (await app.limit(second, BUY, 1, 990)).events[0]
    assert isinstance(refused, OrderRejected)
    assert refused.reason == Reason.ACCOUNT_KILLED
    assert isinstance((await app.limit(others, BUY, 1, 990)).events[0], OrderAccepted)
    assert (await app.client.get(OWN, headers=bob)).json()["is_on"] is False
    off = await app.client.put(OWN, json=OFF, headers=ann)
    assert off.json()["is_on"] is False
    assert isinstance((await app.limit(second, BUY, 1, 990)).events[0], OrderAccepted)


async def test_what_the_venue_stopped_only_the_venue_lets_go_on(app: VenueApp) -> None:
    ann = await app.sign_in("ann@example.org", Role.TRADER)
    admin = await app.sign_in("admin@example.org", Role.ADMIN)
    portfolio, account = await app.open_portfolio("ann@example.org")
    held = await app.client.put(f"{ALL}/{account}", json=ON, headers=admin)
    assert held.json()["is_held"] is True
    again = await app.client.put(OWN, json=ON, headers=ann)
    assert again.json()["is_held"] is True
    refused = await app.client.put(OWN, json=OFF, headers=ann)
    assert (refused.status_code, refused.json()["code"]) == (409, "kill_switch_held_by_venue")
    released = await app.client.put(f"{ALL}/{account}", json=OFF, headers=admin)
    assert (released.json()["is_on"], released.json()["is_held"]) == (False, False)
    assert isinstance((await app.limit(portfolio, BUY, 1, 990)).events[0], OrderAccepted)
    own = await app.client.put(OWN, json=ON, headers=ann)
    assert own.json()["is_held"] is False


async def test_the_venues_switch_survives_a_restart(kit: Kit) -> None:
    async with venue_app(kit) as app:
        await app.submit(ListInstrument(0, 0, Instrument(1, "ACME", 1_000)))
        await app.submit(SetPhase(0, 0, 1, CONTINUOUS))
        await app.sign_in("ann@example.org", Role.TRADER)
        admin = await app.sign_in("admin@example.org", Role.ADMIN)
        portfolio, _ = await app.open_portfolio("ann@example.org")
        await app.limit(portfolio, BUY, 1, 990)
        answer = await app.client.put(f"{ALL}/venue", json=ON, headers=admin)
        assert answer.json()["cancelled_orders"] == 1
    async with venue_app(kit) as app:
        admin = await app.sign_in("admin@example.org", Role.ADMIN)
        refused = (await app.limit(portfolio, BUY, 1, 990)).events[0]
        assert isinstance(refused, OrderRejected)
        assert refused.reason == Reason.VENUE_KILLED
        listed = (await app.client.get(ALL, headers=admin)).json()
        assert [(one["account_id"], one["is_on"]) for one in listed] == [(0, True)]


async def test_who_may_turn_which_switch(app: VenueApp) -> None:
    trader = await app.sign_in("ann@example.org", Role.TRADER)
    auditor = await app.sign_in("audit@example.org", Role.AUDITOR)
    admin = await app.sign_in("admin@example.org", Role.ADMIN)
    for path, headers, status in (
        (f"{ALL}/venue", trader, 403),
        (f"{ALL}/1", auditor, 403),
        (OWN, auditor, 403),
        (OWN, trader, 404),
        (f"{ALL}/999", admin, 404),
    ):
        answer = await app.client.put(path, json=ON, headers=headers)
        assert answer.status_code == status, (path, answer.text)
    for body in ({}, {"is_on": 2, "reason": "what"}, {"is_on": True, "reason": "a\nb\u0000"}):
        answer = await app.client.put(f"{ALL}/venue", json=body, headers=admin)
        assert answer.status_code == 400, answer.text
    for path in (f"{ALL}/0", f"{ALL}/-1", f"{ALL}/{10**30}"):
        answer = await app.client.put(path, json=ON, headers=admin)
        assert answer.status_code in (400, 404), (path, answer.text)
    assert not app.sequencer.engine.venue.is_killed


async def test_who_turned_it_and_why_is_recorded(app: VenueApp) -> None:
    admin = await app.sign_in("admin@example.org", Role.ADMIN)
    await app.client.put(f"{ALL}/venue", json=ON, headers=admin)
    acts = (await app.client.get("/api/v1/exchange/acts", headers=admin)).json()["items"]
    assert [(one["kind"], one["state"], one["reason"]) for one in acts] == [
        ("kill_switch_on", "done", "runaway program")
    ]
    trail = await app.client.get(
        "/api/v1/audit/entries?action=exchange.kill_switch_on", headers=admin
    )
    assert [entry["details"]["state"] for entry in trail.json()["items"]] == ["done", "asked"]
