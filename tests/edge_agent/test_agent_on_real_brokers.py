"""The agent as a process between two real brokers: taps, events, lists, orders, restarts."""

from collections.abc import Iterator

import pytest

from protocols.portable import codes
from tests.edge_agent.stand import (
    GATES,
    CloudStub,
    Stand,
    a_desired,
    a_full,
    a_right,
    cloud_stub,
    gate_stub,
    running_stand,
)
from tests.support.engines import scratch_folder


@pytest.fixture
def stand() -> Iterator[Stand]:
    with scratch_folder() as folder, running_stand(folder) as made:
        made.start_agent()
        yield made


async def set_up(cloud: CloudStub, rights, **lot) -> None:
    await cloud.until(lambda stub: stub.reports)
    await cloud.desire(a_desired(**lot))
    for part in a_full(rights, 1):
        await cloud.send_rights(part)
    await cloud.until(
        lambda stub: (stub.reports[-1].desired_version, stub.reports[-1].rights_version) == (1, 1)
    )


async def test_a_tap_is_answered_and_its_events_reach_the_cloud_once(stand):
    async with cloud_stub(stand) as cloud:
        await set_up(cloud, [a_right(1)])
        async with gate_stub(stand) as gate:
            await cloud.until_event(codes.GATE_ONLINE, gate=GATES[0])
            answer = await gate.tap(1)
            assert (answer["reason"], answer["mode"]) == (codes.RIGHT_VALID, codes.ONLINE)
            assert (answer["right"], answer["list_version"]) == ("r1", 1)
            assert (await gate.tap(2))["reason"] == codes.UNKNOWN_TAG
            await gate.event(codes.PASSAGE, tap=answer["tap"], direction=codes.ENTRY)
            event = await cloud.until_event(codes.PASSAGE)
            assert (event.device, event.boot, event.seq) == (GATES[0], 1, 0)
            assert (await gate.tap(1))["reason"] == codes.PASSBACK
