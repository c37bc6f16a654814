"""Listing, phases, halts, bands, splits and dividends over HTTP: done, refused, and recorded."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from cloud.accounts.user import Role
from cloud.kit.clock import ManualClock
from cloud.kit.feature import Kit
from tests.support.venue_app import VenueApp, venue_app
from trading.orders import BUY

PATH = "/api/v1/exchange/instruments"
LISTING = {"reference_price": "150.25", "name": "Apple Inc.", "reason": "listed for the test"}


@pytest.fixture
async def app(kit: Kit) -> AsyncIterator[VenueApp]:
    async with venue_app(kit) as made:
        yield made


@pytest.fixture
async def admin(app: VenueApp) -> dict[str, str]:
    return await app.sign_in("admin@example.org", Role.ADMIN)


def tick(app: VenueApp) -> None:
    """Acts of one instant have no order in the list."""
    assert isinstance(app.kit.clock, ManualClock)
    app.kit.clock.advance(timedelta(milliseconds=1))


async def listed(app: VenueApp, admin: dict[str, str], **changes: Any) -> dict[str, Any]:
    tick(app)
    answer = await app.client.put(f"{PATH}/AAPL", json={**LISTING, **changes}, headers=admin)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def act(
    app: VenueApp, admin: dict[str, str], what: str, body: dict[str, Any], *, method: str = "POST"
) -> httpx.Response:
    tick(app)
    return await app.client.request(method, f"{PATH}/AAPL/{what}", json=body, headers=admin)


async def acts(app: VenueApp, admin: dict[str, str]) -> list[dict[str, Any]]:
    answer = await app.client.get("/api/v1/exchange/acts", headers=admin)
    return list(answer.json()["items"])


async def test_an_instrument_is_listed_once_however_often_it_is_sent(
    app: VenueApp, admin: dict[str, str]
) -> None:
    first = await listed(app, admin)
    assert first["phase"] == "closed"
    assert first["reference_price"] == "150.25"
    assert first["name"] == "Apple Inc."
    assert await listed(app, admin) == first
    changed = await listed(app, admin, taker_fee_rate=300)
    assert changed["id"] == first["id"]
    assert changed["taker_fee_rate"] == 300
    assert [one["kind"] for one in await acts(app, admin)] == ["listing", "listing"]
    other = await app.client.put(f"{PATH}/IBM", json=LISTING, headers=admin)
    assert other.json()["id"] != first["id"]
    everything = await app.client.get(f"{PATH}/", headers=admin)
    assert [one["symbol"] for one in everything.json()] == ["AAPL", "IBM"]


async def test_phases_go_where_the_market_allows_and_every_step_is_recorded(
    app: VenueApp, admin: dict[str, str]
) -> None:
    await listed(app, admin)
    answer = await act(app, admin, "phase", {"phase": "continuous", "reason": "open"})
    assert answer.json()["phase"] == "continuous"
    again = await act(app, admin, "phase", {"phase": "continuous", "reason": "open"})
    assert again.status_code == 200
    refused = await act(app, admin, "phase", {"phase": "opening_call", "reason": "try"})
    assert refused.status_code == 409
    assert refused.json()["code"] == "phase_not_allowed"
    tick(app)
    in_use = await app.client.put(f"{PATH}/AAPL", json={**LISTING, "lot_units": 10}, headers=admin)
    assert (in_use.status_code, in_use.json()["code"]) == (409, "instrument_in_use")
    found = [(one["kind"], one["state"], one["refusal"]) for one in await acts(app, admin)]
    assert found == [
        ("listing", "refused", "instrument_in_use"),
        ("phase", "refused", "phase_not_allowed"),
        ("phase", "done", None),
        ("listing", "done", None),
    ]


async def test_a_halt_shows_its_reason_until_it_is_resumed(
    app: VenueApp, admin: dict[str, str]
) -> None:
    await listed(app, admin)
    await act(app, admin, "phase", {"phase": "continuous", "reason": "open"})
    halted = (await act(app, admin, "halt", {"reason": "news pending"})).json()
    assert (halted["phase"], halted["halt_reason"]) == ("halted", "news pending")
    resumed = (await act(app, admin, "resume", {"reason": "news is out"})).json()
    assert (resumed["phase"], resumed["halt_reason"]) == ("volatility_call", None)
    twice = await act(app, admin, "resume", {"reason": "again", "phase": "closed"})
    assert twice.json()["code"] == "phase_not_allowed"


async def test_bands_are_set_and_cancel_what_is_outside(
    app: VenueApp, admin: dict[str, str]
) -> None:
    await listed(app, admin)
    await act(app, admin, "phase", {"phase": "continuous", "reason": "open"})
    await app.sign_in("trader@example.org", Role.TRADER)
    portfolio, _ = await app.open_portfolio("trader@example.org")
    await app.limit(portfolio, BUY, 1, 1_650_000)
    assert len(app.sequencer.engine.venue.orders) == 1
    body = {"lower_price": "140.00", "upper_price": "160.00", "reason": "calm"}
    answer = await act(app, admin, "bands", body, method="PUT")
    assert (answer.json()["lower_price"], answer.json()["upper_price"]) == ("140.00", "160.00")
    assert not app.sequencer.engine.venue.orders
    wrong = {"lower_price": "160", "upper_price": "140", "reason": "upside down"}
    refused = await act(app, admin, "bands", wrong, method="PUT")
    assert (refused.status_code, refused.json()["code"]) == (422, "bands_invalid")


async def test_a_split_happens_once_a_day(app: VenueApp, admin: dict[str, str]) -> None:
    await listed(app, admin)
    await app.sign_in("trader@example.org", Role.TRADER)
    portfolio, _ = await app.open_portfolio("trader@example.org")
    await app.give_units(portfolio, 1, 100)
    body = {"numerator": 4, "denominator": 1, "effective_on": "2026-03-02", "reason": "split"}
    assert (await act(app, admin, "splits", body)).status_code == 201
    again = await act(app, admin, "splits", body)
    assert (again.status_code, again.json()["code"]) == (409, "corporate_action_exists")
    held = await app.kit.database.pool.fetchval("SELECT units FROM positions")
    assert held == 400
    same = {**body, "numerator": 1, "effective_on": "2026-03-03"}
    refused = await act(app, admin, "splits", same)
    assert (refused.status_code, refused.json()["code"]) == (422, "ratio_invalid")
    assert (await act(app, admin, "splits", {**same, "numerator": 2})).status_code == 201


async def test_a_dividend_is_paid_once_a_day_to_the_cent(
    app: VenueApp, admin: dict[str, str]
) -> None:
    await listed(app, admin)
    await app.sign_in("trader@example.org", Role.TRADER)
    portfolio, _ = await app.open_portfolio("trader@example.org", cash=0)
    await app.give_units(portfolio, 1, 1_001)
    body = {"amount": "0.0825", "effective_on": "2026-03-02", "reason": "quarter"}
    assert (await act(app, admin, "dividends", body)).status_code == 201
    assert (await act(app, admin, "dividends", body)).status_code == 409
    cash = await app.kit.database.pool.fetchval("SELECT cash FROM portfolio_balances")
    assert cash == 1_001 * 825 // 100


PAID = {"effective_on": "2026-03-02", "reason": "quarter"}
BAD: list[tuple[str, str, dict[str, Any], int]] = [
    ("phase", "POST", {"phase": "lunch", "reason": "hungry"}, 400),
    ("phase", "POST", {"phase": "closed", "reason": ""}, 400),
    ("phase", "POST", {"phase": "closed", "reason": "x\u0000yz"}, 400),
    ("bands", "PUT", {"lower_price": "NaN", "reason": "what"}, 422),
    ("bands", "PUT", {"lower_price": "-1", "reason": "what"}, 422),
    ("bands", "PUT", {"lower_price": "1E+999999", "reason": "what"}, 422),
    ("bands", "PUT", {"lower_price": "0.00001", "reason": "what"}, 422),
    ("bands", "PUT", {"lower_price": "9" * 40, "reason": "what"}, 422),
    ("splits", "POST", {"numerator": 0, "denominator": 1, "effective_on": "x"}, 400),
    ("splits", "POST", {"numerator": 2, "denominator": 10**40, **PAID}, 400),
    ("dividends", "POST", {"amount": "1E-400", **PAID}, 422),
    ("dividends", "POST", {"amount": "Infinity", **PAID}, 422),
    ("dividends", "POST", {"amount": "1e18", **PAID}, 422),
    ("dividends", "POST", {"amount": "9999999999999999.9999999999", **PAID}, 422),
    ("dividends", "POST", {"amount": -1, **PAID}, 422),
    ("halt", "POST", {"reason": "fine", "and": "more"}, 400),
]


async def test_bad_input_is_refused_with_a_code_and_nothing_happens(
    app: VenueApp, admin: dict[str, str]
) -> None:
    await listed(app, admin)
    before = app.sequencer.engine.sequence
    for what, method, body, status in BAD:
        answer = await act(app, admin, what, body, method=method)
        assert answer.status_code == status, (what, body, answer.text)
        assert answer.json()["code"]
    for price in ("0", "-5", "NaN", "1e30", "0.00001", '"x"', "null", "[1]", '"NaN"'):
        body_text = f'{{"reference_price": {price}, "reason": "test"}}'
        answer = await app.client.put(
            f"{PATH}/AAPL", content=body_text, headers={**admin, "content-type": "application/json"}
        )
        assert answer.status_code in (400, 422), (price, answer.text)
    assert app.sequencer.engine.sequence == before


async def test_unknown_symbols_are_404_and_odd_ones_400(
    app: VenueApp, admin: dict[str, str]
) -> None:
    missing = await app.client.post(f"{PATH}/NOPE/halt", json={"reason": "why"}, headers=admin)
    assert (missing.status_code, missing.json()["code"]) == (404, "instrument_not_found")
    odd = await app.client.get(f"{PATH}/aapl", headers=admin)
    assert odd.status_code == 400


async def test_only_admins_run_the_venue(app: VenueApp) -> None:
    for role in (Role.TRADER, Role.AUDITOR, Role.OPERATOR):
        headers = await app.sign_in(f"{role}@example.org", role)
        answer = await app.client.put(f"{PATH}/AAPL", json=LISTING, headers=headers)
        assert answer.status_code == 403
        assert (await app.client.get(f"{PATH}/", headers=headers)).json() == []


async def test_every_act_is_in_the_audit_trail_with_its_outcome(
    app: VenueApp, admin: dict[str, str]
) -> None:
    await listed(app, admin)
    answer = await app.client.get("/api/v1/audit/entries?subject=instrument:AAPL", headers=admin)
    states = [entry["details"]["state"] for entry in answer.json()["items"]]
    assert states == ["done", "asked"]
    checked = await app.client.get("/api/v1/audit/verification", headers=admin)
    assert checked.json()["is_intact"]
