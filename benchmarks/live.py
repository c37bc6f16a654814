"""From the commit of a passage's notice to a thousand WebSocket clients hearing of it.

One process of the cloud (api, parking, relay) on durable PostgreSQL and Valkey; the clients are in
a process of their own, and the passages are committed by a third, as the ingress would. A passage
is timed from just before its commit to the moment a client has its frame, for every client.
All of it shares this machine's cores; on two of them the clients take as much as the server.
`commit_p99_ms` is the part of it that PostgreSQL takes to make the commit durable.
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
from cloud.events.outbox import Outbox, Wakeup
from cloud.kit.feature import Kit
from cloud.kit.settings import load_settings
from cloud.parking.live import PASSAGE
from cloud.realtime.notices import Notices

CLIENTS: Final = 1_000
WARM_UP_EVENTS: Final = 5
EVENTS: Final = 100
PASSAGES_PER_S: Final = 5.0
LOT: Final = "elm"


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
    waits_ms = sorted(
        (at_ns - told_ns[number]) / 1e6
        for number, times_ns in heard.times_ns.items()
        if number >= WARM_UP_EVENTS
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
        staff = make(_user(kit, Role.OPERATOR, Role.ADMIN, Role.TECHNICIAN))
        for path, body in (
            ("sites", {"id": "elm-street", "name": "Elm Street"}),
            ("lots", {"id": LOT, "site": "elm-street", "name": "Elm"}),
        ):
            await asyncio.to_thread(_post, f"{address}/api/v1/{path}", staff, body)
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


async def _tell(engines: Engines) -> tuple[dict[int, int], list[float]]:
    """Commit the passages at a steady rate with some jitter; when, and how long it took."""
    draw = random.Random(1)  # noqa: S311 - the same jitter on every run, not a secret
    told_ns: dict[int, int] = {}
    commits_ms: list[float] = []
    async with open_kit(load_settings(engines.environment)) as kit:
        notices = Notices(Outbox(ids=kit.ids, clock=kit.clock, wakeup=Wakeup(kit.redis)))
        for number in range(WARM_UP_EVENTS + EVENTS):
            async with kit.database.session() as session:
                passage = {"gate": "elm-in-1", "direction": "in", "taken": number, "n": number}
                notices.tell(session, f"lot:{LOT}", PASSAGE, passage)
                await session.flush()
                told_ns[number] = time.monotonic_ns()
            commits_ms.append((time.monotonic_ns() - told_ns[number]) / 1e6)
            await asyncio.sleep((0.5 + draw.random()) / PASSAGES_PER_S)
    return told_ns, commits_ms
