"""Orders over one WebSocket, each acknowledged after its commit; and over HTTP.

One process of the cloud (role exchange, compiled engine where there is one) on a PostgreSQL as
durable as in production; the venue's watcher and the client are processes of their own, and all
share this machine's cores.
Every order is a message of its own and gets an answer of its own. Half of the orders trade at
once, half rest. Afterwards the database must have every acknowledged order once; some are looked
up the moment their answer is here (`acked_before_commit`).
`offered_...`: 10,000 orders a second sent on time whatever the answers do; waits are counted from
when an order was due. `cost_us_...`: of one order in the exchange's process but for the network
and the database, with so many orders resting.
"""

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
from typing import Final

import asyncpg
import msgspec

from benchmarks._cloud import ROOT, Engines, running_cloud, running_engines, running_surveillance
from benchmarks._order_client import Answered, Plan
from benchmarks._venue import MIDDLE_TICKS, TICK, Trader, prepare, rest
from launcher.compiled import CompileError, compiled_folder
from launcher.compiled import variables as compiled_variables
from trading.orders import BUY, SELL

SYMBOLS: Final = 8
FULL_SPEED: Final = 120_000
WARM_UP: Final = 5_000
WINDOW: Final = 1_000
OFFERED: Final = 50_000
OFFERED_PER_S: Final = 10_000
HTTP: Final = 10_000
HTTP_CONNECTIONS: Final = 16


def run() -> dict[str, float]:
    """Figures by name."""
    is_compiled = _compile()
    with running_engines() as engines:
        trader, _ = asyncio.run(_prepare(engines))
        with running_cloud(engines, "exchange") as address, running_surveillance(engines):
            client = _Client(engines, trader, address)
            client.send(WARM_UP, window=100)
            figures = _full_speed(client)
            figures |= _offered(client)
            figures |= _over_http(client)
        stored = asyncio.run(_count(engines, trader))
    figures |= _by_resting_orders()
    figures |= {
        "acked": client.acked,
        "lost": client.acked - stored,
        "acked_before_commit": client.early,
        "looked_up": client.looked_up,
        "is_compiled": int(is_compiled),
    }
    return figures


def _compile() -> bool:
    """Have the engine compiled, as `make compile` does; `running_cloud` uses what there is."""
    with contextlib.suppress(CompileError):
        compiled_folder()
        return True
    return False


def _full_speed(client: "_Client") -> dict[str, float]:
    answered = client.send(FULL_SPEED, window=WINDOW)
    waits = sorted(answered.waits_ns)
    few = client.send(WARM_UP * 4, window=50)
    return {
        "orders_per_s": round(answered.acked / answered.took_s),
        "p50_ms": _ms(waits[len(waits) // 2]),
        "p99_ms": _ms(waits[len(waits) * 99 // 100]),
        "traded_percent": round(100 * answered.filled / answered.acked),
        "orders_a_commit": round(answered.acked / answered.frames, 1),
        "orders_per_s_50_in_flight": round(few.acked / few.took_s),
    }


def _offered(client: "_Client") -> dict[str, float]:
    answered = client.send(OFFERED, rate=OFFERED_PER_S)
    waits = sorted(answered.waits_ns)
    return {
        "offered_per_s": OFFERED_PER_S,
        "offered_mean_ms": _ms(sum(waits) / len(waits)),
        "offered_p50_ms": _ms(waits[len(waits) // 2]),
        "offered_p99_ms": _ms(waits[len(waits) * 99 // 100]),
        "offered_max_ms": _ms(waits[-1]),
    }


def _over_http(client: "_Client") -> dict[str, float]:
    answered = client.send(HTTP, connections=HTTP_CONNECTIONS)
    waits = sorted(answered.waits_ns)
    return {
        "http_orders_per_s": round(answered.acked / answered.took_s),
        "http_p50_ms": _ms(waits[len(waits) // 2]),
        "http_p99_ms": _ms(waits[len(waits) * 99 // 100]),
    }


def _by_resting_orders() -> dict[str, float]:
    """In a process of its own, with the compiled engine where there is one."""
    path = os.pathsep.join([*filter(None, [compiled_variables().get("PYTHONPATH")]), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks._order_cost"],
        env={**os.environ, "PYTHONPATH": path, "PYTHONSAFEPATH": "1"},
        stdout=subprocess.PIPE,
        check=True,
    )
    costs = msgspec.json.decode(done.stdout, type=dict[int, float])
    few, *_, many = costs.values()
    figures = {f"cost_us_{count}_resting": cost for count, cost in costs.items()}
    return figures | {"cost_ratio_1m": round(many / few, 2)}


def _ms(nanoseconds: float) -> float:
    return round(nanoseconds / 1e6, 2)


async def _prepare(engines: Engines) -> list[Trader]:
    traders = await prepare(engines, traders=2, symbols=SYMBOLS)
    # What the client's crossing orders meet: another trader's, as much as they will ever take.
    orders = []
    for instrument in range(1, SYMBOLS + 1):
        for level in range(20):
            orders.append((instrument, SELL, 10**6, MIDDLE_TICKS + (1 + level) * TICK))
            orders.append((instrument, BUY, 10**6, MIDDLE_TICKS - (1 + level) * TICK))
    await rest(engines, traders[1], orders)
    return traders


async def _count(engines: Engines, trader: Trader) -> int:
    """Acknowledged orders that are stored, each name once, with a journal that has them all."""
    connection = await asyncpg.connect(engines.environment["CURB_DATABASE_URL"])
    try:
        stored = await connection.fetchval(
            "SELECT count(DISTINCT client_order_id) FROM orders WHERE portfolio_id = $1",
            trader.portfolio_id,
        )
        unsound = await connection.fetchval(
            """SELECT count(*) FROM (
                SELECT first_sequence - lag(last_sequence) OVER (ORDER BY first_sequence) AS step
                FROM exchange_journal) AS steps WHERE step <> 1"""
        )
    finally:
        await connection.close()
    if unsound:
        raise RuntimeError(f"The journal has {unsound} gaps.")
    return int(stored)


class _Client:
    """Starts a client process for each run; every order of the benchmark has another number."""

    def __init__(self, engines: Engines, trader: Trader, address: str) -> None:
        self._engines = engines
        self._trader = trader
        self._url = address
        self._next = 0
        self.acked = self.early = self.looked_up = 0

    def send(self, count: int, *, window: int = 0, rate: int = 0, connections: int = 0) -> Answered:
        """Send so many orders; all must be acknowledged."""
        plan = Plan(
            self._url if connections else self._url.replace("http", "ws", 1) + "/v2/orders/ws",
            self._engines.environment["CURB_DATABASE_URL"],
            self._trader.key,
            self._trader.secret,
            SYMBOLS,
            self._next,
            count,
            window,
            rate,
            connections,
        )
        self._next += count
        with tempfile.NamedTemporaryFile() as told:
            subprocess.run(  # noqa: S603 - our own client, no shell
                [sys.executable, "-m", "benchmarks._order_client", told.name],
                cwd=ROOT,
                input=msgspec.json.encode(plan) + b"\n",
                check=True,
            )
            answered = msgspec.json.decode(told.read(), type=Answered)
        if answered.refused:
            raise RuntimeError(f"{answered.refused} were refused: {answered.last_refusal}")
        self.acked += answered.acked
        self.early += answered.early
        self.looked_up += answered.looked_up
        return answered
