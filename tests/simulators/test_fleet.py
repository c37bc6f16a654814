"""Drivers pass lanes whose gates are the real firmware on real MicroPython."""

import asyncio

import pytest

from protocols.portable import codes
from simulators.drivers import pass_lane
from simulators.fleet import GateSetup, running_fleet
from simulators.hardware.tags import make
from simulators.lines import running_lines
from simulators.traffic import Behaviour
from simulators.world import Card
from tests.support.site_rig import running_site

pytestmark = pytest.mark.system

GATE = "elm-in-1"


@pytest.fixture
async def lane(tmp_path):
    async with running_site() as site:
        agent = await site.start_agent()
        flash = site.add_gate(GATE, direction="entry", arm_switch=True)
        setups = [GateSetup(GATE, flash, is_entry=True)]
        async with running_fleet(setups, tmp_path, pace=4) as fleet:
            await fleet.wait_ready()
            await agent.wait_for(lambda: agent.online.get(GATE))
            await agent.set_time(GATE)
            await agent.wait_for(lambda: codes.CLOCK in agent.kinds(GATE))
            yield agent, fleet


def card(number):
    return Card(make("uid", bytes([4, 0xC0, 0xDE, number])).dump())


async def test_cars_pass_one_after_another_and_each_passage_is_told_once(lane):
    agent, fleet = lane
    for number in range(4):
        attempt = await pass_lane(fleet.worlds[GATE], f"car-{number}", card(number))
        assert attempt.is_granted, attempt
        assert attempt.has_passed, attempt
        assert attempt.reason == codes.RIGHT_VALID
        assert 0 < attempt.to_relay_us < 300_000
    await agent.wait_for(lambda: agent.kinds(GATE).count(codes.PASSAGE) == 4)
    assert agent.kinds(GATE).count(codes.ACCESS) == 4


async def test_a_gate_on_a_slow_line_decides_by_itself_and_tells_its_agent_later(tmp_path):
    async with running_site() as site:
        agent = await site.start_agent()
        flash = site.add_gate(GATE, direction="entry", arm_switch=True)
        async with (
            running_lines([GateSetup(GATE, flash, is_entry=True)]) as (setups, lines),
            running_fleet(setups, tmp_path, pace=4) as fleet,
        ):
            await fleet.wait_ready()
            await agent.wait_for(lambda: agent.online.get(GATE))
            world = fleet.worlds[GATE]
            assert (await pass_lane(world, "quick", card(1))).reason == codes.RIGHT_VALID
            # Twice this is there and back: later than a gate waits for its agent.
            lines[GATE].delay_s = 0.4
            attempt = await pass_lane(world, "slow", card(2))
            assert attempt.reason not in (None, codes.RIGHT_VALID)
            await agent.wait_for(lambda: agent.kinds(GATE).count(codes.ACCESS) >= 2)


async def test_a_refused_driver_tries_again_and_backs_out(lane):
    agent, fleet = lane
    agent.decide = lambda _gate, _tap: codes.UNKNOWN_TAG
    attempt = await pass_lane(fleet.worlds[GATE], "car", card(1))
    assert not attempt.is_granted
    assert not attempt.has_passed
    assert attempt.reason == codes.UNKNOWN_TAG
    assert fleet.worlds[GATE].lane.pulses == 0


async def test_a_driver_who_changes_his_mind_and_one_who_follows_are_both_told(lane):
    agent, fleet = lane
    world = fleet.worlds[GATE]
    gone = await pass_lane(world, "a", card(1), behaviour=Behaviour.BACKS_OUT)
    assert gone.is_granted
    assert not gone.has_passed
    await agent.wait_for(lambda: codes.BACKED_OUT in agent.kinds(GATE), within_s=20)
    world.lane.pace = 1
    followed = await pass_lane(world, "b", card(2), behaviour=Behaviour.TAILGATES)
    assert followed.has_passed
    assert "b-tail" in world.passed
    await agent.wait_for(lambda: codes.TAILGATED in agent.kinds(GATE))


async def test_a_killed_gate_is_switched_on_again_and_works(lane):
    agent, fleet = lane
    await fleet.kill(GATE)
    await asyncio.sleep(0)
    await fleet.wait_ready(GATE)
    await agent.wait_for(lambda: agent.kinds(GATE).count(codes.BOOT) == 2)
    await agent.set_time(GATE)
    attempt = await pass_lane(fleet.worlds[GATE], "car", card(1))
    assert attempt.has_passed
    assert fleet.switched_on(GATE) == 2
