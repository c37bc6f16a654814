"""Keeps the venue to its schedule: looks at the clock and at the engine, and sends commands."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final, Protocol

import structlog

from cloud.exchange.sessions.calendar import Schedule
from cloud.exchange.sessions.rules import DayStep, PhaseStep, Step, steps
from cloud.exchange.wishes import ExchangeBusy, ExchangeUnavailable, Receipt, Wish
from cloud.kit.clock import Clock, to_ms
from trading import Engine
from trading.account_events import CommandRefused
from trading.command_base import Command
from trading.commands import AdvanceDay, AdvanceTime, SetPhase
from trading.instruments import VOLATILITY_CALL

log = structlog.get_logger()

LOOK_EVERY_S: Final = 0.2
VOLATILITY_CALL_FOR: Final = timedelta(seconds=30)
_NS_OF_MS: Final = 1_000_000


class Desk(Protocol):
    """What this needs of the sequencer."""

    engine: Engine

    @property
    def is_leading(self) -> bool:
        """Whether wishes are taken now."""
        ...

    def offer(self, wish: Wish) -> "asyncio.Future[Receipt]":
        """Take a wish."""
        ...


class SessionDriver:
    """One a process; it acts while its sequencer leads.

    volatility_call: how long such a call lasts, counted from when this process first saw it.
    """

    def __init__(
        self,
        desk: Desk,
        schedule: Schedule,
        clock: Clock,
        volatility_call: timedelta = VOLATILITY_CALL_FOR,
    ) -> None:
        self._desk = desk
        self._schedule = schedule
        self._clock = clock
        self._volatility_call = volatility_call
        self._called_at: dict[int, datetime] = {}

    async def run(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Look five times a second, until cancelled."""
        while True:
            if self._desk.is_leading:
                try:
                    await self.look()
                except (ExchangeUnavailable, ExchangeBusy) as problem:
                    log.info("exchange_schedule_waits", problem=problem.message)
            await sleep(LOOK_EVERY_S)

    async def look(self) -> list[Step]:
        """Do what is due now; gives what it was.

        Raises:
            ExchangeUnavailable, ExchangeBusy: not now. The next look finds what is left to do.
        """
        now = self._clock.now()
        venue = self._desk.engine.venue
        phases = {key: int(market.phase) for key, market in venue.markets.items()}
        due = steps(
            self._schedule,
            now,
            day=venue.day,
            phases=phases,
            calls_over=self._calls_over(phases, now),
            is_expiry_due=bool(venue.expiries) and venue.expiries[0][0] <= to_ms(now) * _NS_OF_MS,
        )
        # All are offered before the first is answered, so nothing comes in between.
        answers = [self._desk.offer(Wish(_maker(step), source="venue")) for step in due]
        for step, receipt in zip(due, await asyncio.gather(*answers), strict=True):
            refused = [one for one in receipt.events if isinstance(one, CommandRefused)]
            if refused:
                log.warning("exchange_schedule_refused", step=str(step), reason=refused[0].reason)
            elif isinstance(step, DayStep):
                log.info("exchange_day_begins", day=step.day, sequence=receipt.sequence)
        return due

    def _calls_over(self, phases: dict[int, int], now: datetime) -> frozenset[int]:
        called = [key for key, phase in phases.items() if phase == VOLATILITY_CALL]
        self._called_at = {key: self._called_at.get(key, now) for key in called}
        return frozenset(
            key for key, at in self._called_at.items() if now - at >= self._volatility_call
        )


def _maker(step: Step) -> Callable[[int, int], Command]:
    if isinstance(step, PhaseStep):
        instrument_id, phase = step.instrument_id, step.phase
        return lambda sequence, at_ns: SetPhase(sequence, at_ns, instrument_id, phase)
    if isinstance(step, DayStep):
        day = step.day
        return lambda sequence, at_ns: AdvanceDay(sequence, at_ns, day)
    return AdvanceTime
