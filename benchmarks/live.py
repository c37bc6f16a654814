"""From a gate's passage event to a thousand WebSocket clients hearing of the car.

One process of the cloud (api, parking, relay) on durable PostgreSQL and Valkey; the clients are in
a process of their own, and the gate's events are committed by a third, as the ingress commits them.
A passage is timed from just before that commit to the moment a client has its frame, for every
client: relay, event stream, parking (which stores the passage, counts, and tells the room), relay
and stream again, and the fan-out. Each client also gets the occupancy that the passage changed.
All of it shares this machine's cores; on two of them the clients take as much as the server.
`commit_p99_ms` is the part of it that PostgreSQL takes to make the first commit durable.
"""

import asyncio
import random
import subprocess
import sys
import time
import urllib.request
from typing import Any, Final

import msgspec

from benchmarks._cloud import ROOT, Engines, running_cloud, running_engines
from benchmarks._live_clients import Heard, Order
from cloud.accounts.user import Role, User
from cloud.accounts.wire import Accounts
from cloud.app import open_kit
from cloud.devices.events import DEVICE_EVENT, TOPIC, StoredEvent
from cloud.devices.gates.schemas import Direction, GateCreate, LaneCreate
from cloud.devices.wire import Devices
from cloud.events import wire as events
from cloud.events.outbox import Outbox, Wakeup
from cloud.kit.clock import to_ms
from cloud.kit.feature import Kit
from cloud.kit.settings import load_settings
from cloud.parking.live import PASSAGE
from protocols.portable import codes

CLIENTS: Final = 1_000
WARM_UP_EVENTS: Final = 5
EVENTS: Final = 100
# Each is two frames for every client: 5,000 frames a second, as much as one Python process reads.
PASSAGES_PER_S: Final = 2.5
SITE: Final = "elm-street"
LOT: Final = "elm"
GATE: Final = "elm-in-1"


def run() -> dict[str, float]:
    """Figures by name."""
    with running_engines() as engines, running_cloud(engines, "api,parking,relay") as address:
        tokens = asyncio.run(_prepare(engines, address))
        order = Order(
            url=address.replace("http", "ws", 1) + "/ws",
            room=f"lot:{LOT}",
            event=PASSAGE,
            tokens=tokens,
            events=WARM_UP_EVENTS + EVENTS,
            within_s=3 * EVENTS / PASSAGES_PER_S,
        )
        with subprocess.Popen(
            [sys.executable, "-m", "benchmarks._live_clients"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as clients:
            assert clients.stdin is not None
            assert clients.stdout is not None
            clients.stdin.write(msgspec.json.encode(order) + b"\n")
            clients.stdin.flush()
            if clients.stdout.readline() != b"ready\n":
                raise RuntimeError("The clients did not all come in.")
            told_ns, commits_ms = asyncio.run(_tell(engines))
            heard = msgspec.json.decode(clients.stdout.read(), type=Heard)
    commits_ms.sort()
    commit_p99_ms = round(commits_ms[len(commits_ms) * 99 // 100], 1)
    return _figures(told_ns, heard) | {"commit_p99_ms": commit_p99_ms}


def _figures(told_ns: dict[int, int], heard: Heard) -> dict[str, float]:
    measured = set(sorted(told_ns)[WARM_UP_EVENTS:])
    waits_ms = sorted(
        (at_ns - told_ns[number]) / 1e6
        for number, times_ns in heard.times_ns.items()
        if number in measured
        for at_ns in times_ns
    )
    return {
        "clients": CLIENTS,
        "events": EVENTS,
        "p50_ms": round(waits_ms[len(waits_ms) // 2], 1),
        "p99_ms": round(waits_ms[len(waits_ms) * 99 // 100], 1),
        "max_ms": round(waits_ms[-1], 1),
        "lost": CLIENTS * EVENTS - len(waits_ms),
        "doubled": heard.doubled,
        "gaps": heard.gaps,
    }


async def _prepare(engines: Engines, address: str) -> list[str]:
    """A site and a lot, and a token for each client."""
    async with open_kit(load_settings(engines.environment)) as kit:
        make = Accounts(kit).access_tokens.make
        _, stream = events.wire(kit)
        operator = _user(kit, Role.OPERATOR)
        staff = make(_user(kit, Role.OPERATOR, Role.ADMIN, Role.TECHNICIAN))
        for path, body in (
            ("sites", {"id": SITE, "name": "Elm Street"}),
            ("lots", {"id": LOT, "site": SITE, "name": "Elm"}),
        ):
            await asyncio.to_thread(_post, f"{address}/api/v1/{path}", staff, body)
        async with kit.database.session() as session:
            gates = Devices(kit, stream.outbox).gates(session)
            lane = LaneCreate(id=f"{GATE}-lane", lot=LOT, name="In", direction=Direction.ENTRY)
            await gates.create_lane(operator.id, SITE, lane)
            await gates.create_gate(operator.id, SITE, GateCreate(id=GATE, lane=lane.id))
        return [make(_user(kit, Role.DRIVER)) for _ in range(CLIENTS)]


def _user(kit: Kit, *roles: Role) -> User:
    return User(kit.ids.new(), kit.ids.new(), frozenset(roles))


def _post(url: str, token: str, body: dict[str, Any]) -> None:
    request = urllib.request.Request(  # noqa: S310 - our own loopback address
        url,
        msgspec.json.encode(body),
        {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    urllib.request.urlopen(request, timeout=10).close()  # noqa: S310


def _passage(number: int, at_ms: int) -> StoredEvent:
    return StoredEvent(
        site=SITE,
        device=GATE,
        boot=1,
        seq=number,
        at_ms=at_ms,
        heard_ms=at_ms,
        clock=codes.CLOCK_SET,
        kind=codes.PASSAGE,
        data=msgspec.Raw(b'{"command":"bench"}'),
    )


async def _tell(engines: Engines) -> tuple[dict[int, int], list[float]]:
    """Commit the passages at a steady rate with some jitter; when, and how long it took."""
    draw = random.Random(1)  # noqa: S311 - the same jitter on every run, not a secret
    told_ns: dict[int, int] = {}
    commits_ms: list[float] = []
    async with open_kit(load_settings(engines.environment)) as kit:
        outbox = Outbox(ids=kit.ids, clock=kit.clock, wakeup=Wakeup(kit.redis))
        start_ms = to_ms(kit.clock.now())
        for number in range(WARM_UP_EVENTS + EVENTS):
            async with kit.database.session() as session:
                # Its instant is its name: the room is told nothing else that tells cars apart.
                passage = _passage(number, start_ms + number)
                outbox.add(session, outbox.event(TOPIC, f"device:{GATE}", DEVICE_EVENT, passage))
                told_ns[passage.heard_ms] = time.monotonic_ns()
            commits_ms.append((time.monotonic_ns() - told_ns[passage.heard_ms]) / 1e6)
            await asyncio.sleep((0.5 + draw.random()) / PASSAGES_PER_S)
    return told_ns, commits_ms
