"""How fast a site learns: 100,000 rights to a fresh agent, then one changed card to its answers.

The whole chain as `curb up` runs it: API, PostgreSQL, outbox, parking, broker with mutual TLS, the
agent's process, site broker. Beside the real gates one more, enrolled like them, is played by this
program, which taps by hand. `fresh_agent_s` counts from the kill of the agent, whose folder is
emptied but for its identity, until a tap is answered from the whole list; `change_...` from before
an operator blocks (or unblocks) a card over HTTP until the lane answers otherwise. `tap_...` is a
tap's round trip by way of the site broker while nothing else happens, and
`tap_while_syncing_p99_ms` while the list of 100,000 is taken in.
"""

import asyncio
import json
import shutil
import ssl
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

import aiomqtt
import msgspec
import psutil

from benchmarks._site import add_gate, running_wide_site
from cloud.app import open_kit
from cloud.devices.wire import Devices
from cloud.events.outbox import Outbox, Wakeup
from cloud.kit.settings import load_settings
from protocols import sealed
from protocols.portable import codes, macs, topics
from protocols.site import CommandBody, Right
from simulators.api import Api
from simulators.stage import Stage
from simulators.system import RunningSystem

RIGHTS: Final = 100_000
CHANGES: Final = 100
TAPS: Final = 500
GATE: Final = "bench-tap"
UID: Final = "04a1b2c3d4e5f6"
ANSWER_WITHIN_S: Final = 0.25
LEARN_WITHIN_S: Final = 120
_BOTH_WAYS: Final = 0x0C


def run() -> dict[str, float]:
    """Figures by name."""
    return asyncio.run(_measure())


async def _measure() -> dict[str, float]:
    async with running_wide_site(4) as (system, stage):
        flash = Path((await asyncio.to_thread(add_gate, system, stage, GATE, "entry")).flash)
        async with system.person("operator") as operator:
            card = await operator.ask(
                "POST", "/api/v1/tags", {"uid": UID, "level": 0, "note": "bench"}
            )
            await _commit_rights(system, stage.site)
            async with _lane(flash) as lane:
                await lane.until(lambda answer: answer["list_version"] > 0)
                await _until_count(system, stage.site, RIGHTS)
                figures = {"rights": float(RIGHTS)}
                figures |= _spread("tap", [await lane.timed_tap() for _ in range(TAPS)])
                figures |= await _fresh(system, stage, lane)
                figures |= _spread("change", await _changes(operator, card["id"], lane))
    return figures


class _Lane:
    """A gate's end of the talk with its agent: taps the same card again and again."""

    def __init__(self, client: aiomqtt.Client, key: bytes, boot: int) -> None:
        self._client = client
        self._key = key
        self._boot = boot
        self._seq = 0

    async def tap(self) -> dict[str, Any] | None:
        """The answer's arguments; None if the agent does not answer in time."""
        self._seq += 1
        tap = {
            "v": 1, "boot": self._boot, "seq": self._seq, "uid": UID, "read": codes.READ_OK,
            "level": 0, "clock": "set", "at_ms": time.time_ns() // 1_000_000,
        }  # fmt: skip
        await self._client.publish(topics.gate(GATE, topics.TAP), msgspec.json.encode(tap))
        with suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_WITHIN_S):
                async for message in self._client.messages:
                    args = self._answer(message)
                    if args is not None and args["tap"] == self._seq:
                        return args
        return None

    async def timed_tap(self) -> float:
        """Milliseconds of one tap that is answered."""
        began_s = time.perf_counter()
        answer = await self.tap()
        assert answer is not None, "a tap went unanswered"
        return (time.perf_counter() - began_s) * 1_000

    async def until(self, is_it: Any) -> list[float]:  # noqa: ANN401 - a function of an answer
        """Tap until an answer is so; gives the round trips of the answered taps, in ms."""
        took: list[float] = []
        async with asyncio.timeout(LEARN_WITHIN_S):
            while True:
                began_s = time.perf_counter()
                answer = await self.tap()
                if answer is not None:
                    took.append((time.perf_counter() - began_s) * 1_000)
                    if is_it(answer):
                        return took
                await asyncio.sleep(0.005)

    def _answer(self, message: aiomqtt.Message) -> dict[str, Any] | None:
        if not message.topic.value.endswith(topics.COMMAND):
            return None
        assert isinstance(message.payload, bytes)
        body = sealed.unseal(self._key, macs.COMMAND, message.payload, CommandBody)
        return body.args if body.op == codes.OP_ANSWER else None


