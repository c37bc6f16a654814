"""From the order that fills to the position and the profit that its trader sees.

One process of the cloud (roles api, exchange, relay), with surveillance beside it, on durable
PostgreSQL and Valkey; other traders' orders arrive at a steady rate. Each of the watched traders
sends an order that trades at once, over order entry, and is timed from just before it is sent: to
its acknowledgement, to the fill on `trade_updates`, to the new units and their profit on the
`portfolio` stream, and to the answer of `GET /v2/positions/{symbol}` that shows them, asked for as
soon as the acknowledgement is there. So all times hold the order's own way in, its match and its
commit. What is shown is reckoned again by the client: `wrong` counts where it differs. All share
this machine's cores.
"""

import asyncio
import os
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import msgspec
from websockets.asyncio.client import ClientConnection, connect

from benchmarks._cloud import ROOT, Engines, running_cloud, running_engines, running_surveillance
from benchmarks._order_client import Plan
from benchmarks._venue import MIDDLE_TICKS, TICK, Trader, prepare, rest
from trading.orders import BUY, SELL

WATCHED: Final = 20
FILLS: Final = 500
WARM_UP: Final = 40
FILLS_PER_S: Final = 20.0
LOAD_PER_S: Final = 1_000
LOAD_SYMBOLS: Final = 4
SYMBOL: Final = f"BEN{LOAD_SYMBOLS + 1:02}"
WITHIN_S: Final = 10.0
_PRICE_TICKS: Final = MIDDLE_TICKS + 100 * TICK
_CENTS_A_UNIT: Final = _PRICE_TICKS // 100
_START_UNITS: Final = 10**10
_START_COST: Final = 10**14


@dataclass
class _Watched:
    """A trader with both connections; what is expected, and when what came."""

    trader: Trader
    entry: ClientConnection
    stream: ClientConnection
    units: int = _START_UNITS
    cost: int = _START_COST
    seqs: dict[str, int] = field(default_factory=dict)
    gaps: int = 0
    waiting: "dict[str, asyncio.Future[int]]" = field(default_factory=dict)
    wrong: int = 0


def run() -> dict[str, float]:
    """Figures by name."""
    with running_engines() as engines:
        traders = asyncio.run(_prepare(engines))
        with (
            running_cloud(engines, "api,exchange,relay") as address,
            running_surveillance(engines),
            subprocess.Popen(  # noqa: S603 - our own client, no shell
                [sys.executable, "-m", "benchmarks._order_client", os.devnull],
                cwd=ROOT,
                stdin=subprocess.PIPE,
            ) as load,
        ):
            assert load.stdin is not None
            load.stdin.write(msgspec.json.encode(_load(engines, traders[0], address)) + b"\n")
            load.stdin.flush()
            figures = asyncio.run(_measure(address, traders[2:]))
            load.kill()
    return figures


async def _prepare(engines: Engines) -> list[Trader]:
    traders = await prepare(engines, traders=2 + WATCHED, symbols=LOAD_SYMBOLS + 1)
    orders = [(LOAD_SYMBOLS + 1, SELL, 10**6, _PRICE_TICKS)]
    for instrument in range(1, LOAD_SYMBOLS + 1):
        for level in range(20):
            orders.append((instrument, SELL, 10**6, MIDDLE_TICKS + (1 + level) * TICK))
            orders.append((instrument, BUY, 10**6, MIDDLE_TICKS - (1 + level) * TICK))
    await rest(engines, traders[1], orders)
    return traders


def _load(engines: Engines, trader: Trader, address: str) -> Plan:
    """Others' orders, for longer than the measuring takes."""
    count = int(LOAD_PER_S * 2 * (WARM_UP + FILLS) / FILLS_PER_S)
    return Plan(
        url=address.replace("http", "ws", 1) + "/v2/orders/ws",
        database_url=engines.environment["CURB_DATABASE_URL"],
        key=trader.key,
        secret=trader.secret,
        symbols=LOAD_SYMBOLS,
        first=1,
        count=count,
        rate=LOAD_PER_S,
    )


