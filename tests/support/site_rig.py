"""A site for tests of gates: a real broker with mutual TLS, boards, and an agent made of wishes.

async with running_site() as site:
    board = await site.start_board("elm-in-1")
    ...
"""

import asyncio
import contextlib
import os
import ssl
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiomqtt
import msgspec

from edge_agent.cancelled import end_if_cancelled
from launcher.engines.broker import BrokerTls, NatsBroker
from launcher.engines.micropython import micropython_path
from launcher.ports import free_port
from protocols import gate as messages
from protocols.broker_acl import agent_client, gate_client, nats_authorization
from protocols.enrolment import site_common_name
from protocols.portable import codes, macs, topics, version
from protocols.sealed import seal
from protocols.site import CommandBody
from simulators.world_link import BoardLink, WorldServer
from tests.support.certificates import TestAuthority
from tests.support.engines import ROOT, scratch_folder
from tests.support.pki import SITE, SITE_KEY, write_flash

Decide = Callable[[str, messages.Tap], str | None]


def now_ms() -> int:
    """The host's wall time."""
    return time.time_ns() // 1_000_000


def admit_all(_gate: str, _tap: messages.Tap) -> str | None:
    """An agent that lets everybody in."""
    return codes.RIGHT_VALID


class AgentStub:
    """Answers taps by `decide` (None: stays silent), acks events, sends commands.

    taps, events, reports, acks: what came, in order, as (gate, message).
    """

    def __init__(self, site: "Site") -> None:
        self._site = site
        self._client: aiomqtt.Client | None = None
        self._counter = now_ms()
        self.decide: Decide = admit_all
        self.acks_events = True
        self.taps: list[tuple[str, messages.Tap]] = []
        self.events: list[tuple[str, messages.GateEvent]] = []
        self.reports: list[tuple[str, messages.Report]] = []
        self.acks: list[tuple[str, messages.GateAck]] = []
        self.online: dict[str, bool] = {}
        self._news = asyncio.Condition()

    async def run(self) -> None:
        """Connect and serve until cancelled."""
        certificate, key = self._site.authority.issue(site_common_name(SITE))
        context = ssl.create_default_context(cafile=str(self._site.authority.certificate))
        context.load_cert_chain(certificate, key)
        client = aiomqtt.Client(
            "127.0.0.1",
            self._site.broker.port,
            identifier=site_common_name(SITE),
            tls_context=context,
            socket_options=[(6, 1, 1)],
        )
        async with client:
            self._client = client
            for leaf in ("up/#", "state/#"):
                await client.subscribe(topics.gate("+", leaf), qos=1)
            await self._tell()
            async for message in client.messages:
                await self._hear(str(message.topic), bytes(message.payload))  # type: ignore[arg-type] # bytes by MQTT 3.1.1

    async def _hear(self, topic: str, payload: bytes) -> None:
        parsed = topics.parse(topic)
        assert parsed is not None
        _, gate, leaf = parsed
        if leaf == topics.TAP:
            tap = msgspec.json.decode(payload, type=messages.Tap)
            reason = self.decide(gate, tap)
            if reason is not None:
                await self.answer(gate, tap, reason)
            self.taps.append((gate, tap))
        elif leaf == topics.EVENT:
            event = msgspec.json.decode(payload, type=messages.GateEvent)
            if self.acks_events:
                ack = messages.EventAck(v=1, boot=event.boot, seq=event.seq)
                await self.publish(gate, topics.EVENT_ACK, msgspec.json.encode(ack))
            if (gate, event) not in self.events:
                self.events.append((gate, event))
        elif leaf == topics.REPORT:
            self.reports.append((gate, msgspec.json.decode(payload, type=messages.Report)))
        elif leaf == topics.ACK:
            self.acks.append((gate, msgspec.json.decode(payload, type=messages.GateAck)))
        elif leaf == topics.ONLINE:
            online = msgspec.json.decode(payload, type=messages.Online)
            self.online[gate] = online.online
        await self._tell()

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def wait_for(self, is_it: Callable[[], Any], within_s: float = 10.0) -> None:
        """Wait until a condition on what came holds."""
        async with asyncio.timeout(within_s), self._news:
            await self._news.wait_for(is_it)

    def kinds(self, gate: str) -> list[str]:
        """The kinds of the events of a gate, in the order they came."""
        return [event.kind for device, event in self.events if device == gate]

    def event(self, gate: str, kind: str) -> messages.GateEvent | None:
        """The last event of a kind."""
        found = [event for device, event in self.events if device == gate and event.kind == kind]
        return found[-1] if found else None

    async def publish(self, gate: str, leaf: str, payload: bytes, *, retain: bool = False) -> None:
        """Raw bytes to a gate."""
        assert self._client is not None
        await self._client.publish(topics.gate(gate, leaf), payload, retain=retain)
        end_if_cancelled()

    async def answer(self, gate: str, tap: messages.Tap, reason: str) -> None:
        """The sealed answer to a tap."""
        args = {
            "boot": tap.boot,
            "tap": tap.seq,
            "reason": reason,
            "mode": codes.AGENT,
            "right": "b-1",
            "list_version": 7,
            "now_ms": now_ms(),
        }
        await self.command(gate, codes.OP_ANSWER, args)

    def body(self, gate: str, op: str, args: dict[str, Any], **changes: Any) -> CommandBody:
        """A command as the agent would issue it, with changes of a test."""
        self._counter = max(self._counter + 1, now_ms())
        fields: dict[str, Any] = {
            "id": f"c-{self._counter}",
            "device": gate,
            "op": op,
            "issued_at_ms": now_ms(),
            "expires_at_ms": now_ms() + version.OPEN_EXPIRES_MS_MAX,
            "counter": self._counter,
            "args": args,
        }
        return CommandBody(**(fields | changes))

    async def command(self, gate: str, op: str, args: dict[str, Any], **changes: Any) -> bytes:
        """Send a sealed command; gives the bytes that were sent."""
        payload = seal(
            macs.gate_key(SITE_KEY, gate), macs.COMMAND, self.body(gate, op, args, **changes)
        )
        await self.publish(gate, topics.COMMAND, payload)
        return payload

    async def set_time(self, gate: str) -> None:
        """Set a gate's clock to the host's."""
        await self.command(gate, codes.OP_TIME, {"now_ms": now_ms()})


