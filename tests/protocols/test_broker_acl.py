"""Every role can do its work on a real broker over mutual TLS, and nothing else."""

import asyncio
import ssl
from collections.abc import Iterator

import aiomqtt
import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from launcher.engines.broker import BrokerTls, NatsBroker
from launcher.ports import free_port
from protocols.broker_acl import (
    Client,
    agent_client,
    cloud_client,
    gate_client,
    nats_authorization,
    site_client,
)
from tests.support.certificates import TestAuthority
from tests.support.engines import scratch_folder

GATE, OTHER_GATE, AGENT = "elm-in-1", "elm-out-1", "site-elm-street"
SITE, OTHER_SITE, CLOUD = "site-oak-avenue", "site-ash-lane", "cloud"
# One broker plays both: the topics of the two families do not meet. The agent's two roles have
# different names here, since each real broker knows only one of them.
CLIENTS = (
    gate_client(GATE),
    gate_client(OTHER_GATE),
    agent_client("elm-street"),
    site_client("oak-avenue"),
    site_client("ash-lane"),
    cloud_client(),
)
WITHIN_S = 5
ADMIN = Client(name="auditor", publish=(), subscribe=("#",))


class Place:
    """A running broker and the certificates to reach it with."""

    def __init__(self, broker: NatsBroker, authority: TestAuthority) -> None:
        self.broker = broker
        self._authority = authority

    def client(self, name: str, **options: object) -> aiomqtt.Client:
        return aiomqtt.Client(
            "127.0.0.1", self.broker.port, tls_context=self._tls(name), timeout=WITHIN_S, **options
        )

    def die_with_will(self, name: str, topic: str, payload: bytes) -> None:
        """Connect, then be cut off without a farewell."""
        client = paho.Client(CallbackAPIVersion.VERSION2, reconnect_on_failure=False)
        client.tls_set_context(self._tls(name))
        client.will_set(topic, payload, qos=1)
        client.connect("127.0.0.1", self.broker.port)
        while not client.is_connected():
            assert client.loop() == paho.MQTT_ERR_SUCCESS
        client.socket().close()

    def _tls(self, name: str) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self._authority.certificate))
        context.load_cert_chain(*self._authority.issue(name))
        return context


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with scratch_folder() as folder:
        authority = TestAuthority(folder / "ca")
        tls = BrokerTls(authority.certificate, *authority.issue("broker"), min_version="1.2")
        broker = NatsBroker(
            "acl", folder / "broker", port=free_port(), tls=tls, log_path=folder / "log"
        )
        broker.permit(nats_authorization([*CLIENTS, ADMIN]))
        try:
            broker.run()
            yield Place(broker, authority)
        finally:
            broker.stop()


async def heard(client: aiomqtt.Client) -> tuple[str, bytes, bool]:
    async with asyncio.timeout(WITHIN_S):
        message = await anext(aiter(client.messages))
    return str(message.topic), bytes(message.payload), message.retain


ALLOWED = [
    (GATE, f"curb/v1/g/{GATE}/{leaf}", AGENT, f"curb/v1/g/+/{wide}")
    for leaf, wide in [
        ("up/tap", "up/#"),
        ("up/event", "up/#"),
        ("up/ack", "up/#"),
        ("up/log", "up/#"),
        ("state/online", "state/#"),
        ("state/report", "state/#"),
    ]
]
ALLOWED += [
    (AGENT, f"curb/v1/g/{GATE}/{leaf}", GATE, f"curb/v1/g/{GATE}/down/#")
    for leaf in ("down/cmd", "down/ack", "down/desired", "down/list/0", "down/list/41")
]
ALLOWED += [
    (SITE, f"curb/v1/s/oak-avenue/{leaf}", CLOUD, f"curb/v1/s/+/{wide}")
    for leaf, wide in [
        ("up/events", "up/#"),
        ("up/report", "up/#"),
        ("state/online", "state/#"),
    ]
]
ALLOWED += [
    (CLOUD, f"curb/v1/s/oak-avenue/{leaf}", SITE, "curb/v1/s/oak-avenue/down/#")
    for leaf in ("down/ack", "down/cmd", "down/desired", "down/rights")
]


