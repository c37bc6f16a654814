"""The agent as a process between two real brokers: taps, events, lists, orders, restarts."""

import asyncio
import contextlib
import json
import shutil
import signal
import ssl
import struct
import subprocess
import sys
from collections.abc import Iterator

import aiomqtt
import msgspec
import pytest

from edge_agent.link import Link, LinkOptions
from protocols.broker_acl import nats_authorization, site_client
from protocols.gate import LIST_PART_HEADER, Desired, GateAck
from protocols.portable import codes, topics
from protocols.portable.packed_list import PackedList
from protocols.site import CommandBody, Event
from tests.edge_agent.stand import (
    GATES,
    SITE,
    SITE_KEY,
    CloudStub,
    GateStub,
    Stand,
    a_delta,
    a_desired,
    a_full,
    a_right,
    cloud_stub,
    gate_stub,
    now_ms,
    running_stand,
    tag_of,
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


async def test_a_copied_card_is_told_with_both_taps(stand):
    async with cloud_stub(stand) as cloud:
        await set_up(cloud, [a_right(1)])
        async with gate_stub(stand) as entry, gate_stub(stand, GATES[1], boot=4) as way_out:
            original = await way_out.tap(1, level=1, counter=20)
            assert original["reason"] == codes.EXIT_VALID
            copy = await entry.tap(1, level=1, counter=11)
            assert copy["reason"] == codes.COPY_SUSPECTED
            event = await cloud.until_event(codes.COPIED_CARD)
            earlier, this = event.data["earlier"], event.data["this"]
            assert (earlier["gate"], earlier["boot"], earlier["counter"]) == (GATES[1], 4, 20)
            assert (this["gate"], this["tap"], this["counter"]) == (GATES[0], copy["tap"], 11)
            assert event.device == "site-elm-street"


BAD_TAPS = [
    (b"\xff\xfe", "malformed"),
    (b"[" * 2000, "malformed"),
    (b'{"v":1}', "malformed"),
    (b'{"v":1,"boot":1,"seq":1,"uid":"xyz","read":0,"level":0,"clock":"set"}', "malformed"),
    (
        b'{"v":2,"boot":1,"seq":1,"uid":"01020304","read":0,"level":0,"clock":"set"}',
        "wrong_version",
    ),
    (b" " * 5000, "oversized"),
]


async def test_what_cannot_be_read_is_set_aside_and_the_rest_go_on(stand):
    async with cloud_stub(stand) as cloud:
        await set_up(cloud, [a_right(1)])
        async with gate_stub(stand) as gate:
            for leaf in (topics.TAP, topics.ONLINE, topics.REPORT, topics.ACK, topics.LOG):
                for payload, _ in BAD_TAPS:
                    await gate.say(leaf, payload)
            assert (await gate.tap(1))["reason"] == codes.RIGHT_VALID
            for reason in {reason for _, reason in BAD_TAPS}:
                await cloud.until_event(codes.QUARANTINED, gate=GATES[0], reason=reason)
            # One of each kind, however many came.
            told = [event for event in cloud.events if event.kind == codes.QUARANTINED]
            assert len(told) == 3
        assert (await stand.until_health(lambda h: h["quarantined"] >= 22))["quarantined"] < 30


async def test_an_event_that_cannot_be_read_does_not_stop_its_gate(stand):
    async with cloud_stub(stand) as cloud:
        await set_up(cloud, [])
        async with gate_stub(stand) as gate:
            await gate.say(topics.EVENT, b'{"v":1,"boot":1,"seq":0,"kind":7}')
            assert json.loads(await gate.next(topics.EVENT_ACK)) == {"v": 1, "boot": 1, "seq": 0}
            await cloud.until_event(codes.QUARANTINED, reason="malformed")
            await gate.tell(gate.an_event(codes.FAULT, {"code": "x"}, seq=1))
            await cloud.until_event(codes.FAULT)


async def test_a_strange_gate_is_ignored_and_reported(stand):
    async with cloud_stub(stand) as cloud:
        await set_up(cloud, [a_right(1)])
        stand.permit_gates(*GATES, "oak-in-1")
        async with gate_stub(stand, "oak-in-1") as stranger:
            tap = msgspec.json.encode(stranger.a_tap(1))
            await stranger.say(topics.TAP, tap)
            await cloud.until_event(codes.QUARANTINED, gate="oak-in-1", reason="foreign_device")
            assert stranger.down.empty()
        async with gate_stub(stand) as gate:
            assert (await gate.tap(1))["reason"] == codes.RIGHT_VALID


async def pulled(gate: GateStub) -> PackedList:
    """The list as a gate gets it: offered, pulled part by part, checked."""
    desired = msgspec.json.decode(await gate.next(topics.DESIRED), type=Desired)
    data = b""
    for part in range(desired.list_parts):
        want = GateAck(v=1, list_version=desired.list_version, want=part)
        await gate.say(topics.ACK, msgspec.json.encode(want))
        message = await gate.next(f"{topics.LIST_PART}{part}")
        size = struct.calcsize(LIST_PART_HEADER)
        header = struct.unpack(LIST_PART_HEADER, message[:size])
        assert header == (desired.list_version, part, desired.list_parts)
        data += message[size:]
    assert len(data) == desired.list_bytes
    packed = PackedList(data, gate.key)
    assert (packed.version, packed.hash) == (desired.list_version, desired.list_hash)
    return packed


async def test_a_gate_pulls_its_list_and_is_offered_another_when_rights_change(stand):
    rights = [a_right(n) for n in range(200)]
    async with cloud_stub(stand) as cloud:
        await set_up(cloud, rights)
        async with gate_stub(stand) as gate:
            first = await pulled(gate)
            assert (first.count, first.lot_id, first.direction) == (200, "elm", codes.ENTRY)
            tag = bytes.fromhex(tag_of(300))
            assert first.rights(tag) == []
            await cloud.send_rights(a_delta(rights, 2, put=[a_right(300, until_s=2**32 - 2)]))
            second = await pulled(gate)
            assert second.version > first.version
            assert [until for _, _, until in second.rights(tag)] == [2**32 - 2]


def an_order(counter=None, **changes) -> CommandBody:
    now = now_ms()
    fields = {
        "id": "order-1",
        "device": GATES[0],
        "op": codes.OP_OPEN,
        "issued_at_ms": now,
        "expires_at_ms": now + 8000,
        "counter": counter or now,
        "args": {"reason": "intercom"},
    }
    return CommandBody(**(fields | changes))


async def test_an_order_to_open_is_sealed_anew_for_the_gate(stand):
    async with cloud_stub(stand) as cloud:
        await set_up(cloud, [])
        async with gate_stub(stand) as gate:
            await cloud.until_event(codes.GATE_ONLINE)
            order = an_order()
            await cloud.order(order)
            command = await gate.command(codes.OP_OPEN)
            assert (command.id, command.args) == (order.id, order.args)
            assert 0 < command.expires_at_ms - command.issued_at_ms <= 10_000
            assert command.expires_at_ms <= order.expires_at_ms + 5
            # Obeyed once, by whatever counter it comes again.
            await cloud.order(order)
            await cloud.until_event(codes.COMMAND, result=codes.REFUSED_REPLAY)


REFUSED_ORDERS = [
    (lambda: (an_order(), bytes(32)), codes.REFUSED_MAC),
    (lambda: (an_order(device="oak-in-1"), SITE_KEY), codes.REFUSED_DEVICE),
    (lambda: (an_order(expires_at_ms=now_ms() - 1), SITE_KEY), codes.REFUSED_EXPIRED),
    (lambda: (an_order(expires_at_ms=now_ms() + 60_000), SITE_KEY), codes.REFUSED_MALFORMED),
    (lambda: (an_order(op=codes.OP_ANSWER), SITE_KEY), codes.REFUSED_OP),
    (lambda: (an_order(counter=1), SITE_KEY), codes.REFUSED_REPLAY),
    (lambda: (an_order(device=GATES[1]), SITE_KEY), codes.REFUSED_NOT_NOW),
]


async def test_an_order_that_must_not_be_obeyed_is_told_and_no_gate_hears_of_it(stand):
    async with cloud_stub(stand) as cloud:
        await set_up(cloud, [])
        async with gate_stub(stand) as gate:
            await cloud.until_event(codes.GATE_ONLINE)
            await cloud.order(an_order(id="first"))
            await gate.command(codes.OP_OPEN)
            for make, code in REFUSED_ORDERS:
                body, key = make()
                await cloud.order(body, key)
                await cloud.until_event(codes.COMMAND, result=code)
            await cloud.say(topics.SITE_COMMAND, b'{"v":1,"body":"{}"}')
            await cloud.until_event(codes.COMMAND, result=codes.REFUSED_MALFORMED, id=None)
            await cloud.order(an_order(id="last"))
            assert (await gate.command(codes.OP_OPEN)).id == "last"


async def test_counters_of_orders_outlive_the_agent(stand):
    async with cloud_stub(stand) as cloud:
        await set_up(cloud, [])
        order = an_order()
        async with gate_stub(stand) as gate:
            await cloud.until_event(codes.GATE_ONLINE)
            await cloud.order(order)
            before = await gate.command(codes.OP_OPEN)
            stand.stop_agent(signal.SIGKILL)
            stand.start_agent()
            await cloud.until(lambda stub: len({report.boot for report in stub.reports}) == 2)
            await cloud.order(order)
            await cloud.until_event(codes.COMMAND, result=codes.REFUSED_REPLAY)
            await cloud.order(an_order(id="next"))
            assert (await gate.command(codes.OP_OPEN)).counter > before.counter


async def test_a_gate_is_told_the_time_and_its_coming_and_going_is_known(stand):
    async with cloud_stub(stand) as cloud:
        await set_up(cloud, [])
        async with gate_stub(stand) as gate:
            told = await gate.command(codes.OP_TIME)
            assert abs(told.args["now_ms"] - now_ms()) < 5000
            await cloud.until_event(codes.GATE_ONLINE, gate=GATES[0])
            await gate.report(lane="open")
            await cloud.until(
                lambda stub: any(
                    health.report and health.report["lane"] == "open"
                    for health in stub.reports[-1].gates
                )
            )
            await gate.say_online(online=False)
            await cloud.until_event(codes.GATE_OFFLINE, gate=GATES[0])
            await cloud.until(lambda stub: not stub.reports[-1].gates[0].online)


async def test_a_lane_taken_out_of_service_tells_its_gate(stand):
    async with cloud_stub(stand) as cloud:
        await set_up(cloud, [a_right(1)])
        async with gate_stub(stand) as gate:
            await gate.report(lane="idle")
            desired = a_desired(version=2)
            closed = [
                msgspec.structs.replace(entry, out_of_service=True) for entry in desired.gates
            ]
            await cloud.desire(msgspec.structs.replace(desired, gates=closed))
            assert (await gate.command(codes.OP_OUT_OF_SERVICE)).args == {"on": True}
            assert (await gate.tap(1))["reason"] == codes.OUT_OF_SERVICE
            await gate.report(lane="out_of_service")
            await cloud.desire(a_desired(version=3))
            assert (await gate.command(codes.OP_OUT_OF_SERVICE)).args == {"on": False}


async def test_the_site_works_from_a_cold_start_without_the_cloud(stand):
    async with cloud_stub(stand) as cloud:
        await set_up(cloud, [a_right(1)])
    boot = stand.health()["boot"]
    stand.stop_agent(signal.SIGKILL)
    stand.cloud_broker.stop()
    stand.start_agent()
    await stand.until_health(lambda health: health["boot"] != boot and health["site_broker_up"])
    async with gate_stub(stand) as gate:
        answer = await gate.tap(1)
        assert (answer["reason"], answer["mode"]) == (codes.RIGHT_VALID, codes.AGENT)
        await gate.event(codes.PASSAGE, tap=answer["tap"], direction=codes.ENTRY)
        assert stand.health()["cloud_in_touch"] is False
    stand.cloud_broker.run()
    async with cloud_stub(stand) as cloud:
        await cloud.until_event(codes.PASSAGE)


@pytest.mark.timeout(900)
async def test_an_agent_killed_at_any_moment_loses_no_event(stand):
    count = 120
    async with cloud_stub(stand) as cloud:
        await set_up(cloud, [])
        async with gate_stub(stand) as entry, gate_stub(stand, GATES[1]) as way_out:

            async def tell_all(gate: GateStub) -> None:
                for number in range(count):
                    await gate.event(codes.PASSAGE, n=number)

            async def kill_now_and_then() -> None:
                for share in (0.2, 0.5, 0.8):
                    await cloud.until(lambda stub, share=share: len(stub.events) > share * count)
                    stand.stop_agent(signal.SIGKILL)
                    stand.start_agent()

            await asyncio.gather(tell_all(entry), tell_all(way_out), kill_now_and_then())
        await cloud.until(
            lambda stub: len({(e.device, e.seq) for e in passages(stub)}) == 2 * count
        )
        for gate in GATES:
            # Sent twice is allowed, out of order or changed is not.
            first = dict.fromkeys((e.seq, e.data["n"]) for e in passages(cloud) if e.device == gate)
            assert list(first) == [(n, n) for n in range(count)]


def passages(cloud: CloudStub) -> list[Event]:
    return [event for event in cloud.events if event.kind == codes.PASSAGE]


async def test_events_wait_for_a_cloud_that_does_not_answer(stand):
    async with cloud_stub(stand) as cloud:
        await set_up(cloud, [])
        async with gate_stub(stand) as gate:
            await cloud.until_event(codes.GATE_ONLINE)
            await stand.until_health(lambda health: health["outbox"] == 0)
            cloud.is_acking = False
            await gate.event(codes.PASSAGE, n=1)
            await cloud.until_event(codes.PASSAGE)
            await gate.event(codes.PASSAGE, n=2)
    async with cloud_stub(stand) as cloud:
        await cloud.until_event(codes.PASSAGE, n=2)
        assert [event.data["n"] for event in passages(cloud)][:2] == [1, 2]
        await stand.until_health(lambda health: health["outbox"] == 0)


async def test_a_gate_whose_boot_counter_was_lost_loses_no_event(stand):
    async with cloud_stub(stand) as cloud:
        await set_up(cloud, [])
        async with gate_stub(stand, boot=9) as gate:
            await gate.event(codes.PASSAGE, n=1)
        async with gate_stub(stand, boot=2) as swapped:
            await cloud.until_event(codes.GATE_ONLINE, boot=2)
            event = await swapped.event(codes.PASSAGE, n=2)
            told = await cloud.until_event(codes.QUARANTINED, reason="boot_went_back")
            assert told.data["event"]["data"] == event.data


async def test_the_broker_admits_the_gates_of_the_site_and_no_longer_those_taken_away(stand):
    async with cloud_stub(stand) as cloud:
        await set_up(cloud, [a_right(1)])
        async with gate_stub(stand) as kept:
            removed = await stand.client(stand.site_broker, GATES[1]).__aenter__()
            await cloud.desire(a_desired(version=2, gates=GATES[:1]))
            async with asyncio.timeout(10):
                with pytest.raises(aiomqtt.MqttError):
                    await anext(aiter(removed.messages))
            with pytest.raises(aiomqtt.MqttError):
                await stand.client(stand.site_broker, GATES[1]).__aenter__()
            assert (await kept.tap(1))["reason"] == codes.RIGHT_VALID


async def test_a_forged_or_old_picture_of_the_site_is_refused(stand):
    async with cloud_stub(stand) as cloud:
        await set_up(cloud, [a_right(1)])
        await cloud.desire(a_desired(version=3))
        await cloud.until(lambda stub: stub.reports[-1].desired_version == 3)
        await cloud.desire(a_desired(version=2, gates=()))
        await cloud.until_event(codes.QUARANTINED, reason=codes.REFUSED_REPLAY)
        await cloud.say(topics.SITE_DESIRED, b'{"v":1,"body":"{}","mac":"00"}')
        await cloud.until_event(codes.QUARANTINED, reason=codes.REFUSED_MAC)
        async with gate_stub(stand) as gate:
            assert (await gate.tap(1))["reason"] == codes.RIGHT_VALID


async def test_a_farewell_is_told_and_so_is_a_death(stand):
    async with cloud_stub(stand) as cloud:
        await cloud.until(lambda stub: stub.online[-1:] == [True])
        assert stand.stop_agent() == 0
        await cloud.until(lambda stub: stub.online[-1] is False)
        stand.start_agent()
        await cloud.until(lambda stub: stub.online[-1] is True)
        stand.stop_agent(signal.SIGKILL)
        await cloud.until(lambda stub: stub.online[-1] is False)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"site": ""}, "CURB_EDGE_SITE is not set"),
        ({"site_broker_port": "many"}, "must be a number"),
        ({"site": "oak-street"}, "is for the site elm-street"),
        ({"identity_dir": "/nowhere"}, "Enrol the agent again"),
    ],
)
def test_what_keeps_the_agent_from_starting_is_said_in_a_sentence(tmp_path, changes, said):
    stand = Stand(tmp_path, **changes)
    done = subprocess.run(
        [sys.executable, "-m", "edge_agent"],
        env=stand.environment(),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


async def test_an_agent_that_lost_its_disk_throws_no_gate_out(stand):
    async with cloud_stub(stand) as cloud:
        await set_up(cloud, [a_right(1)])
        async with gate_stub(stand) as gate:
            assert (await gate.tap(1))["reason"] == codes.RIGHT_VALID
            stand.stop_agent(signal.SIGKILL)
            shutil.rmtree(stand.data)
            heard = len(cloud.reports)
            stand.start_agent()
            await cloud.until(lambda stub: stub.reports[heard:])
            await cloud.until(lambda stub: stub.reports[-1].desired_version == 1)
            # On the connection it always had: a dropped one would end this client.
            assert (await gate.tap(1))["reason"] == codes.UNKNOWN_TAG


async def test_a_link_whose_subscription_is_refused_does_not_count_as_up(stand):
    context = ssl.create_default_context(cafile=str(stand.authority.certificate))
    context.load_cert_chain(*stand.authority.issue("site-elm-street-2"))
    stand.cloud_broker.permit(nats_authorization([site_client(SITE), site_client("elm-street-2")]))
    tried_again = asyncio.Event()

    async def look(_: float) -> None:
        tried_again.set()
        await asyncio.Event().wait()

    class Deaf:
        async def on_up(self):
            pytest.fail("it hears nothing")

        async def on_message(self, topic, payload, *, retained): ...

        async def on_down(self): ...

    link = Link(
        LinkOptions(
            name="cloud",
            host="127.0.0.1",
            port=stand.cloud_broker.port,
            tls=context,
            identifier="site-elm-street-2",
            subscriptions=((topics.site(SITE, "down/#"), 1),),
        ),
        Deaf(),
        sleep=look,
    )
    running = asyncio.create_task(link.run_forever())
    async with asyncio.timeout(15):
        await tried_again.wait()
    assert not link.is_up
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
