"""Messages that decode and still mean harm: numbers no database stores, instants of no calendar."""

import asyncio
import json

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from protocols.portable import codes, topics
from tests.edge_agent.conftest import running_store
from tests.edge_agent.test_gates import GateSide, acking, an_event
from tests.edge_agent.test_rights import HandClock

HUGE = 2**70
NUMBERS = st.sampled_from([-HUGE, -1, 0, 1, 2**63 - 1, 2**63, HUGE, 10**40])
TAP = {"v": 1, "boot": 1, "seq": 1, "uid": "01020304", "read": 0, "level": 1, "clock": "set"}
EVENT = {"v": 1, "boot": 1, "seq": 1, "at_ms": 1, "up_ms": 1, "clock": "set"}


@pytest.mark.parametrize("kind", [codes.ACCESS, codes.PASSAGE])
async def test_an_event_with_a_number_nobody_can_store_is_passed_on_and_acked(side, kind):
    data = {"tap": HUGE, "uid": "01020304", "level": 1, "counter": HUGE}
    async with acking(side):
        await side.hear(topics.EVENT, an_event(1, 0, kind=kind, data=data))
        await side.hear(topics.EVENT, an_event(1, 1))
    assert side.acked() == [(1, 0), (1, 1)]
    assert [event.seq for event in await side.events()] == [0, 1]


@pytest.mark.parametrize("change", [{"boot": HUGE}, {"seq": -1}, {"at_ms": HUGE}, {"at_ms": -1}])
async def test_an_event_whose_key_or_instant_cannot_be_is_set_aside_and_the_next_goes_on(
    side, change
):
    async with acking(side):
        await side.hear(topics.EVENT, json.dumps(EVENT | {"kind": codes.PASSAGE} | change).encode())
        await side.hear(topics.EVENT, an_event(1, 2))
    assert (1, 2) in side.acked()
    assert await side.kinds() == [codes.QUARANTINED, codes.FAULT]


@given(NUMBERS, NUMBERS, NUMBERS, NUMBERS, st.sampled_from([codes.ACCESS, codes.PASSAGE]))
@example(1, 1, HUGE, HUGE, codes.ACCESS)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_no_numbers_whatever_end_the_agent(tmp_path_factory, boot, seq, tap, counter, kind):
    async with running_store(tmp_path_factory.mktemp("hostile")) as store:
        side = GateSide(store, HandClock())
        numbers = {"boot": boot, "seq": seq}
        data = {"tap": tap, "uid": "01020304", "level": 1, "counter": counter}
        for leaf, message in (
            (topics.TAP, TAP | numbers | {"counter": counter}),
            (topics.EVENT, EVENT | numbers | {"kind": kind, "data": data, "at_ms": tap}),
            (topics.ONLINE, {"v": 1, "online": True, "boot": boot}),
        ):
            await side.hear(leaf, json.dumps(message).encode())
        async with asyncio.timeout(5):
            await side.events()


@pytest.fixture
def side(store, hand_clock) -> GateSide:
    return GateSide(store, hand_clock)
