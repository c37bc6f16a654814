"""Every finding is stored once, whatever happens to the watcher, and compliance reviews it."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from cloud.accounts.user import Role
from cloud.app import wire_features
from cloud.events.wire import wire as wire_events
from cloud.exchange.sequencer import Sequencer
from cloud.exchange.surveillance import metrics
from cloud.exchange.surveillance.findings import Finding
from cloud.exchange.surveillance.reading import LOOKBACK
from cloud.exchange.surveillance.tape import Fill
from cloud.exchange.surveillance.wash import WashDetector
from cloud.exchange.surveillance.watch import APPLICATION, POLL_S, STAND_BY_S, Watch
from cloud.exchange.surveillance.watched import Watched
from cloud.exchange.take_snapshot import take
from cloud.exchange.venue.acts import VenueDesk
from cloud.exchange.venue.lost_acts import LostActs
from cloud.kit.feature import Kit, ProcessRole
from cloud.realtime.wire import Realtime
from tests.support.venue_app import VenueApp, venue_app
from tests.support.watched_journal import one_pass, store_batches, suspicious_batches
from trading import Engine
from trading.commands import ListInstrument, PlaceOrder, SetPhase
from trading.instruments import CONTINUOUS, Instrument
from trading.orders import ALLOW, BUY, GTC, LIMIT, SELL
from trading.terms import NewOrder

PATH = "/api/v1/exchange/surveillance/cases"
TASKS = ("exchange-leader", "exchange-lost-acts", "surveillance")
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
    async with venue_app(kit) as app:
        admin = await app.sign_in("admin@example.org", Role.ADMIN)
        path = "/api/v1/exchange/kill-switches/venue"
        body = {"is_on": True, "reason": "what was that"}
        await app.client.put(path, json=body, headers=admin)
        listing = {"reference_price": "1.00", "reason": "new"}
        await app.client.put("/api/v1/exchange/instruments/AB", json=listing, headers=admin)
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
        await until_equal(pool, "SELECT count(*) FROM venue_acts WHERE state = 'asked'", 0)
        rows = await pool.fetch(
            "SELECT kind, state, refusal, actor IS NULL AS is_nobody FROM venue_acts ORDER BY kind"
        )
    assert [tuple(row) for row in rows] == [
        ("halt", "refused", "never_reached_the_venue", True),
        ("kill_switch_on", "done", None, False),
        ("listing", "done", None, False),
    ]


async def test_an_act_is_not_called_lost_before_the_journal_was_read(kit: Kit) -> None:
    async with venue_app(kit) as app:
        admin = await app.sign_in("admin@example.org", Role.ADMIN)
        listing = {"reference_price": "1.00", "reason": "new"}
        await app.client.put("/api/v1/exchange/instruments/AB", json=listing, headers=admin)
    pool = kit.database.pool
    await pool.execute("UPDATE venue_acts SET state = 'asked', sequence = NULL")
    kit.clock.advance(A_WHILE)  # type: ignore[attr-defined] # a ManualClock
    looked, look = [], asyncio.Event()

    async def sleep(_: float) -> None:
        looked.append(await pool.fetchval("SELECT state FROM venue_acts"))
        look.set()
        await asyncio.sleep(0.01)

    async with venue_app(kit) as app:
        lost = LostActs(kit.database, app.sequencer, kit.clock.now, sleep)
        lost.begins(app.sequencer.engine)
        task = asyncio.create_task(lost.run())
        await asyncio.wait_for(look.wait(), 30)
        assert set(looked) == {"asked"}
        task.cancel()
        await asyncio.wait([task])


async def test_a_watcher_quicker_than_the_desk_keeps_the_reason_that_was_given(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = VenueDesk._store
    stored_by_watcher = "SELECT count(*) FROM venue_acts WHERE state = 'done'"

    async def late(desk: VenueDesk, session: Any, act: Any, act_id: Any) -> None:
        await until_equal(kit.database.pool, stored_by_watcher, 1)
        await real(desk, session, act, act_id)

    monkeypatch.setattr(VenueDesk, "_store", late)
    async with venue_app(kit, TASKS) as app:
        admin = await app.sign_in("admin@example.org", Role.ADMIN)
        path = "/api/v1/exchange/kill-switches/venue"
        body = {"is_on": True, "reason": "what was that"}
        answer = await app.client.put(path, json=body, headers=admin)
        assert answer.status_code == 200, answer.text
        await seen_everything(app)
        rows = await kit.database.pool.fetch("SELECT kind, state, reason FROM venue_acts")
    assert [tuple(row) for row in rows] == [("kill_switch_on", "done", "what was that")]


async def until_equal(pool: Any, query: str, value: object) -> None:
    async with asyncio.timeout(60):
        while await pool.fetchval(query) != value:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.02)


async def test_a_backlog_is_read_in_pieces_and_nothing_is_missed(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloud.exchange.surveillance.watch.ROWS_AT_ONCE", 2)
    batches = suspicious_batches(5)
    async with kit.database.pool.acquire() as connection:
        await store_batches(connection, batches, Engine())
    async with venue_app(kit, TASKS) as app:
        await seen_everything(app)
    stored = await kit.database.pool.fetch("SELECT key FROM surveillance_findings")
    assert {row[0] for row in stored} == {finding.key for finding in one_pass(batches)}
    assert metrics.BEHIND_COMMANDS._value.get() == 0


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

    before = metrics.FAILURE._value.get()
    async with venue_app(kit, TASKS) as app:
        portfolio = await opened(app)
        await seen_everything(app)
        monkeypatch.setattr(WashDetector, "fill", fails_once)
        await trade_with_oneself(app, portfolio)
        with capture_logs() as logs:
            (case,) = await until(app, bool)
        assert failed
        assert case["findings"] == 1
        assert app.sequencer.is_leading
    assert metrics.FAILURE._value.get() == before + 1
    assert [line["log_level"] for line in logs if line["event"] == "surveillance_failed"] == [
        "error"
    ]


async def test_pauses_grow_while_the_same_batch_fails_and_end_with_the_trouble(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A journal that was changed is not believed, and is read on once it is what it was."""
    batches = suspicious_batches(5, steps=40)
    async with kit.database.pool.acquire() as connection:
        await store_batches(connection, batches, Engine())
    pool = kit.database.pool
    bad = batches[-2][0].sequence
    right = await pool.fetchval(
        "SELECT events_hash FROM exchange_journal WHERE first_sequence = $1", bad
    )
    change = "UPDATE exchange_journal SET events_hash = $2 WHERE first_sequence = $1"
    await pool.execute(change, bad, b"x" * 16)
    monkeypatch.setattr("cloud.exchange.surveillance.watch.ROWS_AT_ONCE", 3)
    pauses: list[float] = []

    async def sleep(pause: float) -> None:
        if pause <= POLL_S:
            await asyncio.sleep(0)
            return
        pauses.append(pause)
        if len(pauses) == 4:
            await pool.execute(change, bad, right)

    realtime = Realtime(kit, wire_events(kit)[1])
    watched = Watched(kit.database, kit.ids, realtime.notices)
    watch = Watch(kit.settings.database_url, watched, sleep)
    task = asyncio.create_task(watch.run())
    query = "SELECT sequence FROM exchange_watched"
    await until_equal(pool, query, batches[-1][-1].sequence)
    task.cancel()
    await asyncio.wait([task])
    assert pauses == [1, 2, 4, 8]
    stored = await pool.fetch("SELECT key FROM surveillance_findings")
    assert {row[0] for row in stored} == {finding.key for finding in one_pass(batches)}


