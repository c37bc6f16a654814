"""What a site reports becomes its health, its alerts, and news to those who watch: once each."""

import asyncio
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.devices.alerts.book import AlertBook
from cloud.devices.alerts.rules import Clear, Raise, alerts_of_event, alerts_of_report
from cloud.devices.commands.rules import command_result
from cloud.devices.events import StoredEvent
from cloud.devices.health.recorder import HealthRecorder
from cloud.devices.mqtt.decode import decode_batch
from cloud.devices.mqtt.store import _stored
from cloud.devices.wire import Devices
from cloud.events.outbox import Outbox
from cloud.kit.feature import Kit
from protocols.portable import codes, topics
from protocols.site import GateHealth, SiteReport
from tests.cloud.devices.agent import AgentModel
from tests.cloud.devices.support import FakeLive, batch, event

GOOD = {"lane": "idle", "reader": "ok", "clock": "set", "firmware": "0.1.0", "heap_free": 80_000}


def report(*gates: GateHealth, **changes: Any) -> SiteReport:
    return AgentModel("elm", bytes(32)).report(gates=list(gates), **changes)


def gate(online: bool = True, **changes: Any) -> GateHealth:
    return GateHealth(gate="elm-in", online=online, heard_ms=1, report=GOOD | changes)


def stored(kind: str, device: str = "elm-in", **data: Any) -> StoredEvent:
    decoded = decode_batch("elm", batch(1, [event(device, kind=kind, **data)]))
    return _stored("elm", decoded.events[0])


@pytest.fixture
async def recorder(
    kit: Kit, outbox: Outbox, live: FakeLive, devices: Devices, pool: Any
) -> HealthRecorder:
    """With a site `elm` whose gate elm-in works."""
    await pool.execute("UPDATE gates SET state = 'enrolled' WHERE id = 'elm-in'")
    book = AlertBook(outbox=outbox, ids=kit.ids, clock=kit.clock)
    return HealthRecorder(pool, alerts=book, outbox=outbox, live=live, clock=kit.clock)


async def open_alerts(pool: Any) -> set[tuple[str, str]]:
    rows = await pool.fetch("SELECT device, kind FROM device_alerts WHERE cleared_at IS NULL")
    return {(row["device"], row["kind"]) for row in rows}


async def test_a_report_becomes_health_and_watchers_hear_of_changes_only(
    recorder: HealthRecorder, pool: Any, live: FakeLive
) -> None:
    for heap_free in (80_000, 79_000, 78_000):
        await recorder.record(report(gate(heap_free=heap_free)))
    row = await pool.fetchrow("SELECT * FROM gate_health WHERE gate = 'elm-in'")
    assert (row["online"], row["lane_state"], row["heap_free"]) == (True, "idle", 78_000)
    assert [name for _, name, _ in live.told] == ["site.changed", "gate.changed"]
    live.told.clear()
    await recorder.record(report(gate(lane="fault")))
    assert [(name, data["lane_state"]) for _, name, data in live.told] == [
        ("gate.changed", "fault")
    ]


async def test_what_is_wrong_is_an_alert_until_it_is_right_again(
    recorder: HealthRecorder, pool: Any
) -> None:
    wrong = report(gate(clock="unset", reader="hung"), rights_problem="bad_mac")
    await recorder.record(wrong)
    await recorder.record(wrong)
    assert await open_alerts(pool) == {
        ("site-elm", "list_refused"),
        ("elm-in", "clock_unset"),
        ("elm-in", "reader"),
    }
    await recorder.record(report(gate(online=False)))
    assert ("elm-in", "gate_offline") in await open_alerts(pool)
    await recorder.record(report(gate()))
    assert await open_alerts(pool) == set()


async def test_gates_the_site_has_not_are_not_believed(recorder: HealthRecorder, pool: Any) -> None:
    other = GateHealth(gate="oak-in", online=True, heard_ms=1, report=GOOD)
    await recorder.record(report(other))
    assert await pool.fetchval("SELECT count(*) FROM gate_health") == 0


