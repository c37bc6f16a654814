"""A site on the bench: two real brokers over mutual TLS, a real agent process, and both its ends.

The gates and the cloud are stubs that speak the protocol by hand, so that a test can make them say
anything.
"""

import asyncio
import contextlib
import itertools
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import aiomqtt
import msgspec

from edge_agent.cancelled import end_if_cancelled
from launcher.engines.broker import BrokerTls, NatsBroker
from launcher.ports import free_port
from protocols import sealed
from protocols.broker_acl import (
    agent_client,
    cloud_client,
    gate_client,
    nats_authorization,
    site_client,
)
from protocols.gate import GateEvent, Online, Report, Tap
from protocols.portable import access, codes, macs, topics
from protocols.rights_hash import rights_hash
from protocols.site import (
    CommandBody,
    Event,
    EventBatch,
    EventsAck,
    GateDesired,
    LotPolicy,
    Right,
    RightsList,
    SiteDesired,
    SiteReport,
)
from tests.support.certificates import TestAuthority

ROOT = Path(__file__).parents[2]
SITE = "elm-street"
SITE_KEY = bytes(range(32))
GATES = ("elm-in-1", "elm-out-1")
WITHIN_S = 15
NODELAY = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)
BOTH_WAYS = access.FLAG_ENTRY | access.FLAG_EXIT


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def uid_of(number: int) -> str:
    return f"04{number:012x}"


def tag_of(number: int) -> str:
    return macs.tag_key(bytes.fromhex(uid_of(number))).hex()


def a_right(number: int, **changes: Any) -> Right:
    fields: dict[str, Any] = {
        "id": f"r{number}",
        "tag": tag_of(number),
        "lot": "elm",
        "flags": codes.BOOKING | BOTH_WAYS,
        "from_s": 0,
        "until_s": access.FOREVER_S,
    }
    return Right(**(fields | changes))


def a_desired(version: int = 1, gates: tuple[str, ...] = GATES, **lot: Any) -> SiteDesired:
    policy: dict[str, Any] = {
        "lot": "elm",
        "name": "Elm Street",
        "state": codes.OPEN,
        "walk_ups": codes.WALK_UPS_NONE,
        "passback": codes.PASSBACK_HARD,
        "level_min": 0,
        "stale": codes.STALE_KNOWN,
        "max_age_s": 86_400,
    }
    return SiteDesired(
        site=SITE,
        version=version,
        issued_at_ms=now_ms(),
        lots=[LotPolicy(**(policy | lot))],
        gates=[
            GateDesired(
                gate=gate,
                lane=f"lane-{gate}",
                lot="elm",
                direction=codes.ENTRY if "-in-" in gate else codes.EXIT,
            )
            for gate in gates
        ],
    )


