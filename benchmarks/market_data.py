"""From the match of two orders to a thousand subscribers of the data stream hearing of it.

One process of the cloud (role exchange), with surveillance beside it, on a PostgreSQL as durable as
in production. A thousand WebSockets, in a process of their own, are subscribed to trades, quotes
and the book of one symbol; a trader in another one sends orders that trade at once, at a steady
rate with some jitter, over order entry. All of them share this machine's cores.
`p..._ms`: from the time of the match, as the trade's message says it, to each subscriber's having
the message: its commit, which must come first, is within. `sent_p..._ms`: from the order's being
sent. The times are of the machine's wall clock, which all its processes share.
"""

import asyncio
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import msgspec
from websockets.asyncio.client import ClientConnection, connect

from benchmarks._cloud import ROOT, Engines, running_cloud, running_engines, running_surveillance
from benchmarks._data_clients import Heard, Order
from benchmarks._venue import MIDDLE_TICKS, TICK, Trader, prepare, rest
from trading.orders import BUY, SELL

CLIENTS: Final = 1_000
WARM_UP_TRADES: Final = 20
TRADES: Final = 200
TRADES_PER_S: Final = 10.0
SYMBOL: Final = "BEN01"


def run() -> dict[str, float]:
    """Figures by name."""
    with tempfile.TemporaryDirectory() as scratch, running_engines() as engines:
        report = Path(scratch, "heard.json")
        trader = asyncio.run(_prepare(engines))
        with running_cloud(engines, "exchange") as address, running_surveillance(engines):
            order = Order(
                url=address.replace("http", "ws", 1) + "/v2/curb",
                key=trader.key,
                secret=trader.secret,
                symbol=SYMBOL,
                clients=CLIENTS,
                trades=WARM_UP_TRADES + TRADES,
                within_s=3 * TRADES / TRADES_PER_S,
            )
            with subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-m", "benchmarks._data_clients", str(report)],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            ) as clients:
                assert clients.stdin is not None
                assert clients.stdout is not None
                clients.stdin.write(msgspec.json.encode(order) + b"\n")
                clients.stdin.flush()
                if clients.stdout.readline() != b"ready\n":
                    raise RuntimeError("The subscribers did not all come in.")
                sent_ns = asyncio.run(_trade(address, trader))
            heard = msgspec.json.decode(report.read_bytes(), type=Heard)
    return _figures(sent_ns, heard)


def _figures(sent_ns: list[int], heard: Heard) -> dict[str, float]:
    numbers = range(WARM_UP_TRADES, WARM_UP_TRADES + TRADES)
    matched = sorted(
        at_ns - heard.matched_ns[number] for number in numbers for at_ns in heard.times_ns[number]
    )
    sent = sorted(at_ns - sent_ns[number] for number in numbers for at_ns in heard.times_ns[number])
    return {
        "subscribers": CLIENTS,
        "trades": TRADES,
        "p50_ms": _ms(matched, 50),
        "p99_ms": _ms(matched, 99),
        "max_ms": _ms(matched, 100),
        "sent_p50_ms": _ms(sent, 50),
        "sent_p99_ms": _ms(sent, 99),
        "lost": CLIENTS * TRADES - len(matched),
        "gaps": heard.gaps,
        "doubled": heard.doubled,
        "frames": heard.frames,
    }


def _ms(waits_ns: list[int], percent: int) -> float:
    return round(waits_ns[min(len(waits_ns) - 1, len(waits_ns) * percent // 100)] / 1e6, 1)


async def _prepare(engines: Engines) -> Trader:
    trader, other = await prepare(engines, traders=2, symbols=1)
    # What the orders meet, and a book around it that makes the messages as long as real ones.
    orders = [
        (1, side, 10**6, MIDDLE_TICKS + sign * (1 + level) * TICK)
        for level in range(20)
        for side, sign in ((SELL, 1), (BUY, -1))
    ]
    await rest(engines, other, orders)
    return trader


async def _trade(address: str, trader: Trader) -> list[int]:
    """Send the orders, each of which trades at once; when each was sent."""
    draw = random.Random(1)  # noqa: S311 - the same jitter on every run, not a secret
    sent_ns = []
    url = address.replace("http", "ws", 1) + "/v2/orders/ws"
    async with connect(url, compression=None) as socket:
        await _say(socket, {"t": "auth", "key": trader.key, "secret": trader.secret})
        for number in range(WARM_UP_TRADES + TRADES):
            order = {
                "symbol": SYMBOL,
                "qty": str(number % 9 + 1),
                "side": "buy" if number % 2 else "sell",
                "type": "limit",
                "time_in_force": "gtc",
                "limit_price": "100.01" if number % 2 else "99.99",
            }
            sent_ns.append(time.time_ns())
            await _say(socket, {"t": "place", "ref": number, "order": order})
            await asyncio.sleep((0.5 + draw.random()) / TRADES_PER_S)
    return sent_ns


async def _say(socket: ClientConnection, message: dict[str, object]) -> None:
    """Send a message and take its answer."""
    await socket.send(msgspec.json.encode(message).decode())
    answer = str(await socket.recv())
    if '"t":"welcome"' not in answer and '"t":"ack"' not in answer:
        raise RuntimeError(f"The venue answered {answer}.")
