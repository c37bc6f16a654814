"""The whole gate path: real firmware on real MicroPython, a real broker with mutual TLS."""

import asyncio
import json
import struct
from collections.abc import AsyncIterator

import msgspec
import pytest

from protocols.gate import LIST_PART_HEADER, Desired
from protocols.portable import access, codes, macs, packed_list, topics
from protocols.sealed import seal
from simulators.hardware.tags import make
from simulators.world_link import BoardLink, Message
from tests.support.certificates import TestAuthority
from tests.support.pki import SITE_KEY
from tests.support.secured_cards import secured_card
from tests.support.site_rig import Site, now_ms, running_site

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


async def present(board: BoardLink) -> None:
    board.set_loop("arming", on=True)
    await board.wait_until(is_state("vehicle"))
    board.set_field([CARD])


async def opened_within_ms(board: BoardLink) -> float:
    """From the card's first answer to the pulse, by the board's clock."""
    timing = (await board.wait_until(lambda message: "timing" in message))["timing"]
    return (timing["relay_us"] - timing["first_answer_us"]) / 1_000


async def has_moved(board: BoardLink, within_s: float = 0.5) -> bool:
    """Whether the relay moves within the time (the one place where nothing is waited for)."""
    try:
        await board.wait_until(is_pulse, within_s=within_s)
    except TimeoutError:
        return False
    return True


def a_list(number: int, gate: str = GATE, *, flags: int = access.FLAG_ENTRY) -> bytes:
    """A packed list that lets CARD in."""
    tag = macs.tag_key(bytes.fromhex(CARD["uid"]))
    return packed_list.pack(
        number,
        now_ms() // 1_000 + number,
        access.FOREVER_S,
        codes.ENTRY,
        "elm",
        access.Lot(),
        [(tag, flags | codes.PERMIT, 0, access.FOREVER_S)],
        macs.gate_key(SITE_KEY, gate),
    )


async def deliver(site: Site, data: bytes, number: int) -> None:
    """Offer a list of one part and hand it out as the gate asks."""
    agent = site.agent
    desired = Desired(
        v=1, list_version=number, list_parts=1, list_bytes=len(data), list_hash=data[-32:-24].hex()
    )
    agent.acks.clear()
    await agent.publish(GATE, topics.DESIRED, msgspec.json.encode(desired), retain=True)
    await agent.wait_for(lambda: any(ack.want == 0 for _, ack in agent.acks))
    part = struct.pack(LIST_PART_HEADER, number, 0, 1) + data
    await agent.publish(GATE, f"{topics.LIST_PART}0", part)
    await agent.wait_for(lambda: codes.LIST in agent.kinds(GATE))


async def test_a_silent_agent_leaves_the_decision_to_the_list_in_time(site):
    board = await online(site)
    data = a_list(3)
    await deliver(site, data, 3)
    assert site.agent.acks[-1][1].hash == data[-32:-24].hex()
    site.agent.decide = lambda _gate, _tap: None
    await present(board)
    assert 150 <= await opened_within_ms(board) <= 300
    await site.agent.wait_for(lambda: codes.ACCESS in site.agent.kinds(GATE))
    event = site.agent.event(GATE, codes.ACCESS).data
    assert (event["mode"], event["list_version"]) == (codes.GATE_LIST, 3)


async def test_without_a_broker_the_list_decides_at_once_also_after_a_cold_boot(site):
    board = await online(site)
    await deliver(site, a_list(3), 3)
    await site.stop_agent()
    await asyncio.to_thread(site.broker.stop)
    await asyncio.sleep(0)
    await present(board)
    assert await opened_within_ms(board) <= 300
    await site.kill_board(GATE)
    board = await site.start_board(GATE)
    assert board.reset == "power_on"
    await present(board)
    assert await opened_within_ms(board) <= 60
    board.set_field([])


async def test_events_made_while_nothing_was_connected_arrive_once_in_order_after_kills(site):
    board = await online(site)
    agent = site.agent
    await site.stop_agent()
    await asyncio.to_thread(site.broker.stop)
    for _ in range(3):
        await site.kill_board(GATE)
        board = await site.start_board(GATE)
        await present(board)
        await board.wait_until(lambda message: message.get("display", "").startswith("We cannot"))
        board.set_field([])
        # The event comes after the display; the card's release before it.
        await asyncio.sleep(0.2)
    await site.kill_board(GATE)
    await site.start_broker()
    await site.start_agent()
    await site.start_board(GATE)
    await agent.wait_for(
        lambda: [event.boot for _, event in agent.events if event.kind == codes.BOOT][-1:] == [5],
        15,
    )
    keys = [(event.boot, event.seq) for _, event in agent.events]
    assert keys == sorted(set(keys))
    denied = [event for _, event in agent.events if event.kind == codes.ACCESS]
    assert [event.boot for event in denied] == [2, 3, 4]
    assert {event.data["reason"] for event in denied} == {codes.LIST_STALE}


