"""Events reach PostgreSQL exactly once, whatever arrives twice, late, in pieces or broken."""

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud.devices.alerts.book import AlertBook
from cloud.devices.mqtt.decode import DecodedBatch, GoodEvent, decode_batch
from cloud.devices.mqtt.quarantine import Quarantine
from cloud.devices.mqtt.store import EventStore
from cloud.devices.wire import Devices
from cloud.events.outbox import Outbox
from cloud.kit.feature import Kit
from protocols.portable import codes
from tests.cloud.devices.support import batch, event


@pytest.fixture
def store(kit: Kit, outbox: Outbox, devices: Devices) -> EventStore:
    """The store with the followers it has in production."""
    book = AlertBook(outbox=outbox, ids=kit.ids, clock=kit.clock)
    return EventStore(
        kit.database.pool,
        outbox=outbox,
        quarantine=Quarantine(alerts=book, outbox=outbox, ids=kit.ids, clock=kit.clock),
        clock=kit.clock,
        followers=(book.follow,),
    )


async def keys_by_position(pool: Any) -> list[tuple[str, int, int]]:
    rows = await pool.fetch("SELECT device, boot, seq FROM device_events ORDER BY position")
    return [tuple(row) for row in rows]


async def told_keys(pool: Any) -> list[tuple[str, int, int]]:
    rows = await pool.fetch("SELECT payload FROM outbox WHERE type = 'devices.event' ORDER BY id")
    told = [msgspec.json.decode(row["payload"]) for row in rows]
    return [(each["device"], each["boot"], each["seq"]) for each in told]


async def test_an_event_sent_twice_is_stored_and_told_once(store: EventStore, pool: Any) -> None:
    decoded = decode_batch("elm", batch(1, [event(seq=0), event(seq=1)]))
    first = await store.store([decoded])
    second = await store.store([decoded, decoded])
    assert (len(first.new), first.doubled) == (2, 0)
    assert (len(second.new), second.doubled) == (0, 4)
    assert await told_keys(pool) == [("elm-in", 1, 0), ("elm-in", 1, 1)]


async def test_batches_of_many_sites_are_one_commit(store: EventStore, pool: Any) -> None:
    outcome = await store.store(
        [
            decode_batch("elm", batch(1, [event("elm-in"), event("site-elm", kind="gate_online")])),
            decode_batch("oak", batch(1, [event("oak-in")])),
        ]
    )
    assert len(outcome.new) == 3
    assert not outcome.quarantined
    assert len(await keys_by_position(pool)) == 3


async def test_a_poison_event_is_set_aside_and_the_rest_go_on(store: EventStore, pool: Any) -> None:
    poison = {"device": "elm-in", "boot": "one"}
    outcome = await store.store(
        [decode_batch("elm", batch(1, [event(seq=0), poison, event(seq=1)]))]
    )
    assert [bad.reason for bad in outcome.quarantined[0]] == ["malformed"]
    assert outcome.quarantined[0][0].index == 1
    assert await keys_by_position(pool) == [("elm-in", 1, 0), ("elm-in", 1, 1)]
    row = await pool.fetchrow("SELECT site, reason, payload FROM device_quarantine")
    assert (row["site"], row["reason"]) == ("elm", "malformed")
    assert msgspec.json.decode(row["payload"]) == poison


async def test_an_event_of_another_sites_gate_is_refused(store: EventStore, pool: Any) -> None:
    events = [event("oak-in"), event("site-oak"), event("elm-in"), event("nobody")]
    outcome = await store.store([decode_batch("elm", batch(1, events))])
    assert [bad.index for bad in outcome.quarantined[0]] == [0, 1, 3]
    assert {bad.reason for bad in outcome.quarantined[0]} == {"foreign_device"}
    assert await keys_by_position(pool) == [("elm-in", 1, 0)]


async def test_a_batch_of_an_unknown_site_leaves_nothing(store: EventStore, pool: Any) -> None:
    outcome = await store.store([decode_batch("ash", batch(1, [event("elm-in")]))])
    assert outcome.unknown_sites == {"ash"}
    assert await keys_by_position(pool) == []