@pytest.mark.parametrize("qos", [0, 1])
@pytest.mark.parametrize(
    ("sender", "topic", "receiver", "topic_filter"), ALLOWED, ids=[a[1] for a in ALLOWED]
)
async def test_every_message_of_the_protocol_arrives(
    place, sender, topic, receiver, topic_filter, qos
):
    async with place.client(receiver) as ear, place.client(sender) as mouth:
        await ear.subscribe(topic_filter, qos=qos)
        await mouth.publish(topic, b"live", qos=qos)
        assert (await heard(ear))[:2] == (topic, b"live")


@pytest.mark.parametrize(
    ("sender", "topic", "receiver", "topic_filter"),
    [
        (GATE, f"curb/v1/g/{GATE}/state/report", AGENT, "curb/v1/g/+/state/#"),
        (AGENT, f"curb/v1/g/{GATE}/down/desired", GATE, f"curb/v1/g/{GATE}/down/#"),
        (SITE, "curb/v1/s/oak-avenue/state/online", CLOUD, "curb/v1/s/+/state/#"),
        (CLOUD, "curb/v1/s/oak-avenue/down/desired", SITE, "curb/v1/s/oak-avenue/down/#"),
    ],
)
async def test_retained_state_waits_for_who_comes_later(
    place, sender, topic, receiver, topic_filter
):
    async with place.client(sender) as mouth:
        await mouth.publish(topic, b"kept", qos=1, retain=True)
    async with place.client(receiver) as ear:
        await ear.subscribe(topic_filter, qos=1)
        assert await heard(ear) == (topic, b"kept", True)
    async with place.client(sender) as mouth:
        await mouth.publish(topic, b"", qos=1, retain=True)


@pytest.mark.parametrize(
    ("sender", "topic", "receiver", "topic_filter"),
    [
        (GATE, f"curb/v1/g/{GATE}/state/online", AGENT, "curb/v1/g/+/state/#"),
        (SITE, "curb/v1/s/oak-avenue/state/online", CLOUD, "curb/v1/s/+/state/#"),
    ],
)
async def test_a_last_will_is_spoken_for_who_is_cut_off(
    place, sender, topic, receiver, topic_filter
):
    async with place.client(receiver) as ear:
        await ear.subscribe(topic_filter, qos=1)
        await asyncio.to_thread(place.die_with_will, sender, topic, b"gone")
        assert (await heard(ear))[:2] == (topic, b"gone")


FORBIDDEN_PUBLISHES = [
    (GATE, f"curb/v1/g/{OTHER_GATE}/up/tap"),
    (GATE, f"curb/v1/g/{OTHER_GATE}/up/event"),
    (GATE, f"curb/v1/g/{OTHER_GATE}/state/online"),
    (GATE, f"curb/v1/g/{OTHER_GATE}/down/cmd"),
    (GATE, f"curb/v1/g/{GATE}/down/cmd"),
    (GATE, f"curb/v1/g/{GATE}/down/desired"),
    (GATE, f"curb/v1/g/{GATE}/up/other"),
    (GATE, f"curb/v1/g/{GATE}/up/tap/deeper"),
    (GATE, "curb/v1/s/oak-avenue/up/events"),
    (GATE, "anything"),
    (AGENT, f"curb/v1/g/{GATE}/up/tap"),
    (AGENT, f"curb/v1/g/{GATE}/state/online"),
    (AGENT, "curb/v1/s/oak-avenue/up/events"),
    (SITE, "curb/v1/s/ash-lane/up/events"),
    (SITE, "curb/v1/s/oak-avenue/down/cmd"),
    (SITE, f"curb/v1/g/{GATE}/down/cmd"),
    (CLOUD, "curb/v1/s/oak-avenue/up/events"),
    (CLOUD, f"curb/v1/g/{GATE}/down/cmd"),
]