async def _measure(address: str, traders: Sequence[Trader]) -> dict[str, float]:
    draw = random.Random(1)  # noqa: S311 - the same jitter on every run, not a secret
    samples: list[dict[str, int]] = []
    async with asyncio.TaskGroup() as group, httpx.AsyncClient(base_url=address) as http:
        watched = [await _open(address, trader) for trader in traders]
        readers = [group.create_task(_read(one)) for one in watched]
        for number in range(WARM_UP + FILLS):
            one = watched[number % WATCHED]
            sample = await _fill(one, number, http)
            if number >= WARM_UP:
                samples.append(sample)
            await asyncio.sleep((0.5 + draw.random()) / FILLS_PER_S)
        for reader in readers:
            reader.cancel()
        for one in watched:
            await one.entry.close()
            await one.stream.close()
    figures: dict[str, float] = {
        "fills": len(samples),
        "watched": WATCHED,
        "load_per_s": LOAD_PER_S,
    }
    for name in ("ack", "fill", "stream", "api"):
        waits = sorted(sample[name] for sample in samples)
        figures[f"{name}_p50_ms"] = _ms(waits[len(waits) // 2])
        figures[f"{name}_p99_ms"] = _ms(waits[len(waits) * 99 // 100])
    figures["wrong"] = sum(one.wrong for one in watched)
    figures["gaps"] = sum(one.gaps for one in watched)
    return figures


async def _open(address: str, trader: Trader) -> _Watched:
    base = address.replace("http", "ws", 1)
    entry = await connect(f"{base}/v2/orders/ws", compression=None)
    await entry.send(_json({"t": "auth", "key": trader.key, "secret": trader.secret}))
    await entry.recv()
    stream = await connect(f"{base}/stream", compression=None)
    keys = {"key_id": trader.key, "secret_key": trader.secret}
    await stream.send(_json({"action": "authenticate", "data": keys}))
    await stream.recv()
    streams = ["trade_updates", "portfolio"]
    await stream.send(_json({"action": "listen", "data": {"streams": streams}}))
    answer = msgspec.json.decode(await stream.recv())
    seqs = {name: place["seq"] for name, place in answer["data"]["places"].items()}
    return _Watched(trader, entry, stream, seqs=seqs)


async def _fill(one: _Watched, number: int, http: httpx.AsyncClient) -> dict[str, int]:
    """One order that trades at once; how long each way of seeing it took, in nanoseconds."""
    loop = asyncio.get_running_loop()
    one.waiting = {name: loop.create_future() for name in ("fill", "stream")}
    one.units += 1
    one.cost += _CENTS_A_UNIT
    order = {
        "symbol": SYMBOL,
        "qty": "1",
        "side": "buy",
        "type": "limit",
        "time_in_force": "ioc",
        "limit_price": str(_CENTS_A_UNIT // 100),
    }
    begun_ns = time.perf_counter_ns()
    async with asyncio.timeout(WITHIN_S):
        await one.entry.send(_json({"t": "place", "ref": number, "order": order}))
        while not _is_ack(await one.entry.recv(), number):
            pass
        acked_ns = time.perf_counter_ns()
        shown = await http.get(
            f"/v2/positions/{SYMBOL}",
            headers={"APCA-API-KEY-ID": one.trader.key, "APCA-API-SECRET-KEY": one.trader.secret},
        )
        answered_ns = time.perf_counter_ns()
        filled_ns, streamed_ns = await asyncio.gather(*one.waiting.values())
    gain = one.units * _CENTS_A_UNIT - one.cost
    position = shown.json()
    one.wrong += position["qty"] != str(one.units)
    one.wrong += round(float(position["unrealized_pl"]) * 100) != gain
    return {
        "ack": acked_ns - begun_ns,
        "fill": filled_ns - begun_ns,
        "stream": streamed_ns - begun_ns,
        "api": answered_ns - begun_ns,
    }


async def _read(one: _Watched) -> None:
    async for frame in one.stream:
        message = msgspec.json.decode(frame)
        name, data = message["stream"], message["data"]
        if name not in one.seqs:
            continue
        one.gaps += message["seq"] != one.seqs[name] + 1
        one.seqs[name] = message["seq"]
        if name == "trade_updates" and data["event"] == "fill":
            _note(one, "fill")
        elif name == "portfolio":
            for position in data["positions"]:
                is_due = "stream" in one.waiting and not one.waiting["stream"].done()
                if is_due and position["symbol"] == SYMBOL and position["units"] == one.units:
                    gain = one.units * _CENTS_A_UNIT - one.cost
                    one.wrong += position["unrealised_minor"] != gain
                    _note(one, "stream")


def _note(one: _Watched, name: str) -> None:
    future = one.waiting.get(name)
    if future is not None and not future.done():
        future.set_result(time.perf_counter_ns())


def _is_ack(frame: str | bytes, number: int) -> bool:
    answers: list[dict[str, Any]] = msgspec.json.decode(frame)
    for answer in answers:
        if answer.get("t") == "refused":
            raise RuntimeError(f"The order was refused: {answer}")
        if answer.get("t") == "ack" and answer.get("ref", 0) == number:
            return True
    return False


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _ms(nanoseconds: int) -> float:
    return round(nanoseconds / 1e6, 2)
