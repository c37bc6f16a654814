"""The whole gate path: real firmware on real MicroPython, a real broker with mutual TLS."""

from collections.abc import AsyncIterator

import pytest

from protocols.portable import codes
from simulators.hardware.tags import make
from simulators.world_link import BoardLink, Message
from tests.support.site_rig import Site, running_site

pytestmark = pytest.mark.system

GATE = "elm-in-1"
CARD = make("uid", bytes.fromhex("01020304")).dump()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with running_site() as place:
        yield place


def is_pulse(message: Message) -> bool:
    return message.get("pin") == "relay" and message["on"]


def is_state(state: str):
    return lambda message: message.get("state") == state


async def online(site: Site, **environment: str) -> BoardLink:
    """A gate with its agent, both ready."""
    agent = await site.start_agent()
    board = await site.start_board(GATE, **environment)
    await agent.wait_for(lambda: agent.online.get(GATE))
    await agent.set_time(GATE)
    await agent.wait_for(lambda: codes.CLOCK in agent.kinds(GATE))
    return board


async def drive_through(board: BoardLink) -> None:
    """The arm goes up, the car passes, the arm comes down."""
    board.set_arm("up")
    await board.wait_until(is_state("open"))
    board.set_loop("safety", on=True)
    await board.wait_until(is_state("passing"))
    board.set_loop("arming", on=False)
    board.set_loop("safety", on=False)
    await board.wait_until(is_state("closing"))
    board.set_arm("down")
    await board.wait_until(is_state("idle"))


async def test_a_known_card_opens_and_the_passage_is_recorded_after_it(site):
    board = await online(site)
    board.set_loop("arming", on=True)
    await board.wait_until(is_state("vehicle"))
    board.set_field([CARD])
    await board.wait_until(is_pulse)
    timing = (await board.wait_until(lambda message: "timing" in message))["timing"]
    assert 0 < timing["relay_us"] - timing["first_answer_us"] < 300_000
    board.set_field([])
    await drive_through(board)
    agent = site.agent
    await agent.wait_for(lambda: codes.PASSAGE in agent.kinds(GATE))
    assert agent.kinds(GATE) == [codes.BOOT, codes.CLOCK, codes.ACCESS, codes.PASSAGE]
    access = agent.event(GATE, codes.ACCESS).data
    assert access["admit"]
    assert access["mode"] == codes.AGENT
    assert access["right"] == "b-1"
    assert access["uid"] == "01020304"
    assert agent.event(GATE, codes.PASSAGE).data == {"tap": access["tap"], "direction": codes.ENTRY}
    assert [event.seq for _, event in agent.events] == [0, 1, 2, 3]