class Stand:
    """Brokers, certificates and the agent's process, below one folder."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.authority = TestAuthority(folder / "ca")
        self._settings = settings
        self.site_broker = self._broker("site", "1.2")
        self.cloud_broker = self._broker("cloud", "1.3")
        self.site_broker.permit(nats_authorization([agent_client(SITE)]))
        self.cloud_broker.permit(nats_authorization([site_client(SITE), cloud_client()]))
        self._write_identity()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        return self.folder / "agent"

    def environment(self) -> dict[str, str]:
        values = {
            "site": SITE,
            "data_dir": str(self.data),
            "identity_dir": str(self.folder / "identity"),
            "site_broker_port": str(self.site_broker.port),
            "site_broker_users_file": str(self.site_broker.permissions_path),
            "site_broker_pid_file": str(self.site_broker.pid_path),
            "cloud_broker_port": str(self.cloud_broker.port),
            "gate_list_after_s": "0.1",
            "health_every_s": "0.2",
        } | self._settings
        made = {f"CURB_EDGE_{name.upper()}": value for name, value in values.items()}
        return dict(os.environ) | {"PYTHONUNBUFFERED": "1"} | made

    def start_agent(self) -> None:
        with (self.folder / "agent.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "edge_agent"],
                cwd=ROOT,
                env=self.environment(),
                stdout=log,
                stderr=log,
            )

    def stop_agent(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(WITHIN_S)
        self.process = None
        return code

    def health(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.data / "health.json").read_text())
        return found

    async def until_health(self, is_so: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        async with asyncio.timeout(WITHIN_S):
            while True:
                with contextlib.suppress(FileNotFoundError):
                    if is_so(found := self.health()):
                        return found
                await asyncio.sleep(0.02)

    def client(self, broker: NatsBroker, name: str, **options: Any) -> aiomqtt.Client:
        context = ssl.create_default_context(cafile=str(self.authority.certificate))
        context.load_cert_chain(*self.authority.issue(name))
        return aiomqtt.Client(
            "127.0.0.1",
            broker.port,
            identifier=name,
            tls_context=context,
            timeout=WITHIN_S,
            socket_options=NODELAY,
            **options,
        )

    def permit_gates(self, *gates: str) -> None:
        clients = [agent_client(SITE), *(gate_client(gate) for gate in gates)]
        self.site_broker.permit(nats_authorization(clients))

    def _broker(self, name: str, least: Any) -> NatsBroker:
        tls = BrokerTls(
            self.authority.certificate, *self.authority.issue(f"{name}-broker"), min_version=least
        )
        folder = self.folder / f"{name}-broker"
        return NatsBroker(
            name, folder, port=free_port(), tls=tls, log_path=self.folder / f"{name}.log"
        )

    def _write_identity(self) -> None:
        certificate, key = self.authority.issue(f"site-{SITE}")
        folder = self.folder / "identity"
        folder.mkdir()
        (folder / "key.pem").write_bytes(key.read_bytes())
        identity = {
            "site": SITE,
            "certificate_pem": certificate.read_text(),
            "ca_pem": self.authority.certificate.read_text(),
            "site_key": SITE_KEY.hex(),
            "broker_host": "127.0.0.1",
            "broker_port": self.cloud_broker.port,
        }
        (folder / "identity.json").write_text(json.dumps(identity))


@contextlib.contextmanager
def running_stand(folder: Path, **settings: str) -> Iterator[Stand]:
    """A stand whose brokers run; whatever runs at the end is stopped."""
    stand = Stand(folder, **settings)
    try:
        stand.site_broker.run()
        stand.cloud_broker.run()
        yield stand
    finally:
        if stand.process is not None:
            stand.stop_agent(signal.SIGKILL)
        stand.site_broker.stop()
        stand.cloud_broker.stop()


class CloudStub:
    """The cloud's end: keeps every event and report; acks batches unless told otherwise."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self.client = client
        self.events: list[Event] = []
        self.batches: list[int] = []
        self.reports: list[SiteReport] = []
        self.online: list[bool] = []
        self.is_acking = True
        self._news = asyncio.Condition()

    async def run(self) -> None:
        for leaf in ("up/#", "state/#"):
            await self.client.subscribe(topics.site("+", leaf), qos=1)
        async for message in self.client.messages:
            parsed = topics.parse(str(message.topic))
            assert parsed is not None
            assert isinstance(message.payload, bytes)
            await self._hear(parsed[2], message.payload)
            async with self._news:
                self._news.notify_all()

    async def _hear(self, leaf: str, payload: bytes) -> None:
        if leaf == topics.SITE_EVENTS:
            batch = msgspec.json.decode(payload, type=EventBatch)
            self.batches.append(batch.batch)
            self.events += [msgspec.json.decode(raw, type=Event) for raw in batch.events]
            if self.is_acking:
                ack = EventsAck(v=1, batch=batch.batch)
                await self.say(topics.SITE_EVENTS_ACK, msgspec.json.encode(ack))
        elif leaf == topics.SITE_REPORT:
            self.reports.append(msgspec.json.decode(payload, type=SiteReport))
        elif leaf == topics.SITE_ONLINE:
            self.online.append(json.loads(payload)["online"])

    async def say(self, leaf: str, payload: bytes, *, qos: int = 0, retain: bool = False) -> None:
        await self.client.publish(topics.site(SITE, leaf), payload, qos=qos, retain=retain)
        end_if_cancelled()

    async def desire(self, desired: SiteDesired) -> None:
        message = sealed.seal(SITE_KEY, macs.DESIRED, desired)
        await self.say(topics.SITE_DESIRED, message, qos=1, retain=True)

    async def send_rights(self, message: RightsList, key: bytes = SITE_KEY) -> None:
        await self.say(topics.SITE_RIGHTS, sealed.seal(key, macs.RIGHTS, message), qos=1)

    async def order(self, body: CommandBody, key: bytes = SITE_KEY) -> None:
        await self.say(topics.SITE_COMMAND, sealed.seal(key, macs.COMMAND, body))

    async def until(self, is_so: Callable[["CloudStub"], Any]) -> Any:
        """Wait until something is true of what was heard."""
        async with asyncio.timeout(WITHIN_S), self._news:
            while not (found := is_so(self)):
                await self._news.wait()
        return found

    async def until_event(self, kind: str, **data: Any) -> Event:
        def find(stub: CloudStub) -> Event | None:
            for event in stub.events:
                if event.kind == kind and data.items() <= event.data.items():
                    return event
            return None

        found: Event = await self.until(find)
        return found


