"""The gates' side without a broker: events in any disorder, silence, strangers, full disks."""

import asyncio
import contextlib
import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.book import Book
from edge_agent.clock import TrustedClock
from edge_agent.gate_events import EventIntake
from edge_agent.gate_lists import GateLists
from edge_agent.gate_orders import GateOrders
from edge_agent.gate_state import Knowledge, load_states
from edge_agent.gate_wire import GateWire
from edge_agent.gates import EARLY_MAX, SILENT_AFTER_MS, Gates
from edge_agent.index import RightsIndex
from edge_agent.issuer import Issuer
from edge_agent.outbox import Outbox
from edge_agent.picture import Picture
from edge_agent.quarantine import Quarantine
from edge_agent.rights import ListState
from edge_agent.store import Store
from protocols.gate import GateEvent, Online, Report
from protocols.portable import codes, topics
from protocols.site import Event
from tests.edge_agent.conftest import running_store
from tests.edge_agent.stand import SITE_KEY
from tests.edge_agent.test_access import a_lane
from tests.edge_agent.test_rights import HandClock
from tests.support.engines import scratch_folder

GATE = "elm-in-1"


class Wire:
    """Takes what is published."""

    is_up = True

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes]] = []

    async def publish(self, topic, payload, *, qos=0, retain=False) -> bool:
        self.sent.append((topic, payload))
        return True


class GateSide:
    """Everything that deals with gates, over one store, with the picture of one lane."""

    def __init__(self, store: Store, hand_clock: HandClock) -> None:
        self.store = store
        self.clock = clock = TrustedClock(hand_clock)
        self.outbox = Outbox(store, clock, device="site-elm-street")
        quarantine = Quarantine(self.outbox, clock)
        self.picture = Picture(1, 0, {GATE: a_lane()})
        book, states, issuer = Book(), store.read_now(load_states), Issuer(store, clock, SITE_KEY)
        self.wire = Wire()
        wire = GateWire(quarantine)
        wire.link = self.wire
        self.intake = EventIntake(store, clock, self.outbox, book, states, wire)
        orders = GateOrders(clock, issuer, states, wire, boot=1, picture=lambda: self.picture)
        self.gates = Gates(
            store, clock, self.outbox, quarantine, book, issuer,
            GateLists(store, clock, issuer, entries_max=9, gather_s=1),
            states, wire, self.intake, orders,
            know=lambda: Knowledge(self.picture, RightsIndex(), ListState()),
            linked=lambda: True, on_change=lambda: None,
        )  # fmt: skip

    async def hear(self, leaf, message, gate=GATE, *, retained=False) -> None:
        payload = message if isinstance(message, bytes) else msgspec.json.encode(message)
        await self.gates.on_message(topics.gate(gate, leaf), payload, retained=retained)

    async def events(self) -> list[Event]:
        rows = await self.store.run(
            lambda c: c.execute("SELECT event FROM outbox ORDER BY id").fetchall()
        )
        return [msgspec.json.decode(event, type=Event) for (event,) in rows]

    async def kinds(self) -> list[str]:
        return [event.kind for event in await self.events()]

    def acked(self) -> list[tuple[int, int]]:
        acks = [json.loads(payload) for topic, payload in self.wire.sent if "down/ack" in topic]
        return [(ack["boot"], ack["seq"]) for ack in acks]


@pytest.fixture
def side(store, hand_clock) -> GateSide:
    return GateSide(store, hand_clock)


def an_event(boot, seq, **changes) -> GateEvent:
    fields = {"v": 1, "boot": boot, "seq": seq, "at_ms": 1, "up_ms": 1, "clock": "set",
              "kind": codes.FAULT, "data": {"key": [boot, seq]}}  # fmt: skip
    return GateEvent(**(fields | changes))


@contextlib.asynccontextmanager
async def acking(side: GateSide):
    task = asyncio.create_task(side.intake.send_acks())
    try:
        yield
    finally:
        await side.store.run(lambda _: None)
        await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


class GateThatTellsAll:
    """A gate's outbox: keeps each event until it is acked, sends the oldest, stop and wait."""

    def __init__(self, keys) -> None:
        self.queue = list(keys)

    def heard_acks(self, acks) -> None:
        if self.queue and self.queue[0] in acks:
            self.queue.pop(0)


DISORDER = st.lists(
    st.sampled_from(["send", "send twice", "send old", "ack lost", "restart", "disk full"]),
    max_size=30,
)
KEYS = st.lists(st.tuples(st.integers(1, 4), st.integers(0, 50)), unique=True, max_size=8)


