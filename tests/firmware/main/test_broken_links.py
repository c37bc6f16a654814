"""Traffic goes on while the broker is killed and comes back: every event arrives once, in order."""

import asyncio

import pytest

from protocols.portable import codes
from simulators.hardware.tags import make
from simulators.world_link import BoardLink
from tests.support.site_rig import running_site

pytestmark = pytest.mark.system

GATE = "elm-in-1"
TAPS = 24


async def one_car(board: BoardLink, number: int) -> None:
    """A car drives up, shows its own card, passes, and is gone."""
    card = make("uid", (0x10000000 + number).to_bytes(4, "big")).dump()
    board.set_loop("arming", on=True)
    await board.wait_until(lambda message: message.get("state") == "vehicle")
    board.set_field([card])
    await board.wait_until(lambda message: message.get("pin") == "relay" and message["on"])
    board.set_field([])
    await board.wait_until(lambda message: message.get("state") == "open")
    board.set_loop("safety", on=True)
    await board.wait_until(lambda message: message.get("state") == "passing")
    board.set_loop("arming", on=False)
    board.set_loop("safety", on=False)
    await board.wait_until(lambda message: message.get("state") == "idle")


async def test_killing_the_broker_under_traffic_loses_and_doubles_nothing():
    async with running_site() as site:
        quick = {"arm_switch": False, "open_ms": 50, "close_after_ms": 50, "close_ms": 50}
        site.add_gate(GATE, policy={"stale": 2}, **quick)
        agent = await site.start_agent()
        board = await site.start_board(GATE)
        await agent.wait_for(lambda: agent.online.get(GATE))
        for number in range(TAPS):
            if number in (6, 16):
                await site.stop_agent()
                site.broker.stop_signal = 9
                await asyncio.to_thread(site.broker.stop)
            if number in (11, 20):
                await site.start_broker()
                await site.start_agent()
            await one_car(board, number)
        # Back-off may have grown to some seconds while the broker was away.
        await agent.wait_for(lambda: agent.kinds(GATE).count(codes.PASSAGE) == TAPS, 40)
        keys = [(event.boot, event.seq) for _, event in agent.events]
        assert keys == [(1, seq) for seq in range(len(keys))]
        uids = [event.data["uid"] for _, event in agent.events if event.kind == codes.ACCESS]
        assert uids == [f"{0x10000000 + number:08x}" for number in range(TAPS)]
        modes = {event.data["mode"] for _, event in agent.events if event.kind == codes.ACCESS}
        assert modes == {codes.AGENT, codes.POLICY}