@contextlib.asynccontextmanager
async def cloud_stub(stand: Stand) -> AsyncIterator[CloudStub]:
    """A cloud that listens."""
    async with stand.client(stand.cloud_broker, "cloud") as client:
        stub = CloudStub(client)
        listening = asyncio.create_task(stub.run())
        try:
            yield stub
        finally:
            listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await listening


class GateStub:
    """A gate's end: taps, events, and what came down."""

    def __init__(self, client: aiomqtt.Client, gate: str, boot: int) -> None:
        self.client = client
        self.gate = gate
        self.boot = boot
        self.key = macs.gate_key(SITE_KEY, gate)
        self.down: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        self._taps = itertools.count()
        self._seqs = itertools.count()
        self._backlog: list[tuple[str, bytes]] = []
        self.is_ready = asyncio.Event()

    async def run(self) -> None:
        await self.client.subscribe(topics.gate(self.gate, "down/#"), qos=1)
        await self.say_online(online=True)
        self.is_ready.set()
        async for message in self.client.messages:
            parsed = topics.parse(str(message.topic))
            assert parsed is not None
            assert isinstance(message.payload, bytes)
            self.down.put_nowait((parsed[2], message.payload))

    async def say(self, leaf: str, payload: bytes, *, qos: int = 0, retain: bool = False) -> None:
        await self.client.publish(topics.gate(self.gate, leaf), payload, qos=qos, retain=retain)
        end_if_cancelled()

    async def say_online(self, *, online: bool) -> None:
        message = msgspec.json.encode(Online(v=1, online=online, boot=self.boot))
        await self.say(topics.ONLINE, message, qos=1, retain=True)

    async def report(self, **changes: Any) -> None:
        fields: dict[str, Any] = {
            "v": 1, "boot": self.boot, "firmware": "1", "up_ms": 1, "at_ms": now_ms(),
            "clock": "set", "lane": "idle", "reader": "ok", "list_version": 0, "list_hash": "",
            "outbox": 0, "heap_free": 1,
        }  # fmt: skip
        message = msgspec.json.encode(Report(**(fields | changes)))
        await self.say(topics.REPORT, message, qos=1, retain=True)

    def a_tap(self, number: int, **changes: Any) -> Tap:
        fields: dict[str, Any] = {
            "v": 1, "boot": self.boot, "seq": next(self._taps), "uid": uid_of(number),
            "read": codes.READ_OK, "level": 0, "clock": "set", "at_ms": now_ms(),
        }  # fmt: skip
        return Tap(**(fields | changes))

    async def tap(self, number: int, **changes: Any) -> dict[str, Any]:
        """Show a card; returns the arguments of the sealed answer."""
        tap = self.a_tap(number, **changes)
        await self.say(topics.TAP, msgspec.json.encode(tap))
        while True:
            body = await self.command()
            if body.op == codes.OP_ANSWER and body.args["tap"] == tap.seq:
                assert body.args["boot"] == tap.boot
                return body.args

    async def command(self, op: str | None = None) -> CommandBody:
        """The next command, its seal checked."""
        while True:
            payload = await self.next(topics.COMMAND)
            body = sealed.unseal(self.key, macs.COMMAND, payload, CommandBody)
            assert body.device == self.gate
            if op is None or body.op == op:
                return body

    async def next(self, leaf: str) -> bytes:
        """The next message of a topic; what came before on others is kept."""
        for index, (kept, payload) in enumerate(self._backlog):
            if kept == leaf:
                del self._backlog[index]
                return payload
        async with asyncio.timeout(WITHIN_S):
            while True:
                found, payload = await self.down.get()
                if found == leaf:
                    return payload
                self._backlog.append((found, payload))

    def an_event(self, kind: str, data: dict[str, Any], **changes: Any) -> GateEvent:
        fields: dict[str, Any] = {
            "v": 1, "boot": self.boot, "seq": next(self._seqs), "at_ms": now_ms(), "up_ms": 1,
            "clock": "set", "kind": kind, "data": data,
        }  # fmt: skip
        return GateEvent(**(fields | changes))

    async def tell(self, event: GateEvent) -> None:
        """Send one event until it is acked, as a gate does."""
        payload = msgspec.json.encode(event)
        while True:
            await self.say(topics.EVENT, payload)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    while True:
                        ack = json.loads(await self.next(topics.EVENT_ACK))
                        if (ack["boot"], ack["seq"]) == (event.boot, event.seq):
                            return

    async def event(self, kind: str, **data: Any) -> GateEvent:
        """Make an event and send it until it is acked."""
        event = self.an_event(kind, data)
        await self.tell(event)
        return event