async def test_a_remote_open_opens_once_and_nothing_forged_moves_the_relay(site):
    board = await online(site)
    agent = site.agent
    good = await agent.command(GATE, codes.OP_OPEN, {})
    await board.wait_until(is_pulse)
    await board.wait_until(lambda message: message.get("pin") == "relay" and not message["on"])
    key = macs.gate_key(SITE_KEY, GATE)
    forged = [
        (good, codes.REFUSED_REPLAY),
        (
            seal(
                key, macs.COMMAND, agent.body(GATE, codes.OP_OPEN, {}, expires_at_ms=now_ms() - 500)
            ),
            codes.REFUSED_EXPIRED,
        ),
        (
            seal(key, macs.COMMAND, agent.body("elm-in-2", codes.OP_OPEN, {})),
            codes.REFUSED_DEVICE,
        ),
        (
            seal(b"x" * 32, macs.COMMAND, agent.body(GATE, codes.OP_OPEN, {})),
            codes.REFUSED_MAC,
        ),
        (msgspec.json.encode(agent.body(GATE, codes.OP_OPEN, {})), codes.REFUSED_MALFORMED),
        (
            seal(key, macs.COMMAND, agent.body(GATE, codes.OP_OPEN, {}, counter=5)),
            codes.REFUSED_REPLAY,
        ),
        (b"\x00" * 700, codes.REFUSED_MALFORMED),
        (b"{" * 5_000, codes.REFUSED_MALFORMED),
    ]
    for payload, _ in forged:
        # The gate queues eight at most; each is reported before the next comes.
        before = agent.kinds(GATE).count(codes.COMMAND)
        await agent.publish(GATE, topics.COMMAND, payload)
        await agent.wait_for(lambda before=before: agent.kinds(GATE).count(codes.COMMAND) > before)
    results = [event.data["result"] for _, event in agent.events if event.kind == codes.COMMAND]
    assert results == [codes.DONE, *(refusal for _, refusal in forged)]
    assert not await has_moved(board)


async def test_a_command_seen_before_a_power_cut_is_a_replay_after_it(site):
    board = await online(site)
    good = await site.agent.command(GATE, codes.OP_OPEN, {})
    await board.wait_until(is_pulse)
    await site.kill_board(GATE)
    site.agent.online.clear()
    board = await site.start_board(GATE)
    await site.agent.wait_for(lambda: site.agent.online.get(GATE))
    await site.agent.set_time(GATE)
    await site.agent.publish(GATE, topics.COMMAND, good)
    await site.agent.wait_for(
        lambda: (
            (event := site.agent.event(GATE, codes.COMMAND)) is not None
            and event.data["result"] == codes.REFUSED_REPLAY
        )
    )
    assert not await has_moved(board, 0.2)


async def test_an_answer_to_a_tap_of_before_does_not_open(site):
    board = await online(site)
    agent = site.agent
    kept = []

    def keep(_gate, tap):
        kept.append(tap)
        return codes.NO_BOOKING

    agent.decide = keep
    await present(board)
    await agent.wait_for(lambda: codes.ACCESS in agent.kinds(GATE))
    await agent.answer(GATE, kept[0], codes.RIGHT_VALID)
    await agent.wait_for(lambda: codes.COMMAND in agent.kinds(GATE))
    assert agent.event(GATE, codes.COMMAND).data["result"] == codes.REFUSED_NOT_NOW
    assert not await has_moved(board)


async def test_a_card_left_on_the_reader_taps_once_and_again_when_shown_again(site):
    board = await online(site)
    agent = site.agent
    agent.decide = lambda _gate, _tap: codes.NO_BOOKING
    await present(board)
    await agent.wait_for(lambda: len(agent.taps) == 1)
    await asyncio.sleep(2.5)
    assert len(agent.taps) == 1
    board.set_field([])
    await asyncio.sleep(0.1)
    board.set_field([CARD])
    await agent.wait_for(lambda: len(agent.taps) == 2)


async def test_a_level_1_card_is_proven_and_its_counter_written_while_the_agent_thinks(site):
    board = await online(site)
    card = secured_card("04a1b2c3d4e5f6")
    board.set_loop("arming", on=True)
    await board.wait_until(is_state("vehicle"))
    board.set_field([card])
    written = await board.wait_until(lambda message: "tag" in message)
    await site.agent.wait_for(lambda: codes.ACCESS in site.agent.kinds(GATE))
    first = site.agent.taps[0][1]
    assert (first.level, first.uid) == (1, "04a1b2c3d4e5f6")
    assert written["tag"]["memory"] != card["memory"]


async def test_a_foreign_broker_certificate_is_refused(site):
    flash = site.add_gate(GATE)
    other = TestAuthority(site.folder / "other-ca")
    fields = json.loads((flash / "identity.json").read_text())
    fields["ca_pem"] = other.certificate.read_text()
    ours = (flash / "identity.json").read_text()
    (flash / "identity.json").write_text(json.dumps(fields))
    agent = await site.start_agent()
    board = await site.start_board(GATE)
    await present(board)
    await board.wait_until(lambda message: message.get("display", "").startswith("We cannot"))
    await site.wait_console(GATE, "link:")
    assert GATE not in agent.online
    await site.kill_board(GATE)
    (flash / "identity.json").write_text(ours)
    await site.start_board(GATE)
    await agent.wait_for(lambda: codes.FAULT in agent.kinds(GATE))
    assert agent.event(GATE, codes.FAULT).data == {"code": "foreign_certificate"}