async def test_going_offline_is_news_once(
    recorder: HealthRecorder, pool: Any, live: FakeLive
) -> None:
    await recorder.record(report())
    assert await recorder.set_online("elm", online=False)
    assert not await recorder.set_online("elm", online=False)
    assert await open_alerts(pool) == {("site-elm", "site_offline")}
    await recorder.record(report())
    assert await open_alerts(pool) == set()
    told = await pool.fetch("SELECT payload FROM outbox WHERE type = 'devices.site_online'")
    assert len(told) == 3


@pytest.mark.parametrize(
    ("happened", "change"),
    [
        (stored(codes.RESTORED, code="arm_not_up"), Clear("elm-in", "fault", "arm_not_up")),
        (
            stored(codes.FAULT, code="arm_not_up"),
            Raise("elm", "elm-in", "fault", "arm_not_up", {"code": "arm_not_up"}),
        ),
        (
            stored(codes.FAULT, code="foreign_certificate"),
            Raise(
                "elm",
                "elm-in",
                "foreign_certificate",
                "elm-in/1/0",
                {"code": "foreign_certificate"},
            ),
        ),
        (
            stored(codes.GATE_OFFLINE, "site-elm", gate="elm-in"),
            Raise("elm", "elm-in", "gate_offline"),
        ),
        (stored(codes.READER, health="ok"), Clear("elm-in", "reader")),
        (
            stored(codes.COMMAND, result="replayed"),
            Raise("elm", "elm-in", "command_refused", "elm-in/1/0", {"result": "replayed"}),
        ),
    ],
)
def test_events_raise_and_clear(happened: StoredEvent, change: Raise | Clear) -> None:
    assert alerts_of_event(happened) == [change]


@pytest.mark.parametrize(
    "happened",
    [
        stored(codes.PASSAGE),
        stored(codes.COMMAND, result="done"),
        stored(codes.COMMAND, result="not_now"),
        stored(codes.ACCESS, reason="unknown_tag"),
    ],
)
def test_daily_business_raises_nothing(happened: StoredEvent) -> None:
    assert alerts_of_event(happened) == []


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=5,
)


@given(
    st.sampled_from(codes.EVENT_KINDS),
    st.dictionaries(
        st.sampled_from(["code", "gate", "reason", "result", "problem", "health", "id"]), ANYTHING
    ),
)
def test_whatever_an_event_carries_it_can_be_followed(kind: str, data: dict[str, Any]) -> None:
    raw = msgspec.Raw(msgspec.json.encode(data))
    happened = msgspec.structs.replace(stored(kind), data=raw)
    for change in alerts_of_event(happened):
        assert topics.is_slug(change.device)
        assert len(change.key) < 100
    command_result(happened.facts())


def test_a_gate_that_never_reported_is_not_accused() -> None:
    silent = GateHealth(gate="elm-in", online=True, heard_ms=None, report=None)
    changes = alerts_of_report(report(silent), ["elm-in"])
    assert not [change for change in changes if isinstance(change, Raise)]


async def test_a_report_and_events_change_the_same_alerts_side_by_side(
    kit: Kit, outbox: Outbox, recorder: HealthRecorder, pool: Any
) -> None:
    book = AlertBook(outbox=outbox, ids=kit.ids, clock=kit.clock)
    raised = [Raise("elm", "elm-in", kind) for kind in ("reader", "clock_unset", "list_refused")]
    cleared = [Clear("elm-in", each.kind) for each in raised]

    async def change(changes: list[Raise | Clear]) -> None:
        async with pool.acquire() as connection, connection.transaction():
            await book.change(connection, changes)

    # Opposite orders, many times over: with locks taken as they come, PostgreSQL ends one of them.
    for _ in range(20):
        await asyncio.gather(change([*raised]), change([*reversed(raised)]))
        await asyncio.gather(change([*cleared]), change([*reversed(cleared)]))
    assert await open_alerts(pool) == set()