@contextlib.asynccontextmanager
async def gate_stub(stand: Stand, gate: str = GATES[0], boot: int = 1) -> AsyncIterator[GateStub]:
    """A gate that is online."""
    async with stand.client(stand.site_broker, gate) as client:
        stub = GateStub(client, gate, boot)
        listening = asyncio.create_task(stub.run())
        try:
            await stub.is_ready.wait()
            yield stub
        finally:
            listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await listening


def a_full(rights: list[Right], version: int, parts: int = 1, **changes: Any) -> list[RightsList]:
    """The messages of a full list."""
    size = -(-len(rights) // parts) or 1
    fields: dict[str, Any] = {
        "site": SITE, "version": version, "base_version": None, "issued_at_ms": now_ms(),
        "expires_at_ms": now_ms() + 86_400_000, "parts": parts, "hash": rights_hash(rights),
    }  # fmt: skip
    return [
        RightsList(**(fields | {"part": n, "entries": rights[n * size : (n + 1) * size]} | changes))
        for n in range(parts)
    ]


def a_delta(
    before: list[Right],
    version: int,
    *,
    put: Sequence[Right] = (),
    gone: Sequence[str] = (),
    **changes: Any,
) -> RightsList:
    """A difference from `before` to the next version."""
    after = {right.id: right for right in before}
    for id_ in gone:
        after.pop(id_, None)
    after |= {right.id: right for right in put}
    fields: dict[str, Any] = {
        "site": SITE, "version": version, "base_version": version - 1, "issued_at_ms": now_ms(),
        "expires_at_ms": now_ms() + 86_400_000, "entries": list(put), "removed": list(gone),
        "hash": rights_hash(after.values()),
    }  # fmt: skip
    return RightsList(**(fields | changes))