@asynccontextmanager
async def _lane(flash: Path) -> AsyncIterator[_Lane]:
    identity = json.loads((flash / "identity.json").read_text())
    context = ssl.create_default_context(cadata=identity["ca_pem"])
    (flash / "cert.pem").write_text(identity["certificate_pem"])
    context.load_cert_chain(flash / "cert.pem", flash / "key.pem")
    async with aiomqtt.Client(
        identity["broker_host"],
        identity["broker_port"],
        identifier=GATE,
        tls_context=context,
        timeout=30,
    ) as client:
        await client.subscribe(topics.gate(GATE, "down/#"), qos=1)
        online = msgspec.json.encode({"v": 1, "online": True, "boot": 1})
        await client.publish(topics.gate(GATE, topics.ONLINE), online, qos=1, retain=True)
        yield _Lane(client, bytes.fromhex(identity["gate_key"]), boot=1)


async def _commit_rights(system: RunningSystem, site: str) -> None:
    """100,000 more rights of the site, committed as a feature of the cloud commits its own."""
    async with open_kit(load_settings(_cloud_environment(system))) as kit:
        wakeup = Wakeup(kit.redis)
        devices = Devices(kit, Outbox(ids=kit.ids, clock=kit.clock, wakeup=wakeup))
        async with devices.open(), kit.database.session() as session:
            rights = {f"bench-{number}": _right(number) for number in range(RIGHTS)}
            await devices.rights.replace_many(session, site, dict(rights))


def _cloud_environment(system: RunningSystem) -> dict[str, str]:
    pid = system.pid("cloud")
    assert pid is not None, "the cloud runs"
    return psutil.Process(pid).environ()


def _right(number: int) -> Right:
    return Right(
        id=f"bench-{number}",
        tag=f"{number:014x}",
        lot="elm",
        flags=codes.BOOKING | _BOTH_WAYS,
        from_s=0,
        until_s=2_000_000_000,
    )


async def _until_count(system: RunningSystem, site: str, count: int) -> None:
    path = system.folder / "site" / site / "agent" / "health.json"
    async with asyncio.timeout(LEARN_WITHIN_S):
        while True:
            with suppress(FileNotFoundError, json.JSONDecodeError):
                if json.loads(path.read_text())["rights"]["count"] >= count:
                    return
            await asyncio.sleep(0.1)


async def _fresh(system: RunningSystem, stage: Stage, lane: _Lane) -> dict[str, float]:
    """Kill the agent, empty its folder, and tap until it answers from the whole list again."""
    data = system.folder / "site" / stage.site / "agent"
    began_s = time.perf_counter()
    # Frozen while its folder goes: nothing of the old one is written into the new.
    system.freeze("edge-agent")
    await asyncio.to_thread(shutil.rmtree, data)
    system.kill("edge-agent")
    took = await lane.until(lambda answer: answer["list_version"] > 0)
    return {
        "fresh_agent_s": round(time.perf_counter() - began_s, 2),
        "tap_while_syncing_p99_ms": _spread("tap", took)["tap_p99_ms"],
    }


async def _changes(operator: Api, card: str, lane: _Lane) -> list[float]:
    """Ms from an operator's request to another answer at the lane, one at a time."""
    took: list[float] = []
    for number in range(CHANGES):
        state = "blocked" if number % 2 == 0 else "active"
        began_s = time.perf_counter()
        change = {"state": state, "reason": "bench"}
        await operator.ask("PUT", f"/api/v1/tags/{card}/state", change)
        is_blocked = state == "blocked"
        await lane.until(lambda answer, so=is_blocked: (answer["reason"] == codes.BLOCKED) == so)
        took.append((time.perf_counter() - began_s) * 1_000)
    return took


def _spread(name: str, took: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(took, n=100)
    return {f"{name}_p50_ms": round(cuts[49], 2), f"{name}_p99_ms": round(cuts[98], 2)}