async def test_what_another_version_wrote_before_its_place_is_passed_over_by_a_snapshot(
    kit: Kit,
) -> None:
    batches, engine = suspicious_batches(5), Engine()
    pool, half = kit.database.pool, len(batches) // 2
    async with pool.acquire() as connection:
        await store_batches(connection, batches[:half], engine)
    await take(kit.settings.database_url, kit.clock.now())
    place, at_ns = engine.sequence, engine.venue.at_ns
    realtime = Realtime(kit, wire_events(kit)[1])
    watched = Watched(kit.database, kit.ids, realtime.notices)
    await watched.advance(place, at_ns, [], [])
    await pool.execute("UPDATE exchange_journal SET events_hash = $1", b"x" * 16)
    async with pool.acquire() as connection:
        await store_batches(connection, batches[half:], engine)
    task = asyncio.create_task(Watch(kit.settings.database_url, watched, no_pause).run())
    await until_equal(pool, "SELECT sequence FROM exchange_watched", engine.sequence)
    task.cancel()
    await asyncio.wait([task])
    stored = await pool.fetch("SELECT key FROM surveillance_findings")
    minutes_later = at_ns + LOOKBACK.total_seconds() * 1e9
    later = {one.key for one in one_pass(batches) if one.first_at_ns > minutes_later}
    assert len(later) > 5
    assert later <= {row[0] for row in stored}


async def no_pause(_: float) -> None:
    await asyncio.sleep(0.01)


async def test_a_broken_connection_is_an_interruption_and_no_more(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloud.exchange.surveillance.watch.RETRY_S", 0.01)
    before = metrics.OUTAGE._value.get(), metrics.FAILURE._value.get()
    async with venue_app(kit, TASKS) as app:
        portfolio = await opened(app)
        await seen_everything(app)
        await kit.database.pool.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1",
            APPLICATION,
        )
        await trade_with_oneself(app, portfolio)
        await until(app, bool)
    assert metrics.OUTAGE._value.get() == before[0] + 1
    assert metrics.FAILURE._value.get() == before[1]


async def test_of_two_watchers_one_works_and_the_other_takes_over(kit: Kit) -> None:
    waiting = asyncio.Event()

    async def sleep(pause: float) -> None:
        if pause == STAND_BY_S:
            waiting.set()
        await asyncio.sleep(0.01)

    realtime = Realtime(kit, wire_events(kit)[1])
    watched = Watched(kit.database, kit.ids, realtime.notices)
    first, second = (
        Watch(kit.settings.database_url, watched, pause) for pause in (asyncio.sleep, sleep)
    )
    async with venue_app(kit) as app:
        working = asyncio.create_task(first.run())
        portfolio = await opened(app)
        await seen_everything(app)
        standing_by = asyncio.create_task(second.run())
        await asyncio.wait_for(waiting.wait(), 30)
        assert metrics.WATCHING._value.get() == 1
        working.cancel()
        await asyncio.wait([working])
        await trade_with_oneself(app, portfolio)
        await until(app, bool)
        standing_by.cancel()
        await asyncio.wait([standing_by])


async def test_the_leader_knows_nothing_of_surveillance(kit: Kit) -> None:
    features = wire_features(kit)
    sequencer: Sequencer = await features[-1].dependencies["sequencer"]()
    told = [*sequencer._listeners, *sequencer._beginners]
    assert told, "nobody is told of batches"
    assert not [one for one in told if "surveillance" in one.__module__]
    roles = {task.name: task.role for feature in features for task in feature.tasks}
    assert [name for name, role in roles.items() if role is ProcessRole.SURVEILLANCE] == [
        "surveillance"
    ]
