"""Takes the samples of the equity curve, where the process leads.

A portfolio is sampled at the end of a minute in which it, or the mark of something it holds, has
changed; and every one that is not empty at the end of a day, so that a day without trades is known
to have been one.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

import structlog

from cloud.events.cancelled import end_if_cancelled
from cloud.exchange.orders.views import at_of
from cloud.exchange.portfolios.history import EquityHistory, NewSample
from cloud.exchange.portfolios.live import LivePortfolio, LivePortfolios
from cloud.exchange.wishes import CommittedBatch
from cloud.kit.clock import Clock
from cloud.kit.outages import is_passing
from trading import events
from trading.bounds import told

log = structlog.get_logger()

LOOK_EVERY_S: Final = 1.0
THIN_EVERY: Final = timedelta(hours=6)
WAITING_MAX: Final = 200_000
_MINUTE: Final = timedelta(minutes=1)


class EquityRecorder:
    """`run` it where the process may lead. Only this writes `LivePortfolio.flows` beyond events."""

    def __init__(
        self,
        live: LivePortfolios,
        history: EquityHistory,
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._live = live
        self._listener = live.follow("equity-curve", self.hear, begin=self.begin)
        self._history = history
        self._clock = clock
        self._sleep = sleep
        self._changed: set[int] = set()
        self._marked: set[int] = set()
        self._waiting: list[NewSample] = []
        self._since: int | None = None
        self._is_based = False
        self._minute: datetime | None = None
        self._thinned_at: datetime | None = None

    def begin(self) -> None:
        """Begin with the picture, or from it once more: whatever may have changed is sampled."""
        if self._since != self._live.since:
            self._since, self._is_based = self._live.since, False
        self._changed = set(self._live.portfolios)

    def hear(self, batch: CommittedBatch, touched: set[int], marked: set[int]) -> None:
        """A listener of the picture."""
        self._changed |= touched
        self._marked |= marked
        for command, found in zip(batch.commands, batch.events, strict=True):
            if any(isinstance(event, events.DayAdvanced) for event in found):
                self._end_day(at_of(command.at_ns))

    async def run(self) -> None:
        """Look once a second, until cancelled."""
        while True:
            end_if_cancelled()
            await self._sleep(LOOK_EVERY_S)
            with self._listener.over():
                try:
                    await self.look()
                except Exception as error:
                    if not is_passing(error):
                        raise
                    # What waits is kept: it is stored at a later look.
                    log.warning("equity_not_stored", error=repr(error), samples=len(self._waiting))

    async def look(self) -> None:
        """Take the samples of a minute that has ended, and store what waits."""
        if self._since is None:
            return
        if not self._is_based:
            await self._take_up(self._since)
        now = self._clock.now()
        minute = now.replace(second=0, microsecond=0)
        if self._minute is not None and minute > self._minute:
            self.sample(minute)
        self._minute = minute
        stored = self._waiting[:]
        await self._history.store(_last_of_each(stored))
        del self._waiting[: len(stored)]
        if self._thinned_at is None or now - self._thinned_at >= THIN_EVERY:
            self._thinned_at = now
            await self._history.thin(now)

    def sample(self, at: datetime) -> None:
        """Sample what has changed since the last time, as of now, for this instant."""
        if self._marked:
            self._changed |= self._live.holders_of(self._marked, self._live.portfolios)
        for number in sorted(self._changed):
            portfolio = self._live.portfolios[number]
            if not _is_empty(portfolio):
                self._wait(portfolio, at, self._live.equity(portfolio))
        self._changed.clear()
        self._marked.clear()

    def _end_day(self, at: datetime) -> None:
        for portfolio in self._live.portfolios.values():
            if not _is_empty(portfolio):
                self._wait(portfolio, at, portfolio.day_equity)

    def _wait(self, portfolio: LivePortfolio, at: datetime, equity: int) -> None:
        if len(self._waiting) < WAITING_MAX and self._is_based:
            number, sequence = portfolio.portfolio_id, self._live.sequence
            # At the marks it may be worth more than a column holds, and one such sample would keep
            # all that wait with it from being stored.
            worth, flows = told(equity), told(portfolio.flows)
            self._waiting.append((number, at, sequence, worth, portfolio.cash, flows))

    async def _take_up(self, until: int) -> None:
        """Go on with the flows where the last leader's samples stopped."""
        before = {number: flows for number, (_, flows) in (await self._history.last()).items()}
        for number, instrument_id, cash, units in await self._history.flowed_since(until):
            value = self._live.markets[instrument_id].value_of(units) if instrument_id else 0
            before[number] = before.get(number, 0) + cash + value
        if until != self._since:
            return  # Another lead began meanwhile; the next look takes it up.
        for number, flows in before.items():
            portfolio = self._live.portfolios.get(number)
            if portfolio is not None:
                portfolio.flows += flows
                portfolio.day_flows += flows
        self._is_based = True


def _is_empty(portfolio: LivePortfolio) -> bool:
    """Nothing ever came in, or all of it is gone again."""
    has_units = any(position.units for position in portfolio.positions.values())
    return portfolio.cash == 0 and not has_units and portfolio.day_equity == 0


def _last_of_each(samples: list[NewSample]) -> list[NewSample]:
    """One statement cannot store two rows of one key."""
    return list(
        {(number, at): sample for sample in samples for number, at, *_ in [sample]}.values()
    )
