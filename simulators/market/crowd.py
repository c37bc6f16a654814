"""All simulated traders of a venue, let loose: look, decide, send, again and again.

Each trader hears its own updates; they share one view of the market and one pace.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from simulators.market.pace import Pace
from simulators.market.path import ReferencePath
from simulators.market.streams import MarketWatch
from simulators.market.trader import Message, Seen, Trader

LOOK_EVERY_S = 0.1
REPORT_EVERY_S = 10.0
STEP_S = 0.5
STEPS_PER_DAY = 14_400
"""A real day passes in two hours: at five minutes (measured) makers did nothing but move quotes,
and the pace left only one level of most books."""


class OrderDesk(Protocol):
    """How one trader's messages reach the venue."""

    async def send(self, message: Message) -> str | None:
        """Place or cancel; None when it was taken, else why it was refused."""
        ...


@dataclass(frozen=True, slots=True)
class Member:
    """A trader with its desk."""

    trader: Trader
    desk: OrderDesk


@dataclass(frozen=True, slots=True)
class Stock:
    """An instrument and what is believed of it. step_ticks: what prices are a multiple of."""

    symbol: str
    path: ReferencePath
    step_ticks: int = 100


class Crowd:
    """The traders of one run.

    now_s: time that only goes on. sleep: waits so many seconds. tell: hears of figures, as JSON.
    """

    def __init__(
        self,
        members: Sequence[Member],
        stocks: Sequence[Stock],
        market: MarketWatch,
        *,
        pace: Pace,
        now_s: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        tell: Callable[[str], None],
    ) -> None:
        self._members = members
        self._stocks = stocks
        self._market = market
        self._pace = pace
        self._now_s = now_s
        self._sleep = sleep
        self._tell = tell
        self._refusals: Counter[str] = Counter()
        self._sent = 0

    async def run(self) -> None:
        """Trade until cancelled."""
        started_s = reported_s = self._now_s()
        async with asyncio.TaskGroup() as sending:
            turn = 0
            while True:
                now_s = self._now_s()
                self._look_around(sending, turn, now_s, now_s - started_s)
                turn += 1
                if now_s - reported_s >= REPORT_EVERY_S:
                    self._report(now_s - reported_s)
                    reported_s = now_s
                await self._sleep(LOOK_EVERY_S)

    def _look_around(
        self, sending: asyncio.TaskGroup, turn: int, now_s: float, since_s: float
    ) -> None:
        pairs = [(member, stock) for stock in self._stocks for member in self._members]
        # Where the room is not enough for all, each pair is the first one sometimes.
        first = turn % len(pairs)
        for member, stock in pairs[first:] + pairs[:first]:
            if not self._market.is_ready(stock.symbol):
                continue
            seen = self._seen(stock, since_s)
            messages = member.trader.messages(stock.symbol, seen, int(now_s * 1_000))
            while self._pace.room(now_s) > 0 and (message := next(messages, None)) is not None:
                self._pace.take()
                sending.create_task(self._send(member, message))

    def _seen(self, stock: Stock, since_s: float) -> Seen:
        market, symbol = self._market, stock.symbol
        return Seen(
            reference_ticks=stock.path.price_ticks(int(since_s / STEP_S)),
            bid_ticks=market.bid_ticks(symbol),
            ask_ticks=market.ask_ticks(symbol),
            last_ticks=market.last_ticks(symbol),
            step_ticks=stock.step_ticks,
        )

    async def _send(self, member: Member, message: Message) -> None:
        self._sent += 1
        refusal = await member.desk.send(message)
        if refusal is None:
            return
        self._refusals[refusal] += 1
        if message.place is None:
            member.trader.books.kept(message.tag)
        else:
            member.trader.books.refused(message.symbol, message.tag)

    def _report(self, seconds: float) -> None:
        fills = sum(member.trader.books.fills for member in self._members)
        figures = {
            "messages_per_s": round(self._sent / seconds, 1),
            "fills": fills,
            "refusals": dict(self._refusals),
        }
        self._tell(json.dumps(figures))
        self._sent = 0
        self._refusals.clear()
