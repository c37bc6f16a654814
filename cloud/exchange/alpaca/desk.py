"""What the routes under /v2 stand on: one object a process, so a request resolves one thing."""

import asyncio
from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec

from cloud.exchange.alpaca import shapes
from cloud.exchange.alpaca.activities import Activities
from cloud.exchange.alpaca.closes import LastCloses
from cloud.exchange.alpaca.schemas import Account, Asset, ClosedPosition, CloseRefusal, Position
from cloud.exchange.alpaca.settings import SettingsBook
from cloud.exchange.alpaca.watchlists import Watchlists
from cloud.exchange.directory import Directory
from cloud.exchange.orders.answers import Order, order_answer
from cloud.exchange.orders.errors import OrderError, OrderMissingError
from cloud.exchange.orders.forms import OrderForm
from cloud.exchange.orders.rules import Placement
from cloud.exchange.orders.service import OrderService
from cloud.exchange.orders.store import OrderStore, Pool
from cloud.exchange.orders.views import OrderView
from cloud.exchange.portfolios.live import LivePortfolios
from cloud.exchange.portfolios.reading import PortfolioReader
from cloud.exchange.sequencer import Sequencer
from cloud.exchange.sessions.calendar import Schedule
from cloud.kit.clock import Clock
from cloud.kit.errors import MissingError
from trading.instruments import Instrument
from trading.live import Market
from trading.orders import BUY, DAY, MARKET, SELL
from trading.terms import NewOrder

TRADING_DESK_STATE: Final = "trading_desk"

_PORTFOLIO: Final = "SELECT currency, created_at FROM portfolios WHERE id = $1"
_NAMES: Final = "SELECT id, name FROM instruments WHERE name <> ''"
_HUNDRED: Final = 100


