"""Every finding is stored once, whatever happens to the watcher, and compliance reviews it."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from cloud.accounts.user import Role
from cloud.exchange.surveillance.catch_up import NotWantedError, catch_up
from cloud.exchange.surveillance.findings import Finding
from cloud.exchange.surveillance.tape import Fill
from cloud.exchange.surveillance.wash import WashDetector
from cloud.exchange.surveillance.watch import catching_up_apart
from cloud.kit.feature import Kit
from tests.support.listeners import broken
from tests.support.venue_app import VenueApp, venue_app
from trading.commands import ListInstrument, PlaceOrder, SetPhase
from trading.instruments import CONTINUOUS, Instrument
from trading.orders import ALLOW, BUY, GTC, LIMIT, SELL
from trading.terms import NewOrder

PATH = "/api/v1/exchange/surveillance/cases"
TASKS = ("exchange-leader", "surveillance")
A_WHILE = timedelta(minutes=2)
NO_CASE = "43757262-0002-8000-8000-000000000001"


async def opened(app: VenueApp) -> int:
    """A market and a portfolio that may trade with itself."""
    await app.submit(ListInstrument(0, 0, Instrument(1, "ACME", 1_000)))
    await app.submit(SetPhase(0, 0, 1, CONTINUOUS))
    await app.sign_in("ann@example.org", Role.TRADER)
    portfolio, _ = await app.open_portfolio("ann@example.org")
    await app.give_units(portfolio, 1, 1_000)
    return portfolio


async def trade_with_oneself(app: VenueApp, portfolio: int) -> None:
    for side in (SELL, BUY):
        order = NewOrder(portfolio, 1, side, LIMIT, GTC, 1, 1_000, self_trade=ALLOW)
        await app.submit(PlaceOrder(0, 0, order))


async def until(
    app: VenueApp, is_so: Callable[[list[dict[str, Any]]], bool]
) -> list[dict[str, Any]]:
    """The cases once they are so."""
    headers = await app.sign_in("audit@example.org", Role.AUDITOR)
    async with asyncio.timeout(60):
        while True:
            found = list((await app.client.get(PATH, headers=headers)).json()["items"])
            if is_so(found):
                return found
            await asyncio.sleep(0.05)


async def test_a_suspicion_becomes_a_case_with_its_evidence(kit: Kit) -> None:
    async with venue_app(kit, TASKS) as app:
        portfolio = await opened(app)
        await trade_with_oneself(app, portfolio)
        (case,) = await until(app, bool)
        assert (case["pattern"], case["rule"], case["state"]) == (
            "wash_trade",
            "self_trade",
            "open",
        )
        assert case["symbol"] == "ACME"
        auditor = await app.sign_in("audit@example.org", Role.AUDITOR)
        detail = (await app.client.get(f"{PATH}/{case['id']}", headers=auditor)).json()
        assert detail["findings"][0]["figures"] == {"units": 1, "price_ticks": 1000}
        assert len(detail["findings"][0]["orders"]) == 2
        told = await kit.database.pool.fetchval(
            "SELECT count(*) FROM outbox WHERE type = 'surveillance.case' "
            "AND key = 'compliance:venue'"
        )
        assert told == 1


async def test_what_a_dead_process_had_not_stored_is_found_by_the_next(kit: Kit) -> None:
    async with venue_app(kit) as app:  # Without the watcher: as if it had died at once.
        portfolio = await opened(app)
        await trade_with_oneself(app, portfolio)
        assert not await kit.database.pool.fetchval("SELECT count(*) FROM surveillance_cases")
    for _ in range(2):  # And however often the stream is read again, it is one finding.
        async with venue_app(kit, TASKS) as app:
            (case,) = await until(app, bool)
            assert case["findings"] == 1
            await seen_everything(app)


async def seen_everything(app: VenueApp) -> None:
    async with asyncio.timeout(60):
        while True:
            stored = await app.kit.database.pool.fetchval("SELECT sequence FROM exchange_watched")
            if stored == app.sequencer.committed_sequence:
                return
            await asyncio.sleep(0.05)


async def test_acts_of_a_dead_process_are_settled_by_the_journal(kit: Kit) -> None:
    async with venue_app(kit, TASKS) as app:
        admin = await app.sign_in("admin@example.org", Role.ADMIN)
        path = "/api/v1/exchange/kill-switches/venue"
        body = {"is_on": True, "reason": "what was that"}
        await app.client.put(path, json=body, headers=admin)
        listing = {"reference_price": "1.00", "reason": "new"}
        await app.client.put("/api/v1/exchange/instruments/AB", json=listing, headers=admin)
        await seen_everything(app)
    pool = kit.database.pool
    # As if the process had died before it stored the one, and before it stored the other's outcome,
    # and had never handed a third to the sequencer.
    await pool.execute("DELETE FROM venue_acts WHERE kind = 'kill_switch_on'")
    await pool.execute("UPDATE venue_acts SET state = 'asked', sequence = NULL")
    await pool.execute(
        "INSERT INTO venue_acts (id, asked_at, kind, instrument_id, account_id, portfolio_id, "
        "reason, details, state) SELECT gen_random_uuid(), asked_at, 'halt', 1, 0, 0, 'lost', "
        "'{}', 'asked' FROM venue_acts"
    )
    kit.clock.advance(A_WHILE)  # type: ignore[attr-defined] # a ManualClock
    async with venue_app(kit, TASKS):
        await nothing_is_asked(pool)
        rows = await pool.fetch(
            "SELECT kind, state, refusal, actor IS NULL AS is_nobody FROM venue_acts ORDER BY kind"
        )
    assert [tuple(row) for row in rows] == [
        ("halt", "refused", "never_reached_the_venue", True),
        ("kill_switch_on", "done", None, False),
        ("listing", "done", None, False),
    ]


async def nothing_is_asked(pool: Any) -> None:
    async with asyncio.timeout(60):
        while True:
            if not await pool.fetchval("SELECT count(*) FROM venue_acts WHERE state = 'asked'"):
                return
            await asyncio.sleep(0.05)


async def test_a_flood_is_read_again_from_the_journal_and_nothing_is_missed(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloud.exchange.surveillance.watch.WAITING_COMMANDS_MAX", 20)
    monkeypatch.setattr("cloud.exchange.surveillance.watch.RETRY_S", 0.01)
    async with venue_app(kit, TASKS) as app:
        portfolio = await opened(app)
        await asyncio.gather(*(trade_with_oneself(app, portfolio) for _ in range(60)))
        (case,) = await until(app, bool)
        await seen_everything(app)
        assert case["rule"] == "self_trade"


async def test_a_reviewer_decides_and_what_comes_after_is_a_new_case(kit: Kit) -> None:
    async with venue_app(kit, TASKS) as app:
        portfolio = await opened(app)
        await trade_with_oneself(app, portfolio)
        (case,) = await until(app, bool)
        auditor = await app.sign_in("audit@example.org", Role.AUDITOR)
        trader = await app.sign_in("ann@example.org", Role.TRADER)
        reviews = f"{PATH}/{case['id']}/reviews"
        assert (await app.client.get(PATH, headers=trader)).status_code == 403
        noted = await app.client.post(reviews, json={"note": "asked the trader"}, headers=auditor)
        assert noted.status_code == 201
        assert noted.json()["case"]["state"] == "open"
        decision = {"note": "a test of theirs", "state": "dismissed"}
        done = (await app.client.post(reviews, json=decision, headers=auditor)).json()
        assert done["case"]["state"] == "dismissed"
        assert [review["note"] for review in done["reviews"]] == [
            "asked the trader",
            "a test of theirs",
        ]
        again = await app.client.post(reviews, json=decision, headers=auditor)
        assert (again.status_code, again.json()["code"]) == (409, "case_state")
        for body in ({}, {"note": "abc", "state": "lost"}, {"note": "a\u0000bc"}):
            bad = await app.client.post(reviews, json=body, headers=auditor)
            assert bad.status_code == 400
        app.kit.clock.advance(A_WHILE)  # type: ignore[attr-defined] # a ManualClock
        await trade_with_oneself(app, portfolio)
        found = await until(app, lambda cases: len(cases) == 2)
        assert [one["state"] for one in found] == ["open", "dismissed"]
        trail = await app.client.get(
            "/api/v1/audit/entries?action=exchange.case_dismissed", headers=auditor
        )
        assert trail.json()["items"][0]["subject"] == f"case:{case['id']}"
        unknown = await app.client.get(f"{PATH}/{NO_CASE}", headers=auditor)
        assert unknown.status_code == 404


async def test_a_journal_that_cannot_be_read_is_said(kit: Kit) -> None:
    with pytest.raises(OSError, match="does not go on"):
        await catching_up_apart(kit.settings.database_url)(0, 5)


async def test_a_bug_in_a_detector_does_not_stop_trade_and_is_made_up_for(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloud.exchange.surveillance.watch.RETRY_S", 0.01)
    real, failed = WashDetector.fill, []

    def fails_once(detector: WashDetector, fill: Fill) -> Finding | None:
        if not failed:
            failed.append(fill)
            raise KeyError("a bug of ours")
        return real(detector, fill)

    async with venue_app(kit, TASKS) as app:
        portfolio = await opened(app)
        await seen_everything(app)
        monkeypatch.setattr(WashDetector, "fill", fails_once)
        await trade_with_oneself(app, portfolio)
        (case,) = await until(app, bool)
        assert failed
        assert case["findings"] == 1
        assert app.sequencer.is_leading


async def test_what_was_not_heard_for_a_mistake_is_read_from_the_journal(kit: Kit) -> None:
    async with venue_app(kit, TASKS) as app:
        portfolio = await opened(app)
        await seen_everything(app)
        with broken(app.sequencer, "surveillance", "_hears"):
            await trade_with_oneself(app, portfolio)
        (case,) = await until(app, bool)
        assert case["findings"] == 1
        await seen_everything(app)


async def test_whoever_reads_for_a_dead_leader_stops(kit: Kit) -> None:
    async with venue_app(kit) as app:
        await opened(app)
    async with kit.database.pool.acquire() as connection:
        with pytest.raises(NotWantedError):
            await catch_up(connection, 0, 3, is_wanted=lambda: False)
