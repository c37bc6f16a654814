"""Every event reaches the cloud once and in its device's order, whatever happens on the way."""

import asyncio
import contextlib

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.clock import TrustedClock
from edge_agent.cloud_link import CloudLink
from edge_agent.outbox import BATCH_EVENTS_MAX, Outbox
from edge_agent.store import Store
from protocols.portable import topics
from protocols.site import Event, EventBatch, EventsAck
from tests.edge_agent.conftest import running_store
from tests.edge_agent.test_rights import HandClock
from tests.support.engines import scratch_folder

DEVICE = "site-elm-street"


def an_event(device, seq, data=None) -> Event:
    return Event(
        device=device, boot=1, seq=seq, at_ms=1, heard_ms=2, clock="set", kind="passage",
        data=data or {},
    )  # fmt: skip


def decoded(events) -> list[Event]:
    return [msgspec.json.decode(event, type=Event) for event in events]


async def put(store: Store, outbox: Outbox, *events: Event) -> None:
    for event in events:
        await store.run(lambda c, event=event: outbox.append(c, event))
        outbox.added()


async def test_events_come_in_order_and_stay_until_forgotten(store, clock):
    outbox = Outbox(store, clock, device=DEVICE)
    events = [an_event("elm-in-1", seq) for seq in range(3)]
    await put(store, outbox, *events)
    first = await outbox.next_batch()
    assert decoded(first.events) == events
    assert (await outbox.next_batch()) == first
    await put(store, outbox, an_event("elm-in-1", 3))
    await outbox.forget(first.number)
    assert [event.seq for event in decoded((await outbox.next_batch()).events)] == [3]
    assert outbox.depth == 1


async def test_a_batch_has_a_limit_in_number_and_in_bytes(store, clock):
    outbox = Outbox(store, clock, device=DEVICE)
    await put(store, outbox, *(an_event("elm-in-1", seq) for seq in range(BATCH_EVENTS_MAX + 5)))
    assert len((await outbox.next_batch()).events) == BATCH_EVENTS_MAX
    small = await outbox.next_batch(bytes_max=1000)
    assert sum(map(len, small.events)) <= 1000
    # One that is too big by itself must not stop the queue.
    assert len((await outbox.next_batch(bytes_max=1)).events) == 1


async def test_the_agents_own_events_are_numbered_without_gaps(store, clock):
    outbox = Outbox(store, clock, device=DEVICE)
    for number in range(5):
        outbox.report("clock", {"n": number})
    await store.run(lambda _: None)
    events = decoded((await outbox.next_batch()).events)
    assert [(e.device, e.seq, e.data["n"]) for e in events] == [(DEVICE, n, n) for n in range(5)]


async def test_a_new_start_has_a_new_boot_even_when_the_clock_went_back(tmp_path, hand_clock):
    boots = []
    for _ in range(3):
        async with running_store(tmp_path) as store:
            boots.append(Outbox(store, TrustedClock(hand_clock), device=DEVICE).boot)
        hand_clock.advance(-3_600_000)
    assert boots == sorted(set(boots))


async def test_numbers_do_not_come_again_when_the_database_was_lost(tmp_path, hand_clock):
    numbers = []
    for name in ("one", "two"):
        async with running_store(tmp_path / name) as store:
            outbox = Outbox(store, TrustedClock(hand_clock), device=DEVICE)
            await put(store, outbox, an_event("elm-in-1", 1))
            numbers.append((outbox.boot, (await outbox.next_batch()).number))
        hand_clock.advance(2000)
    assert numbers[0][0] < numbers[1][0]
    assert numbers[0][1] < numbers[1][1]


async def test_above_its_limit_diagnostics_are_left_out_and_gates_events_taken(store, clock):
    outbox = Outbox(store, clock, device=DEVICE, depth_max=2)
    await put(store, outbox, *(an_event("elm-in-1", seq) for seq in range(3)))
    outbox.report("clock", {})
    await put(store, outbox, an_event("elm-in-1", 3))
    assert (outbox.left_out, outbox.depth) == (1, 4)


