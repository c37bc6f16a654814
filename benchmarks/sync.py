"""How fast a site learns: 100,000 rights to a fresh agent, then one changed right to its answers.

A real agent process between two real brokers over mutual TLS; the cloud's end is played by this
program, which seals and sends what the cloud would. `fresh_agent_s` counts from the start of the
agent's process with an empty folder. `change_...` counts from before the difference is sealed
until a gate gets the other answer. `tap_...` is the round trip of a tap by way of the broker while
nothing else happens, and `tap_while_syncing_p99_ms` while the whole list is being taken in.
"""

import asyncio
import statistics
import time
from collections.abc import Awaitable
from typing import Final, TypeVar

from protocols import sealed
from protocols.portable import codes, macs, topics
from protocols.rights_hash import changed_hash
from protocols.site import Right
from tests.edge_agent.stand import (
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
    running_stand,
)
from tests.support.engines import scratch_folder

RIGHTS: Final = 100_000
PARTS: Final = 100
CHANGES: Final = 100
TAPS: Final = 500

T = TypeVar("T")


def run() -> dict[str, float]:
    """Figures by name."""
    with scratch_folder() as folder, running_stand(folder) as stand:
        return asyncio.run(_measure(stand))


async def _measure(stand: Stand) -> dict[str, float]:
    rights = [a_right(number) for number in range(RIGHTS)]
    figures: dict[str, float] = {"rights": RIGHTS}
    async with cloud_stub(stand) as cloud:
        messages = _sealed_full(rights, 1)
        await cloud.desire(a_desired(passback=codes.PASSBACK_OFF))
        began = time.perf_counter()
        stand.start_agent()
        await cloud.until(lambda stub: stub.reports)
        figures["start_s"] = round(time.perf_counter() - began, 2)
        await _send(cloud, messages)
        await cloud.until(lambda stub: stub.reports[-1].rights_version == 1)
        figures["fresh_agent_s"] = round(time.perf_counter() - began, 2)
        async with gate_stub(stand) as gate:
            await cloud.until_event(codes.GATE_ONLINE)
            figures |= _spread("tap", [await _timed(gate.tap(n)) for n in range(TAPS)])
            figures |= _spread("change", await _changes(cloud, gate, rights))
            figures |= await _taps_while_syncing(cloud, gate, rights)
    return figures


def _sealed_full(rights: list[Right], version: int) -> list[bytes]:
    return [
        sealed.seal(SITE_KEY, macs.RIGHTS, part) for part in a_full(rights, version, parts=PARTS)
    ]


async def _send(cloud: CloudStub, messages: list[bytes]) -> None:
    for message in messages:
        await cloud.say(topics.SITE_RIGHTS, message, qos=1)


async def _timed(work: Awaitable[object]) -> float:
    began = time.perf_counter()
    await work
    return (time.perf_counter() - began) * 1000


async def _changes(cloud: CloudStub, gate: GateStub, rights: list[Right]) -> list[float]:
    """Ms from a change in the cloud to another answer at the lane, one at a time."""
    # The hash is followed by hand: hashing 100,000 rights for each change is not what is measured.
    current = rights[0]
    took: list[float] = []
    for number in range(CHANGES):
        changed = a_right(0, until_s=1 if number % 2 == 0 else current.until_s)
        previous = a_right(0, until_s=1) if number % 2 else current
        reason = codes.EXPIRED if number % 2 == 0 else codes.RIGHT_VALID
        hash_ = _hash_after(cloud, previous, changed)
        began = time.perf_counter()
        version = cloud.reports[-1].rights_version + 1
        await cloud.send_rights(a_delta([], version, put=[changed], hash=hash_))
        await _until_answered(gate, reason)
        took.append((time.perf_counter() - began) * 1000)
        await _until_version(cloud, version)
    return took


async def _until_answered(gate: GateStub, reason: str) -> None:
    while (await gate.tap(0))["reason"] != reason:
        pass


async def _until_version(cloud: CloudStub, version: int) -> None:
    await cloud.until(lambda stub: stub.reports[-1].rights_version == version)


def _hash_after(cloud: CloudStub, previous: Right, changed: Right) -> str:
    return changed_hash(cloud.reports[-1].rights_hash, added=[changed], removed=[previous])


async def _taps_while_syncing(
    cloud: CloudStub, gate: GateStub, rights: list[Right]
) -> dict[str, float]:
    version = cloud.reports[-1].rights_version + 1
    messages = await asyncio.to_thread(_sealed_full, rights, version)
    sending = asyncio.create_task(_send(cloud, messages))
    took: list[float] = []
    while cloud.reports[-1].rights_version != version:
        took.append(await _timed(gate.tap(len(took))))
        await asyncio.sleep(0.005)
    await sending
    return {
        "tap_while_syncing_p99_ms": _spread("tap", took)["tap_p99_ms"],
        "tap_while_syncing_max_ms": round(max(took), 2),
    }


def _spread(name: str, took: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(took, n=100)
    return {f"{name}_p50_ms": round(cuts[49], 2), f"{name}_p99_ms": round(cuts[98], 2)}