@pytest.mark.parametrize("qos", [0, 1])
@pytest.mark.parametrize(("sender", "topic"), FORBIDDEN_PUBLISHES)
async def test_what_a_role_may_not_say_is_dropped(place, sender, topic, qos):
    async with place.client(ADMIN.name) as ear, place.client(sender) as mouth:
        await ear.subscribe("#", qos=qos)
        await mouth.publish(topic, b"forbidden", qos=qos)
        # Its own, permitted message on the same link proves the first one was not just late.
        own = next(client for client in CLIENTS if client.name == sender).publish[0]
        own = own.replace("+", GATE).replace("#", "cmd")
        await mouth.publish(own, b"permitted", qos=qos)
        assert (await heard(ear))[:2] == (own, b"permitted")


@pytest.mark.parametrize("family", ["$MQTT/msgs", "$MQTT/sub", "$MQTT/deliver", "$MQTT/rmsgs"])
@pytest.mark.parametrize("qos", [0, 1])
async def test_the_brokers_own_subjects_are_no_back_door_to_another_gate(place, family, qos):
    topic = f"curb/v1/g/{OTHER_GATE}/down/cmd"
    async with place.client(OTHER_GATE) as victim, place.client(GATE) as thief:
        await victim.subscribe(f"curb/v1/g/{OTHER_GATE}/down/#", qos=1)
        await thief.publish(
            f"{family}/{topic}", b"forged", qos=qos, retain=family.endswith("rmsgs")
        )
        await thief.publish("$JS/API/STREAM/PURGE/$MQTT_msgs", b"", qos=qos)
        async with place.client(AGENT) as agent:
            await agent.publish(topic, b"permitted", qos=1)
        assert (await heard(victim))[:2] == (topic, b"permitted")


async def test_a_forbidden_last_will_is_dropped(place):
    topics = [f"curb/v1/g/{gate}/state/online" for gate in (OTHER_GATE, GATE)]
    async with place.client(ADMIN.name) as ear:
        await ear.subscribe("#", qos=1)
        for topic in topics:
            await asyncio.to_thread(place.die_with_will, GATE, topic, b"gone")
        assert (await heard(ear))[:2] == (topics[1], b"gone")


FORBIDDEN_SUBSCRIPTIONS = [
    (GATE, "#"),
    (GATE, "curb/v1/g/+/down/#"),
    (GATE, f"curb/v1/g/{OTHER_GATE}/down/#"),
    (GATE, f"curb/v1/g/{GATE}/up/#"),
    (GATE, "curb/v1/s/oak-avenue/down/#"),
    (GATE, "$MQTT/#"),
    (GATE, "$MQTT/sub/#"),
    (GATE, "$MQTT/msgs/#"),
    (AGENT, "#"),
    (AGENT, "curb/v1/g/+/down/#"),
    (SITE, "curb/v1/s/+/down/#"),
    (SITE, "curb/v1/s/ash-lane/down/#"),
    (SITE, "curb/v1/s/oak-avenue/up/#"),
    (CLOUD, "curb/v1/s/+/down/#"),
    (CLOUD, "#"),
]


@pytest.mark.parametrize(("who", "topic_filter"), FORBIDDEN_SUBSCRIPTIONS)
async def test_what_a_role_may_not_hear_is_refused(place, who, topic_filter):
    async with place.client(who) as client:
        (granted,) = await client.subscribe(topic_filter, qos=1)
        assert granted.value >= 0x80


async def test_a_reload_drops_who_was_removed_and_refuses_them_from_then_on(place):
    try:
        async with place.client(OTHER_GATE) as kept:
            await kept.subscribe(f"curb/v1/g/{OTHER_GATE}/down/#", qos=1)
            removed = await place.client(GATE).__aenter__()
            place.broker.permit(
                nats_authorization([c for c in (*CLIENTS, ADMIN) if c.name != GATE])
            )
            with pytest.raises(aiomqtt.MqttError):
                await heard(removed)
            with pytest.raises(aiomqtt.MqttError):
                await place.client(GATE).__aenter__()
            async with place.client(AGENT) as agent:
                await agent.publish(f"curb/v1/g/{OTHER_GATE}/down/cmd", b"still here", qos=1)
            assert (await heard(kept))[1] == b"still here"
    finally:
        place.broker.permit(nats_authorization([*CLIENTS, ADMIN]))
