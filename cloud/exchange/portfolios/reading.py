"""What portfolios are worth, were worth and may be worth, for whoever shows it."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from cloud.exchange.portfolios import equity, schemas
from cloud.exchange.portfolios.equity import Curve, Sample, Timeframe
from cloud.exchange.portfolios.errors import (
    HistoryTooLongError,
    HistoryTooShortError,
    InstrumentMissingError,
    NothingToProjectError,
    PortfolioNotOpenError,
)
from cloud.exchange.portfolios.history import EquityHistory
from cloud.exchange.portfolios.live import LivePortfolio, LivePortfolios, LivePosition
from cloud.exchange.portfolios.projection import (
    OBSERVED_DAYS_MAX,
    QUANTILES,
    Method,
    Projection,
    TooFewDaysError,
    project,
)
from cloud.exchange.portfolios.valuation import lots_view, valuation
from cloud.exchange.public_ids import portfolio_uuid
from cloud.exchange.sequencer import ExchangeUnavailable, Sequencer
from cloud.exchange.wishes import CommittedBatch
from cloud.kit.clock import Clock
from cloud.kit.errors import UnavailableError
from trading.bounds import told
from trading.portfolio import Position

SPAN_MAX: Final = {
    Timeframe.MINUTE: timedelta(days=8),
    Timeframe.FIVE_MINUTES: timedelta(days=35),
    Timeframe.QUARTER: timedelta(days=35),
    Timeframe.HOUR: timedelta(days=35),
    Timeframe.DAY: timedelta(days=20_000),
}
"""So far back each width of window is kept and shown at once."""
LOTS_WITHIN_S: Final = 1.0
_PPM: Final = 1_000_000


class PortfolioReader:
    """One object a process; answers where the process leads."""

    def __init__(
        self, live: LivePortfolios, sequencer: Sequencer, history: EquityHistory, clock: Clock
    ) -> None:
        self._live = live
        self._sequencer = sequencer
        self._history = history
        self._clock = clock
        self._next: asyncio.Future[None] | None = None
        live.follow("portfolio-reader", self.hear)

    def now(self) -> datetime:
        """The venue's time."""
        return self._clock.now()

    def hear(self, _batch: CommittedBatch, _touched: set[int], _marked: set[int]) -> None:
        """A listener of the picture: whoever waits for the next batch has it."""
        if self._next is not None:
            self._next.set_result(None)
            self._next = None

    def portfolio(self, portfolio_id: int) -> LivePortfolio:
        """The portfolio as it is committed.

        Raises:
            ExchangeUnavailable: this process does not lead.
            PortfolioNotOpenError: the venue does not know it.
        """
        if not self._sequencer.is_leading:
            raise ExchangeUnavailable
        portfolio = self._live.portfolios.get(portfolio_id)
        if portfolio is None:
            raise PortfolioNotOpenError(
                "The venue has not opened this portfolio; create it again by the same name."
            )
        return portfolio

    def valuation(self, portfolio_id: int, currency: str = "USD") -> schemas.Valuation:
        """What it is worth now. Raises as `portfolio`."""
        return valuation(self._live, self.portfolio(portfolio_id), currency)

    async def lots(self, portfolio_id: int, symbol: str) -> schemas.PositionLots:
        """A position with its lots, which only the engine has: shown when it is not ahead.

        Raises:
            InstrumentMissingError: there is no such instrument, or there never was a position.
            UnavailableError: the position changes faster than it can be read.
        """
        portfolio = self.portfolio(portfolio_id)
        instrument_id = next(
            (n for n, m in self._live.markets.items() if m.instrument.symbol == symbol), 0
        )
        if instrument_id not in portfolio.positions:
            raise InstrumentMissingError(f"This portfolio never had any {symbol[:64]}.")
        try:
            async with asyncio.timeout(LOTS_WITHIN_S):
                while (lots := self._committed_lots(portfolio, instrument_id)) is None:
                    await self._batch()
        except TimeoutError as error:
            raise UnavailableError("This position is changing; try again in a moment.") from error
        market = self._live.markets[instrument_id]
        return lots_view(market, portfolio.positions[instrument_id], lots)

    async def curve(
        self, portfolio_id: int, timeframe: Timeframe, starts_at: datetime, ends_at: datetime
    ) -> Curve:
        """The equity curve, up to now where `ends_at` is not before that.

        Raises:
            HistoryTooLongError: more than is shown at once in windows so narrow.
            ExchangeUnavailable, PortfolioNotOpenError: as `portfolio`.
        """
        portfolio = self.portfolio(portfolio_id)
        if ends_at - starts_at > SPAN_MAX[timeframe]:
            raise HistoryTooLongError(
                f"Ask for at most {SPAN_MAX[timeframe].days} days of {timeframe}, or wider windows."
            )
        now = self._clock.now()
        latest = [self._sample(portfolio, now)] if ends_at >= now else []
        return await self._history.curve(portfolio_id, timeframe, starts_at, ends_at, latest)

    async def history(
        self, portfolio_id: int, timeframe: Timeframe, starts_at: datetime, ends_at: datetime
    ) -> schemas.History:
        """`curve` as the API shows it."""
        found = await self.curve(portfolio_id, timeframe, starts_at, ends_at)
        return schemas.History(
            portfolio_id=portfolio_uuid(portfolio_id),
            timeframe=timeframe,
            base_minor=found.base,
            base_at=found.base_at,
            points=[
                schemas.HistoryPoint(
                    starts_at=point.starts_at,
                    equity_minor=point.equity,
                    flows_minor=point.flows,
                    profit_minor=point.profit,
                    profit_ppm=point.profit_ppm,
                )
                for point in found.points
            ],
        )

    async def projection(
        self, portfolio_id: int, horizon_days: int, method: Method
    ) -> schemas.Projection:
        """What it may be worth on the trading days to come.

        Raises:
            HistoryTooShortError, NothingToProjectError: see there.
            ExchangeUnavailable, PortfolioNotOpenError: as `portfolio`.
        """
        portfolio = self.portfolio(portfolio_id)
        worth = self._live.equity(portfolio)
        if worth <= 0:
            raise NothingToProjectError(f"The portfolio is worth {worth} in minor units now.")
        now = self._clock.now()
        days = await self._history.days(portfolio_id, now, OBSERVED_DAYS_MAX + 1)
        growth = equity.daily_growth(days)
        seed = portfolio_id << 32 | len(growth)
        try:
            # Thousands of paths take a good part of a second: not in the loop that matches orders.
            found = await asyncio.to_thread(project, worth, growth, horizon_days, method, seed)
        except TooFewDaysError as error:
            raise HistoryTooShortError(str(error)) from error
        return _shown(portfolio_id, worth, found)

    def _sample(self, portfolio: LivePortfolio, now: datetime) -> Sample:
        return Sample(now, self._live.equity(portfolio), portfolio.flows)

    def _committed_lots(
        self, portfolio: LivePortfolio, instrument_id: int
    ) -> Sequence[tuple[int, int]] | None:
        """The engine's lots, None while it is ahead of what is committed."""
        committed = portfolio.positions[instrument_id]
        theirs = self._sequencer.engine.venue.portfolios[portfolio.portfolio_id]
        position = theirs.positions[instrument_id]
        return position.lots() if _told(position) == _told(committed) else None

    async def _batch(self) -> None:
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._next)


def _told(one: Position | LivePosition) -> tuple[int, int, int, int]:
    """The figures of a position as events tell them: the engine's own may be larger."""
    return one.units, told(one.cost), told(one.realised), told(one.realised_fifo)


def _shown(portfolio_id: int, worth: int, found: Projection) -> schemas.Projection:
    return schemas.Projection(
        portfolio_id=portfolio_uuid(portfolio_id),
        method=found.method,
        observed_days=found.observed_days,
        equity_minor=worth,
        quantiles=[f"{quantile:g}" for quantile in QUANTILES],
        drift_ppm=round(found.drift * _PPM),
        drift_error_ppm=round(found.drift_error * _PPM),
        volatility_ppm=round(found.volatility * _PPM),
        days=[
            schemas.ProjectedDay(days_ahead=day.days_ahead, equity_minor=list(day.equity))
            for day in found.days
        ],
    )
