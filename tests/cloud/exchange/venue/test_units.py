"""Units that come into the venue: once for a key, settled, at their cost, on the record."""

import pytest

from cloud.accounts.user import Role
from cloud.exchange.public_ids import portfolio_uuid
from tests.support.venue_app import venue_app

LISTING = {"reference_price": "150.25", "reason": "listed for the test"}
WANTED = {"symbol": "AAPL", "units": 30, "unit_price": "149.995", "reason": "first shares"}


@pytest.fixture
async def app(kit):
    async with venue_app(kit) as made:
        yield made


@pytest.fixture
async def admin(app):
    headers = await app.sign_in("admin@example.org", Role.ADMIN)
    path = "/api/v1/exchange/instruments/AAPL"
    answer = await app.client.put(path, json=LISTING, headers=headers)
    assert answer.status_code == 200, answer.text
    return headers


@pytest.fixture
async def portfolio(app, admin):
    await app.sign_in("trader@example.org", Role.TRADER)
    number, _ = await app.open_portfolio("trader@example.org")
    return portfolio_uuid(number)


async def bring_in(app, headers, portfolio, **changes):
    key = changes.pop("key", None)
    more = {"Idempotency-Key": key} if key else {}
    path = f"/api/v1/exchange/portfolios/{portfolio}/units"
    return await app.client.post(path, json=WANTED | changes, headers=headers | more)


async def position(app, portfolio):
    headers = await app.sign_in("trader@example.org", Role.TRADER)
    answer = await app.client.get(f"/api/v1/portfolios/{portfolio}/valuation", headers=headers)
    return answer.json()["positions"]


async def test_units_come_settled_at_their_cost_and_the_act_is_on_the_record(app, admin, portfolio):
    answer = await bring_in(app, admin, portfolio)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    # 30 times $149.995 is $4,499.85.
    assert (made["units"], made["cost_minor"]) == (30, 449_985)
    (held,) = await position(app, portfolio)
    assert (held["units"], held["settled_units"], held["cost_minor"]) == (30, 30, 449_985)
    acts = (await app.client.get("/api/v1/exchange/acts", headers=admin)).json()["items"]
    (act,) = [each for each in acts if each["id"] == made["act"]]
    assert (act["kind"], act["state"], act["portfolio_id"]) == ("units", "done", str(portfolio))


async def test_a_retry_with_the_same_key_brings_nothing_more(app, admin, portfolio):
    first = await bring_in(app, admin, portfolio, key="units-key-1")
    again = await bring_in(app, admin, portfolio, key="units-key-1")
    assert first.json() == again.json()
    (held,) = await position(app, portfolio)
    assert held["units"] == 30


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"symbol": "NOPE"}, 404, "instrument_not_found"),
        ({"unit_price": "0"}, 422, "invalid_price"),
        ({"unit_price": "149.99999"}, 422, "invalid_price"),
        ({"unit_price": "NaN"}, 422, "invalid_price"),
        ({"units": 0}, 400, "invalid_request"),
        ({"units": 10**14, "unit_price": "200"}, 409, "units_refused"),
        ({"units": 10**14, "unit_price": "99999999"}, 422, "number_too_large"),
        ({"surprise": 1}, 400, "invalid_request"),
    ],
)
async def test_what_cannot_come_in_is_refused(app, admin, portfolio, changes, status, code):
    answer = await bring_in(app, admin, portfolio, **changes)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert await position(app, portfolio) == []


async def test_there_must_be_a_portfolio(app, admin):
    answer = await bring_in(app, admin, "00000000-0000-4000-8000-000000000000")
    assert (answer.status_code, answer.json()["code"]) == (404, "portfolio_not_found")
    unknown = await bring_in(app, admin, portfolio_uuid(4_711))
    assert (unknown.status_code, unknown.json()["code"]) == (404, "portfolio_not_found")


async def test_only_an_admin_brings_units_in(app, portfolio):
    trader = await app.sign_in("trader@example.org", Role.TRADER)
    assert (await bring_in(app, trader, portfolio)).status_code == 403