class Site:
    """A broker, its authority, boards and (after `start_agent`) an agent."""

    def __init__(self, folder: Path, world: WorldServer) -> None:
        self.folder = folder
        self.world = world
        self.authority = TestAuthority(folder / "ca")
        certificate, key = self.authority.issue("broker")
        self.broker = NatsBroker(
            "site-broker",
            folder / "broker",
            port=free_port(),
            tls=BrokerTls(self.authority.certificate, certificate, key, "1.2"),
            log_path=folder / "broker.log",
        )
        self.agent = AgentStub(self)
        self._agent_task: asyncio.Task[None] | None = None
        self._gates: list[str] = []
        self.processes: dict[str, asyncio.subprocess.Process] = {}

    async def start_broker(self) -> None:
        """Start it, with the permissions of every gate made so far."""
        self._permit()
        await asyncio.to_thread(self.broker.run)

    def _permit(self) -> None:
        clients = [agent_client(SITE), *(gate_client(gate) for gate in self._gates)]
        self.broker.permit(nats_authorization(clients))

    async def start_agent(self) -> AgentStub:
        """Connect the agent and wait until it hears."""
        self._agent_task = asyncio.create_task(self.agent.run())
        await self.agent.wait_for(lambda: True)
        return self.agent

    async def stop_agent(self) -> None:
        """The agent dies without a word to the gates."""
        if self._agent_task is not None:
            self._agent_task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._agent_task
            self._agent_task = None

    def add_gate(self, gate: str, **config: Any) -> Path:
        """Enrol a gate; gives its flash."""
        flash = self.folder / "flash" / gate
        write_flash(flash, self.authority, gate, self.broker.port, **config)
        self._gates.append(gate)
        self._permit()
        return flash

    async def start_board(self, gate: str, **environment: str) -> BoardLink:
        """Switch a gate on; its flash is made if it has none."""
        if gate not in self._gates:
            self.add_gate(gate)
        log = (self.folder / f"{gate}.log").open("ab")
        with log:
            self.processes[gate] = await asyncio.create_subprocess_exec(
                micropython_path(),
                str(ROOT / "simulators" / "board" / "run.py"),
                cwd=self.folder,
                env={
                    **os.environ,
                    "MICROPYPATH": f"{ROOT / 'simulators' / 'board'}:{ROOT}:.frozen",
                    "CURB_GATE": gate,
                    "CURB_FLASH": str(self.folder / "flash" / gate),
                    "CURB_WORLD": self.world.address,
                    **environment,
                },
                stdout=log,
                stderr=log,
            )
        return await self.world.board(gate)

    async def kill_board(self, gate: str) -> int:
        """Pull the plug; gives the exit status."""
        process = self.processes.pop(gate)
        if process.returncode is None:
            process.kill()
        return await process.wait()

    async def wait_console(self, gate: str, text: str) -> None:
        """Wait until the board has printed something."""
        for _ in range(200):
            if text in self.console(gate):
                return
            await asyncio.sleep(0.05)
        raise TimeoutError(f"{gate} did not print {text!r}: {self.console(gate)}")

    def console(self, gate: str) -> str:
        """What the board printed."""
        return (self.folder / f"{gate}.log").read_text()


@contextlib.asynccontextmanager
async def running_site(*, broker: bool = True) -> AsyncIterator[Site]:
    """A site with its broker up, unless told otherwise; everything is stopped at the end."""
    with scratch_folder() as folder:
        async with WorldServer() as world:
            site = Site(folder, world)
            try:
                if broker:
                    await site.start_broker()
                yield site
            finally:
                await site.stop_agent()
                for gate in list(site.processes):
                    await site.kill_board(gate)
                await asyncio.to_thread(site.broker.stop)