class WireStub:
    """A link that loses, doubles and delays as told, to a cloud that keeps what is new."""

    def __init__(self, faults) -> None:
        self.faults = list(faults)
        self.handler: CloudLink | None = None
        self.stored: list[tuple[str, int, int]] = []
        self._late: list[bytes] = []
        self._task: asyncio.Task[None] | None = None
        self.tasks: set[asyncio.Task[None]] = set()

    async def publish(self, topic, payload, *, qos=0, retain=False) -> bool:
        if not topic.endswith(topics.SITE_EVENTS):
            return True
        fault = self.faults.pop(0) if self.faults else "fine"
        if fault == "lost":
            self._after(self._drop)
            return False
        copies = {"doubled": [payload] * 2, "late": []}.get(fault, [payload])
        if fault == "late":
            self._late.append(payload)
            self._after(self._drop)
        acks = [self._store(one) for one in [*copies, *(self._late if copies else ())]]
        if copies:
            self._late = []
        if fault == "ack lost":
            self._after(self._drop)
        else:
            for ack in acks:
                self._after(lambda ack=ack: self._say(ack))
        return True

    def _store(self, payload) -> bytes:
        batch = msgspec.json.decode(payload, type=EventBatch)
        for event in decoded(batch.events):
            key = (event.device, event.boot, event.seq)
            if key not in self.stored:
                self.stored.append(key)
        return msgspec.json.encode(EventsAck(v=1, batch=batch.batch))

    async def _say(self, ack) -> None:
        topic = topics.site("elm-street", topics.SITE_EVENTS_ACK)
        await self.handler.on_message(topic, ack, retained=False)

    async def _drop(self) -> None:
        await self.handler.on_down()
        await self.handler.on_up()

    def _after(self, act) -> None:
        task = asyncio.create_task(act())
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


FAULTS = st.lists(st.sampled_from(["fine", "lost", "doubled", "late", "ack lost"]), max_size=6)
BURSTS = st.lists(st.lists(st.sampled_from(["a", "b", "c"]), max_size=5), min_size=1, max_size=5)


@settings(max_examples=25, deadline=None)
@given(FAULTS, BURSTS)
async def test_each_event_arrives_once_and_in_order_whatever_the_link_does(faults, bursts):
    """A lost message is found by the link going down here; by the clock it is the same path."""
    with scratch_folder() as folder:
        seqs: dict[str, int] = {}
        wire = WireStub(faults)
        for burst in bursts:
            # Every burst lives in a start of its own: the agent may die between any two.
            async with running_store(folder) as store:
                await deliver(store, wire, burst, seqs)
    expected = {device: list(range(count)) for device, count in seqs.items()}
    got = {device: [s for d, _, s in wire.stored if d == device] for device in expected}
    assert got == expected


async def deliver(store, wire, burst, seqs) -> None:
    clock = TrustedClock(HandClock())
    outbox = Outbox(store, clock, device=DEVICE)
    link = CloudLink(
        "elm-street",
        clock,
        outbox,
        workers={},
        report_every_s=1,
        ack_within_s=0.05,
    )
    link.link, wire.handler = wire, link
    await link.on_up()
    sending = asyncio.create_task(link.send_events())
    for device in burst:
        await put(store, outbox, an_event(device, seqs.get(device, 0)))
        seqs[device] = seqs.get(device, 0) + 1
    async with asyncio.timeout(10):
        while outbox.depth:  # noqa: ASYNC110 - the outbox tells of what comes, not of what goes
            await asyncio.sleep(0.001)
    sending.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await sending
    await asyncio.gather(*wire.tasks)


async def test_a_disk_that_refuses_does_not_end_the_sender(store, clock):
    outbox = Outbox(store, clock, device=DEVICE)
    await put(store, outbox, an_event("elm-in-1", 1))
    wire = WireStub([])
    link = CloudLink("elm-street", clock, outbox, workers={}, report_every_s=1)
    link.link, wire.handler = wire, link
    await store.run(lambda c: c.execute("PRAGMA query_only = ON").fetchone())
    await link.on_up()
    sending = asyncio.create_task(link.send_events())
    # The cloud has it, but the agent cannot forget it: it stays and is sent again.
    while not wire.stored:  # noqa: ASYNC110 - the stub is not worth an event
        await asyncio.sleep(0.001)
    assert (outbox.depth, sending.done()) == (1, False)
    await store.run(lambda c: c.execute("PRAGMA query_only = OFF").fetchone())
    async with asyncio.timeout(10):
        while outbox.depth:  # noqa: ASYNC110 - the outbox tells of what comes, not of what goes
            await asyncio.sleep(0.001)
    assert wire.stored == [("elm-in-1", 1, 1)]
    sending.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await sending
