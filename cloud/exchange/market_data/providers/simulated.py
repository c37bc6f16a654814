"""A seeded market of its own: a small engine whose traders never sleep. Nobody's money is in it.

Feed `test`: for whoever tries a client out when the venue is closed. The same seed gives the same
orders; only the times are those of the clock.
"""

import asyncio
import random
from collections.abc import Callable
from typing import Final

from cloud.events.cancelled import end_if_cancelled
from cloud.exchange.market_data.feed import Feed
from cloud.kit.clock import Clock
from trading import commands
from trading.command_base import Command
from trading.engine import Engine
from trading.event_base import Event
from trading.instruments import CONTINUOUS, Instrument
from trading.market_data import MarketData
from trading.order_events import OrderAccepted
from trading.orders import BUY, GTC, IOC, LIMIT, SELL
from trading.terms import NewOrder

SYMBOL: Final = "FAKEPACA"
STEP_S: Final = 0.25
MAKERS: Final = 4
NOISE: Final = MAKERS + 1
LEVELS: Final = 5
_PENNY: Final = 100
_START_TICKS: Final = 1_337_500
_RICH: Final = 10**15
_MS_NS: Final = 1_000_000


class SimulatedMarket:
    """Makers quote around a price that wanders; a noise trader takes from them."""

    def __init__(self, seed: int) -> None:
        self.engine = Engine()
        self.draw = random.Random(seed)  # noqa: S311 - a market to look at, not a secret
        self.middle = _START_TICKS
        self._quotes: dict[int, list[int]] = {}
        self._sequence = 0

    def open(self, at_ns: int) -> None:
        """List the instrument and fund everybody."""
        one = Instrument(1, SYMBOL, _START_TICKS, ((0, 1), (10_000, _PENNY)), money_divisor=100)
        self._do(at_ns, commands.ListInstrument, one)
        for number in range(1, NOISE + 1):
            self._do(at_ns, commands.OpenPortfolio, number, number)
            self._do(at_ns, commands.Deposit, number, _RICH)
            self._do(at_ns, commands.DepositUnits, number, 1, 10**9, 0)
        self._do(at_ns, commands.SetPhase, 1, CONTINUOUS)

    def step(self, at_ns: int) -> list[Event]:
        """One maker quotes anew, now and then somebody takes; gives the events."""
        draw = self.draw
        self.middle = max(100 * _PENNY, self.middle + draw.randint(-2, 2) * _PENNY)
        maker = draw.randint(1, MAKERS)
        found: list[Event] = []
        for order_id in self._quotes.pop(maker, []):
            found += self._do(at_ns, commands.CancelOrder, order_id, maker)
        placed: list[int] = []
        for level in range(1, LEVELS + 1):
            for side, sign in ((BUY, -1), (SELL, 1)):
                price = self.middle + sign * (level + draw.randint(0, 2)) * _PENNY
                events = self._place(at_ns, maker, side, GTC, draw.randint(1, 20) * 10, price)
                placed += [one for one in [_accepted(events)] if one]
                found += events
        self._quotes[maker] = placed
        if draw.random() < 0.6:
            side = draw.choice((BUY, SELL))
            price = self.middle + (4 if side == BUY else -4) * _PENNY
            found += self._place(at_ns, NOISE, side, IOC, draw.randint(1, 60), price)
        return found

    def _place(
        self, at_ns: int, trader: int, side: int, tif: int, units: int, price: int
    ) -> list[Event]:
        order = NewOrder(trader, 1, side, LIMIT, tif, units, price)
        return self._do(at_ns, commands.PlaceOrder, order)

    def _do(self, at_ns: int, kind: type[Command], *fields: object) -> list[Event]:
        self._sequence += 1
        return self.engine.apply(kind(self._sequence, at_ns, *fields))


def _accepted(events: list[Event]) -> int:
    """The order's id; 0 if it was refused."""
    return next((one.order_id for one in events if isinstance(one, OrderAccepted)), 0)


class SimulatedProvider:
    """Runs the market on the venue's clock, a few steps a second, while somebody listens."""

    def __init__(
        self, feed: Feed, clock: Clock, seed: int, *, is_heard: Callable[[], bool]
    ) -> None:
        self._is_heard = is_heard
        self._feed = feed
        self._clock = clock
        self._market = SimulatedMarket(seed)

    async def run(self) -> None:
        """Trade until cancelled."""
        at_ns = self._clock.now_ms() * _MS_NS
        self._market.open(at_ns)
        self._feed.begin(MarketData.of_markets(self._market.engine.venue.markets.values()), at_ns)
        while True:
            end_if_cancelled()
            await asyncio.sleep(STEP_S)
            if not self._is_heard():
                continue
            # The engine's time never falls, whatever a clock does that people set.
            at_ns = max(at_ns, self._clock.now_ms() * _MS_NS)
            self._feed.take(self._market.step(at_ns), at_ns)
