"""Both brokers admit by certificate, hold each device to its topics, and drop who is revoked."""

import asyncio
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import aiomqtt
import pytest

from launcher.engines.broker import Broker, BrokerTls, MosquittoBroker, NatsBroker, mosquitto_path
from launcher.errors import NotInstalledError
from launcher.ports import free_port
from protocols.broker_acl import (
    Client,
    agent_client,
    gate_client,
    mosquitto_acl,
    nats_authorization,
)
from tests.support.certificates import TestAuthority
from tests.support.engines import scratch_folder

WITHIN_S = 10


def has_mosquitto() -> bool:
    try:
        mosquitto_path()
    except NotInstalledError:
        return False
    return True


KINDS = [
    pytest.param((NatsBroker, nats_authorization), id="nats-server"),
    pytest.param(
        (MosquittoBroker, mosquitto_acl),
        id="mosquitto",
        marks=pytest.mark.skipif(not has_mosquitto(), reason="mosquitto is not installed"),
    ),
]


class Place:
    """A broker, its authority, and how to write its permissions."""

    def __init__(self, kind, render, folder: Path, min_version) -> None:
        self.render = render
        self.authority = TestAuthority(folder / "ca")
        certificate, key = self.authority.issue("broker")
        tls = BrokerTls(self.authority.certificate, certificate, key, min_version)
        self.broker: Broker = kind(
            "test-broker", folder / "broker", port=free_port(), tls=tls, log_path=folder / "log"
        )

    def permit(self, *clients: Client) -> None:
        self.broker.permit(self.render(list(clients)))

    def client(self, name: str) -> aiomqtt.Client:
        context = ssl.create_default_context(cafile=str(self.authority.certificate))
        certificate, key = self.authority.issue(name)
        context.load_cert_chain(certificate, key)
        return aiomqtt.Client(
            "127.0.0.1", self.broker.port, identifier=name, tls_context=context, timeout=WITHIN_S
        )


@pytest.fixture(params=KINDS)
def place(request) -> Iterator[Place]:
    kind, render = request.param
    with scratch_folder() as folder:
        made = Place(kind, render, folder, "1.2")
        made.permit(gate_client("elm-in-1"), gate_client("elm-in-2"), agent_client("elm-street"))
        try:
            made.broker.run()
            yield made
        finally:
            made.broker.stop()


@pytest.fixture(params=KINDS)
def cloud_place(request) -> Iterator[Place]:
    kind, render = request.param
    with scratch_folder() as folder:
        made = Place(kind, render, folder, "1.3")
        made.permit(gate_client("elm-in-1"))
        try:
            made.broker.run()
            yield made
        finally:
            made.broker.stop()


async def next_message(client: aiomqtt.Client) -> tuple[str, bytes]:
    async with asyncio.timeout(WITHIN_S):
        message = await anext(aiter(client.messages))
    return str(message.topic), message.payload


async def test_a_gate_reaches_its_agent_and_cannot_speak_for_another_gate(place):
    async with place.client("site-elm-street") as agent, place.client("elm-in-1") as gate:
        await agent.subscribe("curb/v1/g/+/up/#", qos=1)
        # A forbidden publish is acknowledged and dropped, so its own message proves the order.
        await gate.publish("curb/v1/g/elm-in-2/up/tap", b"forged", qos=1)
        await gate.publish("curb/v1/g/elm-in-1/up/tap", b"mine", qos=1)
        assert await next_message(agent) == ("curb/v1/g/elm-in-1/up/tap", b"mine")


async def test_a_retained_state_waits_for_a_late_agent(place):
    async with place.client("elm-in-1") as gate:
        await gate.publish("curb/v1/g/elm-in-1/state/online", b"yes", qos=1, retain=True)
    async with place.client("site-elm-street") as agent:
        await agent.subscribe("curb/v1/g/+/state/#", qos=1)
        assert await next_message(agent) == ("curb/v1/g/elm-in-1/state/online", b"yes")


def test_a_stranger_of_another_authority_is_refused(place):
    with scratch_folder() as folder:
        rogue = TestAuthority(folder / "rogue")
        with pytest.raises((ssl.SSLError, ConnectionError)):
            handshake(place, ssl.TLSVersion.TLSv1_2, authority=rogue)


async def test_a_revoked_gate_is_dropped_and_the_others_stay(place):
    if isinstance(place.broker, MosquittoBroker):
        pytest.skip("mosquitto holds a revoked client to no topic, but keeps its link")
    async with place.client("elm-in-2") as kept:
        await kept.subscribe("curb/v1/g/elm-in-2/down/#", qos=1)
        revoked = await place.client("elm-in-1").__aenter__()
        place.permit(gate_client("elm-in-2"), agent_client("elm-street"))
        with pytest.raises(aiomqtt.MqttError):
            await next_message(revoked)
        async with place.client("site-elm-street") as agent:
            await agent.publish("curb/v1/g/elm-in-2/down/cmd", b"still here", qos=1)
        assert await next_message(kept) == ("curb/v1/g/elm-in-2/down/cmd", b"still here")


def handshake(
    place: Place,
    version: ssl.TLSVersion,
    ciphers: str | None = None,
    authority: TestAuthority | None = None,
) -> str:
    context = ssl.create_default_context(cafile=str(place.authority.certificate))
    context.load_cert_chain(*(authority or place.authority).issue("elm-in-1"))
    context.minimum_version = context.maximum_version = version
    if ciphers:
        context.set_ciphers(ciphers)
    with (
        socket.create_connection(("127.0.0.1", place.broker.port), WITHIN_S) as raw,
        context.wrap_socket(raw, server_hostname="127.0.0.1") as link,
    ):
        return link.version() or ""


def test_the_site_broker_speaks_tls_1_2_with_authenticated_encryption_only(place):
    assert handshake(place, ssl.TLSVersion.TLSv1_2) == "TLSv1.2"
    with pytest.raises(ssl.SSLError):
        handshake(place, ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-SHA")


def test_the_cloud_broker_speaks_tls_1_3_only(cloud_place):
    assert handshake(cloud_place, ssl.TLSVersion.TLSv1_3) == "TLSv1.3"
    with pytest.raises(ssl.SSLError):
        handshake(cloud_place, ssl.TLSVersion.TLSv1_2)


async def test_a_broker_without_permissions_lets_nobody_speak():
    with scratch_folder() as folder:
        place = Place(NatsBroker, nats_authorization, folder, "1.2")
        place.broker.run()
        try:
            with pytest.raises(aiomqtt.MqttError):
                await place.client("elm-in-1").__aenter__()
        finally:
            place.broker.stop()
