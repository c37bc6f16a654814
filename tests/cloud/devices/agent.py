"""An edge agent as the cloud sees one: takes lists as the real one must, answers as it must."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from aiomqtt import Client, MqttError, Will

from cloud.devices.enrolment.ca import csr_pem, load_private_key, new_private_key_pem
from cloud.events.cancelled import end_if_cancelled
from protocols import sealed
from protocols.enrolment import SiteIdentity, site_common_name
from protocols.portable import codes, macs, topics
from protocols.rights_hash import EMPTY, changed_hash, rights_hash
from protocols.site import (
    CommandBody,
    EventsAck,
    Right,
    RightsList,
    SiteDesired,
    SiteOnline,
    SiteReport,
)


class AgentModel:
    """The part of an agent that holds rights: pure, so a property test can lose its messages."""

    def __init__(self, site: str, key: bytes) -> None:
        self.site = site
        self.key = key
        self.version = 0
        self.rights: dict[str, Right] = {}
        self.hash = EMPTY
        self.problem: str | None = None
        self.desired_version = 0
        self._parts: dict[int, RightsList] = {}

    def take_rights(self, payload: bytes) -> bool:
        """One `down/rights`; whether the state is different now."""
        message = sealed.unseal(self.key, macs.RIGHTS, payload, RightsList)
        if message.base_version is None:
            return self._take_part(message)
        if message.base_version != self.version:
            if message.version <= self.version:
                return False
            self.problem = "not_next"
            return True
        touched = {*message.removed, *(right.id for right in message.entries)}
        before = [self.rights[id_] for id_ in touched if id_ in self.rights]
        found = changed_hash(self.hash, added=message.entries, removed=before)
        if found != message.hash:
            self.problem = "wrong_hash"
            return True
        for id_ in message.removed:
            self.rights.pop(id_, None)
        self.rights |= {right.id: right for right in message.entries}
        self._applied(message)
        return True

    def _take_part(self, message: RightsList) -> bool:
        if any(part.version != message.version for part in self._parts.values()):
            self._parts = {}
        self._parts[message.part] = message
        if len(self._parts) < message.parts:
            return False
        parts, self._parts = self._parts, {}
        return self._apply(
            message, {right.id: right for part in parts.values() for right in part.entries}
        )

    def _apply(self, message: RightsList, rights: dict[str, Right]) -> bool:
        found = rights_hash(rights.values())
        if found != message.hash:
            self.problem = "wrong_hash"
            return True
        self.rights = rights
        self._applied(message)
        return True

    def _applied(self, message: RightsList) -> None:
        self.version, self.hash, self.problem = message.version, message.hash, None

    def report(self, **changes: Any) -> SiteReport:
        """How it stands."""
        fields: dict[str, Any] = {
            "v": 1,
            "site": self.site,
            "boot": 1,
            "at_ms": 0,
            "agent": "model",
            "desired_version": self.desired_version,
            "rights_version": self.version,
            "rights_hash": self.hash,
            "rights_count": len(self.rights),
            "rights_problem": self.problem,
            "outbox": 0,
            "oldest_event_ms": None,
            "gates": [],
        }
        return SiteReport(**(fields | changes))


class Agent:
    """A connected agent."""

    def __init__(self, client: Client, model: AgentModel) -> None:
        self.client = client
        self.model = model
        self.acks: asyncio.Queue[EventsAck] = asyncio.Queue()
        self.commands: asyncio.Queue[CommandBody] = asyncio.Queue()
        self.desired: asyncio.Queue[SiteDesired] = asyncio.Queue()
        self.changed = asyncio.Event()

    async def receive(self) -> None:
        """Take what comes down, until the connection ends."""
        async for message in self.client.messages:
            payload = message.payload
            assert isinstance(payload, bytes)
            leaf = (topics.parse(message.topic.value) or ("", "", ""))[2]
            key = self.model.key
            if leaf == topics.SITE_EVENTS_ACK:
                self.acks.put_nowait(msgspec.json.decode(payload, type=EventsAck))
            elif leaf == topics.SITE_COMMAND:
                body = sealed.unseal(key, macs.COMMAND, payload, CommandBody)
                self.commands.put_nowait(body)
            elif leaf == topics.SITE_DESIRED:
                desired = sealed.unseal(key, macs.DESIRED, payload, SiteDesired)
                self.model.desired_version = desired.version
                self.desired.put_nowait(desired)
            elif leaf == topics.SITE_RIGHTS and self.model.take_rights(payload):
                await self.say_report()
                self.changed.set()

    async def say_report(self, **changes: Any) -> None:
        """Report."""
        await self.say(topics.SITE_REPORT, msgspec.json.encode(self.model.report(**changes)))

    async def say(self, leaf: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish."""
        topic = topics.site(self.model.site, leaf)
        await self.client.publish(topic, payload, qos=int(retain), retain=retain)
        end_if_cancelled()

    async def send_batch(self, payload: bytes) -> EventsAck:
        """Send a batch and wait for its ack."""
        await self.say(topics.SITE_EVENTS, payload)
        async with asyncio.timeout(10):
            return await self.acks.get()


class Keys:
    """A device's own key in files, and what enrolment gave for it."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.key_file = folder / f"{name}.key"
        self.certificate_file = folder / f"{name}.pem"
        self.ca_file = folder / "ca.pem"
        self.key_file.write_bytes(new_private_key_pem())
        self.csr = csr_pem(load_private_key(self.key_file.read_bytes()), "anything")

    def keep(self, certificate_pem: str, ca_pem: str) -> None:
        """Write the certificate down."""
        self.certificate_file.write_text(certificate_pem)
        self.ca_file.write_text(ca_pem)

    def context(self) -> ssl.SSLContext:
        """TLS 1.3 as an agent sets it up."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_verify_locations(self.ca_file)
        context.load_cert_chain(self.certificate_file, self.key_file)
        return context


@asynccontextmanager
async def connected(identity: SiteIdentity, keys: Keys) -> AsyncIterator[Agent]:
    """An agent on the cloud broker; leaves as a crash would, so that its last will is published."""
    site = identity.site
    will = Will(
        topics.site(site, topics.SITE_ONLINE),
        msgspec.json.encode(SiteOnline(v=1, online=False, boot=1)),
        qos=1,
        retain=True,
    )
    async with Client(
        identity.broker_host,
        identity.broker_port,
        identifier=site_common_name(site),
        tls_context=keys.context(),
        will=will,
        timeout=5,
    ) as client:
        await client.subscribe(topics.site(site, "down/#"), qos=1)
        agent = Agent(client, AgentModel(site, bytes.fromhex(identity.site_key)))
        receiver = asyncio.create_task(_quietly(agent.receive))
        try:
            online = msgspec.json.encode(SiteOnline(v=1, online=True, boot=1))
            await agent.say(topics.SITE_ONLINE, online, retain=True)
            yield agent
        finally:
            receiver.cancel()


async def _quietly(receive: Callable[[], Any]) -> None:
    try:
        await receive()
    except MqttError:
        return


def right(id_: str, tag: str = "01020304050607", until_s: int = 2_000_000_000) -> Right:
    """A booking's right."""
    return Right(id=id_, tag=tag, lot="elm", flags=codes.BOOKING | 12, from_s=0, until_s=until_s)
