"""A site's list ends where the cloud's is, whatever is lost, doubled or sent twice."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud.devices.commands.queue import CommandQueue
from cloud.devices.mqtt.channel import Channel, ChannelTools
from cloud.devices.mqtt.link import LinkDownError
from cloud.devices.rights.publisher import RightsPublisher
from cloud.devices.rights.rules import (
    DELTA_GRACE_MS,
    FULL_GRACE_MS,
    PART_ENTRIES,
    Delta,
    Head,
    Sent,
    Step,
    effective,
    next_head,
    parts_of,
    step_for,
)
from cloud.devices.wake import Work
from cloud.devices.wire import Devices
from cloud.kit.feature import Kit
from protocols.rights_hash import EMPTY, rights_hash
from protocols.site import Right, SiteDesired, SiteReport
from tests.cloud.devices.agent import AgentModel, right

KEY = bytes(range(32))
RIGHTS = st.dictionaries(
    st.sampled_from("abcdef"), st.none() | st.integers(1, 3), min_size=1, max_size=4
)


def wishes_of(drawn: dict[str, int | None]) -> dict[str, Right | None]:
    return {id_: None if n is None else right(id_, until_s=n) for id_, n in drawn.items()}


def report(version: int, hash_: str = EMPTY, **changes: Any) -> SiteReport:
    model = AgentModel("elm", KEY)
    model.version, model.hash = version, hash_
    return model.report(**changes)


@given(st.lists(RIGHTS, max_size=8))
def test_the_hash_follows_every_change(changes: list[dict[str, int | None]]) -> None:
    current: dict[str, Right] = {}
    head = Head(0, EMPTY, 0)
    for drawn in changes:
        delta = effective(current, wishes_of(drawn))
        head = next_head(head, {k: v for k, v in current.items() if k in drawn}, delta)
        for id_ in delta.removed:
            del current[id_]
        current |= {right.id: right for right in delta.entries}
        assert (head.hash, head.count) == (rights_hash(current.values()), len(current))


def test_a_wish_that_changes_nothing_is_no_delta() -> None:
    have = {"a": right("a")}
    assert effective(have, {"a": right("a"), "b": None}) == Delta(entries=[], removed=[])


def test_a_full_list_is_cut_into_parts_and_an_empty_one_is_one_part() -> None:
    assert [len(part) for part in parts_of([right("a")] * (PART_ENTRIES + 1))] == [PART_ENTRIES, 1]
    assert parts_of([]) == [[]]


HEAD = Head(9, "9" * 64, 1)


@pytest.mark.parametrize(
    ("said", "sent", "now_ms", "step"),
    [
        (report(9, "9" * 64), None, 0, Step.NOTHING),
        (report(9, "9" * 64, want_full=True), None, 0, Step.FULL),
        (report(9, "0" * 64), None, 0, Step.FULL),
        (report(7), None, 0, Step.DELTAS),
        (report(7, rights_problem="not_next"), None, 0, Step.FULL),
        (report(3), None, 0, Step.FULL),
        (report(10), None, 0, Step.JUMP),
        # What was just sent may be on its way.
        (report(8), Sent(9, False, 0), DELTA_GRACE_MS - 1, Step.NOTHING),
        (report(8), Sent(9, False, 0), DELTA_GRACE_MS, Step.FULL),
        (report(8, rights_problem="not_next"), Sent(9, False, 0), 1, Step.FULL),
        (report(0, want_full=True), Sent(9, True, 0), FULL_GRACE_MS - 1, Step.NOTHING),
        (report(0), Sent(9, True, 0), FULL_GRACE_MS, Step.FULL),
    ],
)
def test_a_lagging_site_is_sent_what_it_needs_and_no_more(
    said: SiteReport, sent: Sent | None, now_ms: int, step: Step
) -> None:
    assert step_for(said, HEAD, sent, now_ms, deltas_from=6) is step


class Source:
    """A site with a key and an empty picture."""

    async def key(self, site: str) -> bytes:
        return KEY

    async def picture(self, site: str) -> SiteDesired:
        return SiteDesired(site=site, version=1, issued_at_ms=0, lots=[], gates=[])

    async def number_above(self, site: str, known: int) -> None:
        """Nothing."""


class Silent:
    """Writes no report down."""

    async def record(self, report: SiteReport) -> None:
        """Nothing."""

    async def set_online(self, site: str, *, online: bool) -> bool:
        """Nothing."""
        return False


class Wire:
    """What is between cloud and agent: keeps, loses or doubles what is sent."""

    def __init__(self, model: AgentModel) -> None:
        self.model = model
        self.copies = 1
        self.is_down = False

    async def publish(self, topic: str, payload: bytes, retained: bool) -> None:
        """Carry a message."""
        if self.is_down:
            raise LinkDownError("cut")
        for _ in range(self.copies):
            if topic.endswith("down/rights"):
                self.model.take_rights(payload)


STEP = st.tuples(RIGHTS, st.sampled_from([0, 1, 2, -1]))


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(STEP, max_size=8))
async def test_the_agent_converges_whatever_is_lost(
    kit: Kit,
    devices: Devices,
    pool: Any,
    monkeypatch: pytest.MonkeyPatch,
    steps: list[tuple[dict[str, int | None], int]],
) -> None:
    """copies: 0 lost, 1 delivered, 2 doubled, -1 the link is down."""
    await pool.execute("TRUNCATE site_rights, site_rights_pending, site_rights_versions")
    monkeypatch.setattr("cloud.devices.mqtt.channel.DEBOUNCE_S", 0.0)
    model = AgentModel("elm", KEY)
    wire = Wire(model)
    tools = ChannelTools(
        source=Source(),
        rights=RightsPublisher(pool, kit.clock),
        commands=CommandQueue(pool, kit.clock),
        reports=Silent(),
        publish=wire.publish,
        clock=kit.clock,
    )
    channel = Channel("elm", tools)
    expected: dict[str, Right] = {}
    for drawn, copies in steps:
        wire.copies, wire.is_down = max(copies, 0), copies < 0
        async with kit.database.session() as session:
            await devices.rights.replace_many(session, "elm", wishes_of(drawn))
        for id_, wish in wishes_of(drawn).items():
            expected.pop(id_, None)
            if wish is not None:
                expected[id_] = wish
        channel.tell(Work.RIGHTS)
        try:
            await channel.run_once()
        except LinkDownError:
            continue
    wire.copies, wire.is_down = 1, False
    for _ in range(3):  # what was lost shows in the reports, which come for ever
        channel._sent = None  # and the grace passes
        channel.hear_report(model.report(want_full=model.problem is not None))
        await channel.run_once()
    assert model.rights == expected
    assert model.problem is None
    head = await tools.rights.head("elm")
    assert (model.version, model.hash) == (head.version, head.hash)


async def test_a_burst_of_wishes_becomes_one_version(kit: Kit, devices: Devices, pool: Any) -> None:
    publisher = RightsPublisher(pool, kit.clock)
    for number in range(20):
        async with kit.database.session() as session:
            await devices.rights.replace(session, "elm", f"r{number}", right(f"r{number}"))
    published = await publisher.publish("elm")
    assert published is not None
    assert (published.head.version, published.head.count) == (1, 20)
    assert await publisher.publish("elm") is None


async def test_a_wish_of_a_transaction_that_fails_is_none(
    kit: Kit, devices: Devices, pool: Any
) -> None:
    async def fail() -> None:
        async with kit.database.session() as session:
            await devices.rights.replace(session, "elm", "a", right("a"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    assert await RightsPublisher(pool, kit.clock).publish("elm") is None


async def test_the_ids_to_come_are_known_before_they_are_published(
    kit: Kit, devices: Devices, pool: Any
) -> None:
    async with kit.database.session() as session:
        await devices.rights.replace_many(session, "elm", {"a": right("a"), "b": right("b")})
    await RightsPublisher(pool, kit.clock).publish("elm")
    async with kit.database.session() as session:
        await devices.rights.replace_many(session, "elm", {"a": None, "c": right("c")})
        assert await devices.rights.ids(session, "elm") == {"b", "c"}


async def test_a_list_restored_from_a_backup_is_numbered_above_what_the_site_has(
    kit: Kit, devices: Devices, pool: Any
) -> None:
    publisher = RightsPublisher(pool, kit.clock)
    await publisher.jump("elm", 41)
    lists = await publisher.full("elm")
    assert [(each.version, each.base_version) for each in lists] == [(42, None)]
    await publisher.jump("elm", 17)
    assert (await publisher.head("elm")).version == 42
