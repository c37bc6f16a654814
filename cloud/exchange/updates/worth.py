"""When a portfolio's worth is told anew: at once when it changes, but never in a storm.

What is told is what is, so what happens in between may be left out: the first change is told right
after its commit, further ones a little later together. Prices alone move it less urgently.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from cloud.exchange.portfolios.live import LivePortfolios
from cloud.exchange.restarting import Guard
from cloud.exchange.wishes import CommittedBatch, ExchangeUnavailable

APART_S: Final = 0.02
PRICES_APART_S: Final = 0.25


class WorthTeller:
    """tell: told the number of a portfolio whose worth is to be told now.

    guard: where mistakes end that nobody else hears of.
    """

    def __init__(
        self, live: LivePortfolios, tell: Callable[[int], None], guard: Callable[[], Guard]
    ) -> None:
        self._live = live
        self._tell = tell
        self._guard = guard
        self._told_s: dict[int, float] = {}
        self._due: dict[int, asyncio.TimerHandle] = {}

    def watch(self, portfolio_id: int) -> None:
        """Tell of it from now on."""
        self._told_s.setdefault(portfolio_id, float("-inf"))

    def forget(self, portfolio_id: int) -> None:
        """Tell of it no more."""
        self._told_s.pop(portfolio_id, None)
        handle = self._due.pop(portfolio_id, None)
        if handle is not None:
            handle.cancel()

    def hear(self, _batch: CommittedBatch, touched: set[int], marked: set[int]) -> None:
        """A listener of the committed picture."""
        if not self._told_s:
            return
        for portfolio_id in touched & self._told_s.keys():
            self._soon(portfolio_id, APART_S)
        if marked:
            for portfolio_id in self._live.holders_of(marked, self._told_s.keys() - touched):
                self._soon(portfolio_id, PRICES_APART_S)

    def _soon(self, portfolio_id: int, apart_s: float) -> None:
        loop = asyncio.get_running_loop()
        due_s = self._told_s[portfolio_id] + apart_s
        handle = self._due.get(portfolio_id)
        if handle is not None:
            if handle.when() <= due_s:
                return
            handle.cancel()
        if due_s <= loop.time():
            self._now(portfolio_id)
        else:
            self._due[portfolio_id] = loop.call_at(due_s, self._in_time, portfolio_id)

    def _in_time(self, portfolio_id: int) -> None:
        # While the picture begins anew nothing is told; what is told of it begins then.
        with self._guard().over(), suppress(ExchangeUnavailable):
            self._now(portfolio_id)

    def _now(self, portfolio_id: int) -> None:
        self._due.pop(portfolio_id, None)
        self._told_s[portfolio_id] = asyncio.get_running_loop().time()
        self._tell(portfolio_id)
