"""An hour of a venue on which some people cheat, as the sequencer would have stored it."""

import random
from collections.abc import Iterable, Sequence

import asyncpg

from cloud.exchange import journal
from cloud.exchange.surveillance.findings import Finding
from cloud.exchange.surveillance.observer import Observer
from cloud.exchange.wishes import Wish
from cloud.kit.clock import from_ns
from tests.support.watched_market import BUY, MS, SELL, S, WatchedMarket
from trading import Engine, commands
from trading.command_base import Command
from trading.orders import SelfTrade

PRICE = 100_000
# The journal keeps names and source of a wish; these have none. Nobody makes a command of it.
_NAMELESS = Wish(commands.AdvanceTime)


def suspicious_batches(seed: int, steps: int = 300) -> list[list[Command]]:
    """Honest orders with self-trades, layering, spoofing and round trips among them, in batches."""
    draw = random.Random(seed)
    market = WatchedMarket()
    market.limit(9, SELL, 50_000, PRICE + 3_000)
    market.limit(9, BUY, 50_000, PRICE - 3_000)
    for _ in range(steps):
        market.wait(draw.choice((5, 300, 4_000, 15_000, 40_000)) * MS)
        _act(market, draw)
    return list(_cut([command for command, _ in market.stream], draw))


def one_pass(batches: Iterable[list[Command]]) -> list[Finding]:
    """What is found by whoever sees all of it, from the first command to the last."""
    engine, observer = Engine(), Observer()
    return [
        finding
        for batch in batches
        for command, events in zip(batch, engine.apply_batch(batch), strict=True)
        for finding in observer.take(command, events)
    ]


async def store_batches(
    connection: "asyncpg.Connection[asyncpg.Record]",
    batches: Sequence[list[Command]],
    engine: Engine,
) -> None:
    """Apply them to the engine and add them to the journal, at the commands' own times."""
    rows = []
    for batch in batches:
        events = engine.apply_batch(batch)
        entries = [journal.encode_entry(one, _NAMELESS) for one in batch]
        first, last = batch[0], batch[-1]
        stored = (journal.join_entries(entries), journal.hash_of(events))
        rows.append((first.sequence, last.sequence, from_ns(last.at_ns), *stored))
    await connection.executemany(
        "INSERT INTO exchange_journal (first_sequence, last_sequence, at, commands, events_hash)"
        " VALUES ($1, $2, $3, $4, $5)",
        rows,
    )


def _act(market: WatchedMarket, draw: random.Random) -> None:
    kind = draw.random()
    if kind < 0.15:
        account = draw.randint(1, 3)
        market.limit(account, SELL, 10, PRICE)
        market.limit(account, BUY, 10, PRICE, self_trade=SelfTrade.ALLOW)
    elif kind < 0.3:
        _bait(market, draw.randint(6, 8), layers=draw.choice((2, 4)))
    elif kind < 0.4:
        for _ in range(3):
            for seller, buyer in ((10, 11), (11, 10)):
                market.limit(seller, SELL, 100, PRICE)
                market.limit(buyer, BUY, 100, PRICE)
                market.wait(2 * S)
    elif kind < 0.9:
        side = draw.choice((BUY, SELL))
        market.limit(draw.randint(1, 5), side, 10, PRICE + 100 * draw.randint(-8, 8))
    else:
        market.apply(commands.MassCancel, draw.randint(1, 5))


def _bait(market: WatchedMarket, account: int, layers: int) -> None:
    bait = [
        market.limit(account, SELL, 10_000, PRICE + 1_000 + n) for n in range(0, layers * 100, 100)
    ]
    market.wait(300 * MS)
    market.limit(account, BUY, 100, PRICE - 1_000)
    market.limit(12, SELL, 100, PRICE - 1_000)
    market.wait(300 * MS)
    market.cancel(account, *bait)


def _cut(stream: list[Command], draw: random.Random) -> Iterable[list[Command]]:
    """As the sequencer would: what comes together is one batch of one time."""
    while stream:
        count = draw.randint(1, 12)
        yield stream[:count]
        stream = stream[count:]