class TradingDesk:
    """Orders, positions, account and assets of one venue, for the routes."""

    def __init__(
        self,
        pool: Pool,
        sequencer: Sequencer,
        directory: Directory,
        settings: SettingsBook,
        live: LivePortfolios,
        reader: PortfolioReader,
        schedule: Schedule,
        clock: Clock,
    ) -> None:
        self.pool = pool
        self.sequencer = sequencer
        self.reader = reader
        self.schedule = schedule
        self.clock = clock
        self.directory = directory
        self.store = OrderStore(pool)
        self.orders = OrderService(sequencer, self.directory, self.store)
        self.settings = settings
        self.activities = Activities(pool, self.directory)
        self.watchlists = Watchlists(pool, self.directory, clock)
        self._live = live
        self._closes = LastCloses(pool)
        self._portfolios: dict[int, tuple[str, datetime]] = {}
        self._names: dict[int, str] = {}
        self._named = -1

    def show(self, view: OrderView) -> Order:
        """The order in Alpaca's shape."""
        return order_answer(view, self.directory.instrument(view.instrument_id))

    async def place(self, portfolio_id: int, form: OrderForm) -> Order:
        """Place an order. Raises as `OrderService.place`, and when the owner suspended trading."""
        settings = await self.settings.for_order(portfolio_id)
        view = await self.orders.place(portfolio_id, form, shorts=not settings.is_long_only)
        return self.show(view)

    async def account(self, portfolio_id: int) -> Account:
        """The portfolio as an account. Raises as `PortfolioReader.portfolio`."""
        portfolio = self.reader.portfolio(portfolio_id)
        settings = await self.settings.read(portfolio_id)
        currency, created_at = await self._opened(portfolio_id)
        venue = self.sequencer.engine.venue
        limits = venue.limits_of(venue.portfolios[portfolio_id])
        return shapes.account(
            portfolio,
            [value for _, _, value in self._live.valued(portfolio)],
            settings,
            currency=currency,
            created_at=created_at,
            is_blocked=venue.is_killed or portfolio.account_id in venue.killed_accounts,
            may_short=limits.may_short != 0,
            leaving=sum(
                amount for owner, amount in venue.withdrawals.values() if owner == portfolio_id
            ),
        )

    async def positions(self, portfolio_id: int) -> list[Position]:
        """The open positions, by symbol. Raises as `PortfolioReader.portfolio`."""
        portfolio = self.reader.portfolio(portfolio_id)
        open_ones = [one for one, _, _ in self._live.valued(portfolio)]
        began_at = self.schedule.current(self.clock.now()).begins_at
        closes = await self._closes.before(began_at, open_ones)
        found = [
            shapes.position(
                self._live.markets[one],
                portfolio.positions[one],
                closes[one],
                sequence=portfolio.changed_sequence,
            )
            for one in open_ones
            if portfolio.positions[one].units
        ]
        return sorted(found, key=lambda one: one.symbol)

    async def position(self, portfolio_id: int, symbol_or_id: str) -> Position:
        """One open position.

        Raises:
            MissingError: there is none in this instrument.
        """
        symbol = self.directory.find(symbol_or_id).instrument.symbol
        for one in await self.positions(portfolio_id):
            if one.symbol == symbol:
                return one
        raise MissingError("position does not exist")

    async def close(
        self,
        portfolio_id: int,
        symbol_or_id: str,
        *,
        units: int | None = None,
        percent: Decimal | None = None,
    ) -> Order:
        """Place a market order that closes the position, or so much of it.

        Raises:
            MissingError: there is no position.
            OrderError: refused, as any order; or the percentage comes to no whole lot.
        """
        instrument = self.directory.find(symbol_or_id).instrument
        held = self._units(portfolio_id, instrument)
        if held == 0:
            raise MissingError(f"position not found: {instrument.symbol}")
        if percent is not None:
            units = _share(abs(held), percent, instrument.lot_units)
        order = NewOrder(
            portfolio_id,
            instrument.instrument_id,
            SELL if held > 0 else BUY,
            MARKET,
            DAY,
            abs(held) if units is None else units,
            is_reduce_only=True,
        )
        view = await self.orders.place_terms(portfolio_id, Placement(0, (order,)), None)
        return self.show(view)

    async def close_all(self, portfolio_id: int, *, cancels: bool) -> list[ClosedPosition]:
        """Close every position. cancels: all open orders first, whose units are held otherwise."""
        portfolio = self.reader.portfolio(portfolio_id)
        if cancels:
            await self.orders.cancel_all(portfolio_id)
        instruments = [
            self._live.markets[one].instrument for one, _, _ in self._live.valued(portfolio)
        ]
        return list(await asyncio.gather(*(self._close(portfolio_id, one) for one in instruments)))

    async def _close(self, portfolio_id: int, instrument: Instrument) -> ClosedPosition:
        try:
            order = await self.close(portfolio_id, instrument.symbol)
        except OrderError as error:
            portfolio = self.reader.portfolio(portfolio_id)
            position = portfolio.positions[instrument.instrument_id]
            free = max(abs(position.units) - position.held_units, 0)
            refusal = CloseRefusal(
                error.alpaca_code,
                error.message,
                instrument.symbol,
                str(position.units),
                str(position.held_units),
                str(free),
            )
            return ClosedPosition(instrument.symbol, error.status, msgspec.to_builtins(refusal))
        return ClosedPosition(instrument.symbol, 200, msgspec.to_builtins(order), order.id)

    async def order(self, portfolio_id: int, row_id: int | None, *, is_nested: bool) -> OrderView:
        """An order of the portfolio.

        Raises:
            OrderMissingError: it has none of this id.
        """
        found = None
        if row_id is not None:
            found = await self.store.by_id(portfolio_id, row_id, is_nested=is_nested)
        if found is None:
            raise OrderMissingError("order not found")
        return found

    async def asset(self, market: Market) -> Asset:
        """An instrument as an asset."""
        return shapes.asset(
            market, (await self._asset_names()).get(market.instrument.instrument_id, "")
        )

    async def assets(self) -> list[Asset]:
        """Every instrument, by symbol."""
        names = await self._asset_names()
        found = [
            shapes.asset(market, names.get(number, ""))
            for number, market in self.directory.markets().items()
        ]
        return sorted(found, key=lambda one: one.symbol)

    def _units(self, portfolio_id: int, instrument: Instrument) -> int:
        position = self.reader.portfolio(portfolio_id).positions.get(instrument.instrument_id)
        return 0 if position is None else position.units

    async def _opened(self, portfolio_id: int) -> tuple[str, datetime]:
        known = self._portfolios.get(portfolio_id)
        if known is None:
            row = await self.pool.fetchrow(_PORTFOLIO, portfolio_id)
            assert row is not None, "a portfolio of the engine has a row"
            known = (row["currency"], row["created_at"])
            self._portfolios[portfolio_id] = known
        return known

    async def _asset_names(self) -> dict[int, str]:
        """Names by instrument: asked again when another instrument is listed."""
        count = len(self.directory.markets())
        if count != self._named:
            rows = await self.pool.fetch(_NAMES)
            self._names, self._named = {row["id"]: row["name"] for row in rows}, count
        return self._names


def _share(units: int, percent: Decimal, lot_units: int) -> int:
    """So much of a position, rounded down to whole lots."""
    above, below = percent.as_integer_ratio()
    share = units * above // (below * _HUNDRED)
    share -= share % lot_units
    if share == 0:
        raise OrderError(
            "quantity_not_positive", "This percentage of the position comes to no whole unit."
        )
    return share