@settings(max_examples=40, deadline=None)
@given(KEYS, DISORDER)
async def test_each_event_of_a_gate_is_stored_once_and_in_order_whatever_the_wire_does(
    keys, disorder
):
    keys = sorted(keys)
    gate, steps = GateThatTellsAll(keys), [*disorder, *["send"] * (len(keys) + 1)]
    with scratch_folder() as folder:
        while steps:
            async with running_store(folder) as store:
                side = GateSide(store, HandClock())
                while steps and (step := steps.pop(0)) != "restart":
                    await play(side, gate, step, keys)
                stored = [(e.boot, e.seq) for e in await side.events() if e.device == GATE]
    assert gate.queue == []
    assert stored == keys


async def play(side: GateSide, gate: GateThatTellsAll, step: str, keys) -> None:
    async with acking(side):
        if step == "send old" and len(gate.queue) < len(keys):
            await side.hear(topics.EVENT, an_event(*keys[0]))
        if not gate.queue:
            return
        if step == "disk full":
            await side.store.run(limit_pages)
        for _ in range(2 if step == "send twice" else 1):
            await side.hear(topics.EVENT, an_event(*gate.queue[0], data={"x": "y" * 900}))
    if step == "disk full":
        await side.store.run(lambda c: c.execute("PRAGMA max_page_count = 1000000").fetchone())
    if step != "ack lost":
        gate.heard_acks(side.acked())


def limit_pages(connection) -> None:
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}").fetchone()


async def test_an_event_is_acked_only_once_it_is_stored(side):
    async with acking(side):
        await side.hear(topics.EVENT, an_event(1, 0))
        assert side.acked() == []
        await side.store.run(lambda _: None)
        await asyncio.sleep(0)
        assert side.acked() == [(1, 0)]


async def test_a_gate_that_falls_silent_is_taken_for_gone_until_it_speaks(side, hand_clock):
    await side.hear(topics.ONLINE, Online(v=1, online=True, boot=3))
    hand_clock.advance(SILENT_AFTER_MS)
    side.gates.look_for_silent()
    assert await side.kinds() == [codes.GATE_ONLINE]
    hand_clock.advance(1)
    side.gates.look_for_silent()
    side.gates.look_for_silent()
    assert await side.kinds() == [codes.GATE_ONLINE, codes.GATE_OFFLINE]
    await side.hear(topics.LOG, b"hello")
    assert await side.kinds() == [codes.GATE_ONLINE, codes.GATE_OFFLINE, codes.GATE_ONLINE]
    assert side.gates.health()[0].online


async def test_the_last_will_of_an_earlier_link_does_not_take_a_gate_away(side):
    await side.hear(topics.ONLINE, Online(v=1, online=True, boot=4))
    await side.hear(topics.ONLINE, Online(v=1, online=False, boot=3))
    assert side.gates.health()[0].online
    await side.hear(topics.ONLINE, Online(v=1, online=False, boot=4))
    assert not side.gates.health()[0].online


async def test_a_gate_that_was_online_before_the_picture_named_it_is_not_forgotten(side):
    lanes, side.picture = side.picture, Picture()
    await side.hear(topics.ONLINE, Online(v=1, online=True, boot=4), retained=True)
    report = Report(v=1, boot=4, firmware="1", up_ms=1, at_ms=1, clock="set", lane="idle",
                    reader="ok", list_version=0, list_hash="", outbox=0, heap_free=1)  # fmt: skip
    await side.hear(topics.REPORT, report, retained=True)
    side.picture = lanes
    side.gates.settle()
    (health,) = side.gates.health()
    assert (health.online, health.report["lane"]) == (True, "idle")


async def test_what_strangers_left_behind_is_bounded_and_what_they_say_is_told(side):
    for number in range(EARLY_MAX * 2):
        await side.hear(topics.ONLINE, b"{}", gate=f"old-{number}", retained=True)
    assert len(side.gates._early) == EARLY_MAX
    assert await side.kinds() == []
    await side.hear(topics.TAP, b"{}", gate="old-1")
    assert await side.kinds() == [codes.QUARANTINED]


async def test_a_restart_does_not_tell_again_who_is_there(tmp_path, hand_clock):
    for expected in ([codes.GATE_ONLINE], [codes.GATE_ONLINE]):
        async with running_store(tmp_path) as store:
            side = GateSide(store, hand_clock)
            await side.hear(topics.ONLINE, Online(v=1, online=True, boot=4), retained=True)
            assert await side.kinds() == expected


LEAVES = ["up/tap", "up/event", "up/ack", "up/log", "state/online", "state/report", "up/else"]


@given(st.binary(max_size=400), st.sampled_from(LEAVES))
@settings(max_examples=150, deadline=None)
async def test_no_bytes_whatever_harm_the_agent(payload, leaf):
    await SHARED[0].hear(leaf, payload)


SHARED: list[GateSide] = []


@pytest.fixture(autouse=True, scope="module")
async def shared_side(tmp_path_factory):
    async with running_store(tmp_path_factory.mktemp("shared")) as store:
        SHARED.append(GateSide(store, HandClock()))
        yield
        SHARED.clear()
