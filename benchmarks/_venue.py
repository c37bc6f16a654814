"""A venue to measure: instruments that trade, portfolios with money and units, a key for each.

Made by the sequencer itself in this process, before the process that is measured starts.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

from benchmarks._cloud import Engines
from cloud.accounts.user import Role
from cloud.accounts.wire import Accounts
from cloud.app import open_kit
from cloud.events.outbox import Outbox, Wakeup
from cloud.exchange.leader import open_candidate, stand_for_lead
from cloud.exchange.recovery import recover
from cloud.exchange.sequencer import Sequencer, Wish
from cloud.kit.feature import Kit
from cloud.kit.settings import load_settings
from trading import commands
from trading.command_base import Command
from trading.instruments import CONTINUOUS, Instrument
from trading.orders import GTC, LIMIT
from trading.terms import Limits, NewOrder

MIDDLE_TICKS = 1_000_000
"""100 dollars in hundredths of a cent."""
TICK = 100
_AT_ONCE = 2_000
_LIMITS = Limits(10**9, 10**14, 10**12, 10**16, 0, 0, short_margin_bps=0)


@dataclass(frozen=True)
class Trader:
    """A portfolio and the key that is good for it."""

    portfolio_id: int
    key: str
    secret: str


def instruments(count: int) -> list[Instrument]:
    """As equities are listed: hundredths of a cent, sub-penny prices below a dollar only."""
    return [
        Instrument(
            number,
            f"BEN{number:02}",
            MIDDLE_TICKS,
            ((0, 1), (10_000, 100)),
            money_divisor=100,
            maker_fee_rate=-10,
            taker_fee_rate=30,
        )
        for number in range(1, count + 1)
    ]


async def prepare(engines: Engines, *, traders: int, symbols: int) -> list[Trader]:
    """List instruments, open portfolios and fund them; every instrument trades."""
    async with open_kit(load_settings(engines.environment)) as kit:
        made = [await _trader(kit, number) for number in range(traders)]
        async with leading(kit) as sequencer:
            await submit(sequencer, _opening(made, instruments(symbols)))
    return made


async def rest(
    engines: Engines, trader: Trader, orders: Sequence[tuple[int, int, int, int]]
) -> None:
    """Let a trader's orders rest: (instrument, side, units, price in ticks) each."""
    async with open_kit(load_settings(engines.environment)) as kit, leading(kit) as sequencer:
        await submit(
            sequencer,
            [
                (
                    commands.PlaceOrder,
                    (NewOrder(trader.portfolio_id, one, side, LIMIT, GTC, units, ticks),),
                )
                for one, side, units, ticks in orders
            ],
        )


@asynccontextmanager
async def leading(kit: Kit) -> AsyncIterator[Sequencer]:
    """A sequencer of this process, until the block ends."""
    wakeup = Wakeup(kit.redis)
    wakeup.is_relay_here = True
    sequencer = Sequencer(Outbox(ids=kit.ids, clock=kit.clock, wakeup=wakeup), kit.clock)
    async with open_candidate(kit.settings.database_url) as connection:
        lead = await stand_for_lead(connection, meanwhile=_nothing)
        task = asyncio.create_task(sequencer.lead((await recover(connection)).engine, lead))
        try:
            while not sequencer.is_leading and not task.done():
                await asyncio.sleep(0.01)
            yield sequencer
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def submit(
    sequencer: Sequencer, wanted: Sequence[tuple[type[Command], tuple[object, ...]]]
) -> None:
    """Submit commands, given without their number and time; all of them are done in the end."""
    for first in range(0, len(wanted), _AT_ONCE):
        waiting = [
            sequencer.offer(_wish(kind, arguments))
            for kind, arguments in wanted[first : first + _AT_ONCE]
        ]
        await asyncio.gather(*waiting)


def _wish(kind: type[Command], arguments: tuple[object, ...]) -> Wish:
    return Wish(lambda sequence, at_ns: kind(sequence, at_ns, *arguments), source="venue")


def _opening(
    traders: Sequence[Trader], listed: Sequence[Instrument]
) -> list[tuple[type[Command], tuple[object, ...]]]:
    wanted: list[tuple[type[Command], tuple[object, ...]]] = [
        (commands.ListInstrument, (one,)) for one in listed
    ]
    for trader in traders:
        number = trader.portfolio_id
        wanted += [
            (commands.OpenPortfolio, (number, number)),
            (commands.SetLimits, (number, _LIMITS)),
            (commands.Deposit, (number, 10**15)),
        ]
        wanted += [
            (commands.DepositUnits, (number, one.instrument_id, 10**10, 10**14)) for one in listed
        ]
    return [*wanted, (commands.SetPhase, (0, CONTINUOUS))]


async def _trader(kit: Kit, number: int) -> Trader:
    """A user with the role, one portfolio, and a key whose secret nobody else knows."""
    key, secret = f"CKBENCH{number:04}", uuid4().hex
    async with kit.database.session() as session:
        users = Accounts(kit).users(session)
        user = await users.create(
            f"trader{number}@bench.example", uuid4().hex, (Role.TRADER,), name=f"Trader {number}"
        )
    async with kit.database.pool.acquire() as connection:
        account = await connection.fetchval(
            "INSERT INTO trading_accounts (user_id) VALUES ($1) RETURNING id", user.id
        )
        portfolio = await connection.fetchval(
            """INSERT INTO portfolios (account_id, name, currency, created_at)
            VALUES ($1, 'bench', 'USD', now()) RETURNING id""",
            account,
        )
        await connection.execute(
            """INSERT INTO api_keys (id, user_id, portfolio_id, name, secret_hash, created_at)
            VALUES ($1, $2, $3, 'bench', $4, now())""",
            key,
            user.id,
            portfolio,
            hashlib.sha256(secret.encode()).digest(),
        )
    return Trader(portfolio, key, secret)


async def _nothing() -> None:
    """There is nothing to follow meanwhile."""
