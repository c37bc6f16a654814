"""Broken readers, lost networks, hung tasks, crash loops: what the gate does then."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from firmware.boot import CRASHES_MAX
from protocols.portable import codes
from simulators.hardware.tags import make
from simulators.world_link import BoardLink
from tests.support.site_rig import Site, running_site

pytestmark = pytest.mark.system

GATE = "elm-in-1"
CARD = make("uid", bytes.fromhex("01020304")).dump()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with running_site() as place:
        yield place


async def online(site: Site, **environment: str) -> BoardLink:
    agent = await site.start_agent()
    board = await site.start_board(GATE, **environment)
    await agent.wait_for(lambda: agent.online.get(GATE))
    await agent.set_time(GATE)
    await agent.wait_for(lambda: codes.CLOCK in agent.kinds(GATE))
    return board


async def opens_for(board: BoardLink, card: dict[str, str] = CARD) -> None:
    board.set_loop("arming", on=True)
    board.set_field([card])
    await board.wait_until(lambda message: message.get("pin") == "relay" and message["on"])


async def test_a_reader_that_hangs_is_healed_and_reported(site):
    board = await online(site)
    await opens_for(board)
    agent = site.agent
    board.set_fault(reader="hang")
    await agent.wait_for(
        lambda: (
            (event := agent.event(GATE, codes.READER)) is not None and event.data["health"] == "ok"
        )
    )
    healths = [event.data["health"] for _, event in agent.events if event.kind == codes.READER]
    assert healths == ["hung", "ok"]
    board.set_loop("arming", on=False)
    board.set_field([])
    await agent.wait_for(lambda: codes.BACKED_OUT in agent.kinds(GATE))
    await opens_for(board)


async def test_a_broken_wire_to_the_reader_is_called_so(site):
    board = await online(site)
    board.set_fault(reader="wiring")
    agent = site.agent
    await agent.wait_for(
        lambda: (
            (event := agent.event(GATE, codes.READER)) is not None
            and event.data["health"] == "wiring"
        )
    )
    await agent.command(GATE, codes.OP_OPEN, {})
    await board.wait_until(lambda message: message.get("pin") == "relay" and message["on"])


async def test_a_clone_of_the_reader_works_and_is_told(site):
    board = await online(site, CURB_READER="0x12")
    await opens_for(board)
    agent = site.agent
    await agent.wait_for(lambda: codes.READER in agent.kinds(GATE))
    assert agent.event(GATE, codes.READER).data["health"] == "clone"


async def test_the_same_firmware_runs_on_a_pico(site):
    site.add_gate(GATE, board="rp2")
    board = await online(site, CURB_BOARD="rp2")
    assert board.kind == "rp2"
    await opens_for(board)


async def test_two_cards_at_once_are_told_and_denied(site):
    board = await online(site)
    agent = site.agent
    agent.decide = lambda _gate, tap: codes.TWO_CARDS if tap.read == codes.READ_TWO_CARDS else None
    board.set_loop("arming", on=True)
    await board.wait_until(lambda message: message.get("state") == "vehicle")
    board.set_field([CARD, make("uid", bytes.fromhex("0a0b0c0d")).dump()])
    await agent.wait_for(lambda: codes.ACCESS in agent.kinds(GATE))
    event = agent.event(GATE, codes.ACCESS).data
    assert (event["reason"], event["admit"], event["uid"]) == (codes.TWO_CARDS, False, "")


async def test_a_card_without_a_car_is_told_to_come_with_one(site):
    board = await online(site)
    board.set_field([CARD])
    await board.wait_until(lambda message: message.get("display", "").startswith("Please drive up"))
    await site.agent.wait_for(lambda: codes.ACCESS in site.agent.kinds(GATE))
    assert site.agent.taps == []
    assert not board.relay


async def test_out_of_service_survives_a_power_cut_and_refuses_cards(site):
    board = await online(site)
    agent = site.agent
    await agent.command(GATE, codes.OP_OUT_OF_SERVICE, {"on": True})
    await board.wait_until(lambda message: message.get("state") == "out_of_service")
    await site.kill_board(GATE)
    agent.online.clear()
    board = await site.start_board(GATE)
    board.set_loop("arming", on=True)
    board.set_field([CARD])
    await agent.wait_for(lambda: codes.ACCESS in agent.kinds(GATE))
    assert agent.event(GATE, codes.ACCESS).data["reason"] == codes.OUT_OF_SERVICE
    assert board.state == "out_of_service"


async def test_a_reboot_by_command_restarts_the_board_in_order(site):
    await online(site)
    await site.agent.command(GATE, codes.OP_REBOOT, {})
    async with asyncio.timeout(10):
        assert await site.processes[GATE].wait() == 75
    board = await site.start_board(GATE)
    assert board.reset == "soft"
    agent = site.agent
    await agent.wait_for(lambda: agent.event(GATE, codes.BOOT).boot == 2)
    assert agent.event(GATE, codes.BOOT).data["reset"] == "soft"
    results = [event.data["result"] for _, event in agent.events if event.kind == codes.COMMAND]
    assert results == [codes.DONE]


async def test_a_gate_that_keeps_crashing_comes_up_safe_and_leaves_it_by_reboot(site):
    flash = site.add_gate(GATE)
    (flash / "boot.json").write_text(f'{{"boot": 9, "crashes": {CRASHES_MAX}}}')
    (flash / "rights").mkdir()
    (flash / "rights" / "a.bin").write_bytes(b"what made it crash")
    board = await online(site)
    agent = site.agent
    await agent.wait_for(lambda: agent.reports and agent.reports[-1][1].problem == "safe_mode")
    assert board.state == "out_of_service"
    await agent.command(GATE, codes.OP_OUT_OF_SERVICE, {"on": False})
    await agent.wait_for(lambda: codes.COMMAND in agent.kinds(GATE))
    board.set_loop("arming", on=True)
    board.set_field([CARD])
    await agent.wait_for(lambda: codes.ACCESS in agent.kinds(GATE))
    assert agent.event(GATE, codes.ACCESS).data["reason"] == codes.OUT_OF_SERVICE
    await agent.command(GATE, codes.OP_REBOOT, {})
    async with asyncio.timeout(10):
        await site.processes[GATE].wait()
    await site.start_board(GATE)
    await agent.wait_for(lambda: agent.reports[-1][1].boot == 11)
    assert agent.reports[-1][1].problem is None
    assert agent.reports[-1][1].lane == "idle"


async def test_a_clock_that_jumps_is_set_right_by_the_next_answer(site):
    board = await online(site)
    board.set_fault(rtc_offset_ms=7_200_000)
    await opens_for(board)
    agent = site.agent
    await agent.wait_for(lambda: codes.ACCESS in agent.kinds(GATE))
    event = agent.event(GATE, codes.ACCESS)
    earlier = agent.event(GATE, codes.CLOCK)
    assert abs(event.at_ms - earlier.at_ms) < 60_000
