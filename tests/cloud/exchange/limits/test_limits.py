"""Limits are edited through the engine, hold at once, and what they refuse is listed and told."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from cloud.accounts.user import Role
from cloud.kit.feature import Kit
from tests.support.venue_app import VenueApp, venue_app
from trading.commands import ListInstrument, ReplaceOrder, SetPhase
from trading.events import OrderAccepted, OrderRejected
from trading.instruments import CONTINUOUS, Instrument
from trading.orders import BUY, DAY, SELL
from trading.reasons import Reason

PATH = "/api/v1/exchange"


@pytest.fixture
async def app(kit: Kit) -> AsyncIterator[VenueApp]:
    async with venue_app(kit) as made:
        await made.submit(ListInstrument(0, 0, Instrument(1, "ACME", 1_000, money_divisor=1)))
        await made.submit(SetPhase(0, 0, 1, CONTINUOUS))
        yield made


async def edit(
    app: VenueApp, headers: dict[str, str], portfolio: str = "", **figures: Any
) -> dict[str, Any]:
    path = f"{PATH}/portfolios/{portfolio}/limits" if portfolio else f"{PATH}/limits"
    answer = await app.client.patch(path, json={"reason": "test", **figures}, headers=headers)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def public(portfolio_id: int) -> str:
    return f"43757262-0002-8000-8000-{portfolio_id:012x}"


async def test_a_limit_holds_for_the_next_order_and_the_table_says_so(app: VenueApp) -> None:
    admin = await app.sign_in("admin@example.org", Role.ADMIN)
    ann = await app.sign_in("ann@example.org", Role.TRADER)
    portfolio, _ = await app.open_portfolio("ann@example.org")
    shown = await edit(app, admin, max_order_units=100)
    assert shown["limits"]["max_order_units"] == 100
    assert shown["limits"]["window_ms"] == 1_000
    refused = (await app.limit(portfolio, BUY, 101, 1_000)).events[0]
    assert isinstance(refused, OrderRejected)
    assert refused.reason == Reason.ORDER_UNITS_LIMIT
    own = await edit(app, admin, public(portfolio), max_order_units=500, may_short=True)
    assert own["is_default"] is False
    assert isinstance((await app.limit(portfolio, BUY, 101, 1_000)).events[0], OrderAccepted)
    seen = await app.client.get(f"{PATH}/portfolios/{public(portfolio)}/limits", headers=ann)
    assert seen.json() == own
    # What is left out stays; the default is not touched by a portfolio's own.
    again = await edit(app, admin, public(portfolio), max_open_orders=7)
    assert again["limits"]["max_order_units"] == 500
    assert again["limits"]["may_short"] is True
    default = await app.client.get(f"{PATH}/limits", headers=ann)
    assert default.json()["limits"]["max_order_units"] == 100
    rows = await app.kit.database.pool.fetch(
        "SELECT portfolio_id, max_order_units FROM risk_limits ORDER BY 1"
    )
    assert [tuple(row) for row in rows] == [(0, 100), (portfolio, 500)]


async def test_an_edit_is_audited_with_what_was_before(app: VenueApp) -> None:
    admin = await app.sign_in("admin@example.org", Role.ADMIN)
    await edit(app, admin, collar_bps=500)
    await edit(app, admin, collar_bps=800)
    sequence = app.sequencer.engine.sequence
    await edit(app, admin, collar_bps=800)
    assert app.sequencer.engine.sequence == sequence
    trail = await app.client.get(
        "/api/v1/audit/entries?action=exchange.limits&limit=1", headers=admin
    )
    details = trail.json()["items"][0]["details"]
    assert (details["collar_bps_before"], details["collar_bps"]) == (500, 800)
    assert (details["state"], details["reason"]) == ("done", "test")


async def test_violations_are_listed_with_the_terms_for_those_who_may_see_them(
    app: VenueApp,
) -> None:
    admin = await app.sign_in("admin@example.org", Role.ADMIN)
    ann = await app.sign_in("ann@example.org", Role.TRADER)
    bob = await app.sign_in("bob@example.org", Role.TRADER)
    portfolio, _ = await app.open_portfolio("ann@example.org", cash=1_000)
    others, _ = await app.open_portfolio("bob@example.org")
    await app.limit(portfolio, BUY, 2, 900)
    await app.limit(others, SELL, 5, 1_100)
    await app.limit(others, BUY, 1, 900)
    found = (await app.client.get(f"{PATH}/violations", headers=ann)).json()["items"]
    assert [(one["reason"], one["symbol"]) for one in found] == [("insufficient_funds", "ACME")]
    assert found[0]["orders"] == [
        {
            "side": "buy",
            "order_type": "limit",
            "time_in_force": "gtc",
            "quantity_units": 2,
            "limit_price": "9.00",
            "stop_price": None,
            "order_id": None,
        }
    ]
    everything = (await app.client.get(f"{PATH}/violations?limit=1", headers=admin)).json()
    assert len(everything["items"]) == 1
    rest = await app.client.get(
        f"{PATH}/violations?cursor={everything['next_cursor']}", headers=admin
    )
    assert [one["reason"] for one in rest.json()["items"]] == ["insufficient_funds"]
    of_others = await app.client.get(f"{PATH}/violations?portfolio={public(others)}", headers=ann)
    assert (of_others.status_code, of_others.json()["code"]) == (404, "portfolio_not_found")
    mine = await app.client.get(f"{PATH}/violations?portfolio={public(others)}", headers=bob)
    assert len(mine.json()["items"]) == 1


async def test_a_refused_replacement_says_how_long_the_order_was_to_last(app: VenueApp) -> None:
    ann = await app.sign_in("ann@example.org", Role.TRADER)
    portfolio, _ = await app.open_portfolio("ann@example.org", cash=10_000)
    (order,) = (await app.limit(portfolio, BUY, 1, 900)).order_ids
    much = ReplaceOrder(0, 0, order, portfolio, 90, time_in_force=DAY)
    await app.submit(much)
    await app.submit(ReplaceOrder(0, 0, order, portfolio, 90))
    found = (await app.client.get(f"{PATH}/violations", headers=ann)).json()["items"]
    assert [one["reason"] for one in found] == ["insufficient_funds"] * 2
    lasting = [
        (one["orders"][0]["quantity_units"], one["orders"][0]["time_in_force"]) for one in found
    ]
    assert sorted(lasting, key=str) == [(90, "day"), (90, None)]


async def test_bad_limits_are_refused_and_change_nothing(app: VenueApp) -> None:
    admin = await app.sign_in("admin@example.org", Role.ADMIN)
    trader = await app.sign_in("ann@example.org", Role.TRADER)
    before = app.sequencer.engine.sequence
    headers = {**admin, "content-type": "application/json"}
    for figures in (
        '"max_order_units": -1',
        '"max_order_units": 1.5',
        '"max_order_units": NaN',
        f'"max_order_units": {"9" * 40}',
        '"window_ms": 0',
        '"may_short": "yes"',
        '"surprise": 1',
        '"collar_bps": null',
    ):
        answer = await app.client.patch(
            f"{PATH}/limits", content=f'{{"reason": "test", {figures}}}', headers=headers
        )
        assert answer.status_code == 400, (figures, answer.text)
    assert (await app.client.patch(f"{PATH}/limits", json={}, headers=admin)).status_code == 400
    body = {"reason": "test", "collar_bps": 1}
    forbidden = await app.client.patch(f"{PATH}/limits", json=body, headers=trader)
    assert forbidden.status_code == 403
    missing = await app.client.patch(
        f"{PATH}/portfolios/{public(99)}/limits", json=body, headers=admin
    )
    assert (missing.status_code, missing.json()["code"]) == (404, "portfolio_not_found")
    assert app.sequencer.engine.sequence == before


async def test_a_runaway_trader_gets_one_notice_that_says_how_many_more(kit: Kit) -> None:
    tasks = ("exchange-leader", "outbox-relay", "event-groups")
    async with venue_app(kit, tasks) as app:
        await app.submit(ListInstrument(0, 0, Instrument(1, "ACME", 1_000)))
        await app.submit(SetPhase(0, 0, 1, CONTINUOUS))
        await app.sign_in("ann@example.org", Role.TRADER)
        portfolio, _ = await app.open_portfolio("ann@example.org", cash=1_000)
        for _ in range(5):
            await app.limit(portfolio, BUY, 2, 900)
        app.kit.clock.advance(timedelta(seconds=11))  # type: ignore[attr-defined] # a ManualClock
        await app.limit(portfolio, BUY, 2, 900)
        told = await wait_for_notices(app, 4)
    rooms = sorted(room.partition(":")[0] for room, _ in told)
    assert rooms == ["compliance", "compliance", "user", "user"]
    assert sorted({more for _, more in told}) == [0, 4]


async def wait_for_notices(app: VenueApp, count: int) -> list[tuple[str, int]]:
    """The rooms and the suppressed counts of the notices in the outbox."""
    async with asyncio.timeout(30):
        while True:
            rows = await app.kit.database.pool.fetch(
                "SELECT key, (payload::jsonb ->> 'more')::int AS more FROM outbox "
                "WHERE topic = 'live' AND type = 'risk.violated'"
            )
            if len(rows) >= count:
                return [(row["key"], row["more"]) for row in rows]
            await asyncio.sleep(0.05)