async def test_a_key_used_for_another_fact_is_set_aside(store: EventStore, pool: Any) -> None:
    await store.store([decode_batch("elm", batch(1, [event(seq=0, plate="one")]))])
    outcome = await store.store([decode_batch("elm", batch(2, [event(seq=0, plate="two")]))])
    assert [bad.reason for bad in outcome.quarantined[0]] == ["key_reused"]
    assert outcome.doubled == 0


async def test_what_only_postgresql_refuses_is_found_and_set_aside(
    store: EventStore, pool: Any
) -> None:
    good = decode_batch("elm", batch(1, [event(seq=seq) for seq in range(9)])).events
    # No decoder lets this pass; the store must not rely on that.
    bad = GoodEvent(4, "elm-in", 1, 100, None, 1, "set", "passage", '{"a":"\\u0000"}', b"{}")
    mixed = [*good[:4], bad, *good[4:]]
    other = decode_batch("oak", batch(1, [event("oak-in")]))
    outcome = await store.store([DecodedBatch("elm", 1, mixed, []), other])
    assert [b.reason for b in outcome.quarantined[0]] == ["not_storable"]
    seqs = [seq for device, _, seq in await keys_by_position(pool) if device == "elm-in"]
    assert seqs == list(range(9))
    assert len(outcome.new) == 10


async def test_a_quarantined_payload_raises_one_alert_however_often_it_comes(
    store: EventStore, pool: Any
) -> None:
    for number in range(3):
        await store.store([decode_batch("elm", batch(number, [{"nonsense": True}]))])
    assert await pool.fetchval("SELECT count(*) FROM device_quarantine") == 1
    assert await pool.fetchval("SELECT count(*) FROM device_alerts") == 1


async def test_a_copied_card_raises_an_alert_with_both_taps(store: EventStore, pool: Any) -> None:
    earlier = {"gate": "elm-out", "boot": 1, "tap": 4, "at_ms": 1_000, "counter": 9}
    this = {"gate": "elm-in", "boot": 1, "tap": 0, "at_ms": 2_000, "counter": 7}
    taps = {"tag": "00112233445566", "gate": "elm-in", "earlier": earlier, "this": this}
    await store.store([decode_batch("elm", batch(1, [event(kind=codes.COPIED_CARD, **taps)]))])
    row = await pool.fetchrow("SELECT kind, device, detail FROM device_alerts")
    assert (row["kind"], row["device"]) == ("copied_card", "elm-in")
    assert msgspec.json.decode(row["detail"]) == taps


async def test_a_fault_is_one_alert_until_it_is_restored(store: EventStore, pool: Any) -> None:
    kinds = [codes.FAULT, codes.FAULT, codes.RESTORED, codes.FAULT]
    events = [event(seq=seq, kind=kind, code="arm_not_up") for seq, kind in enumerate(kinds)]
    await store.store([decode_batch("elm", batch(1, events))])
    rows = await pool.fetch("SELECT cleared_at IS NULL AS open FROM device_alerts")
    assert sorted(row["open"] for row in rows) == [False, True]


ATTEMPT = st.tuples(st.integers(1, 12), st.integers(1, 2), st.booleans(), st.booleans())


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    count=st.integers(1, 20),
    attempts=st.lists(ATTEMPT, max_size=12),
)
async def test_every_event_is_stored_once_and_in_order_whatever_is_lost_or_repeated(
    store: EventStore, pool: Any, count: int, attempts: list[tuple[int, int, bool, bool]]
) -> None:
    """An agent with stop and wait, whose batches and acks are lost or doubled."""
    await pool.execute("TRUNCATE device_events, outbox, device_quarantine, device_alerts CASCADE")
    waiting = [event(("elm-in", "elm-out")[seq % 2], seq=seq) for seq in range(count)]
    expected = [(each["device"], each["boot"], each["seq"]) for each in waiting]
    reliable = (count, 1, True, True)
    for number, (size, copies, arrives, is_acked) in enumerate([*attempts, reliable]):
        decoded = decode_batch("elm", batch(number, waiting[:size]))
        if arrives:
            await store.store([decoded] * copies)
            if is_acked:
                waiting = waiting[size:]
    stored = await keys_by_position(pool)
    assert stored == expected
    assert await told_keys(pool) == expected
