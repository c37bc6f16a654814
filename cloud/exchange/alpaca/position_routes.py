"""Positions under /v2: look at them, close them."""

from typing import Annotated, Any

from litestar import Controller, Request, delete, get
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter

from cloud.exchange.alpaca.access import trader_of, traders
from cloud.exchange.alpaca.desk import TradingDesk
from cloud.exchange.alpaca.errors import alpaca_problems
from cloud.exchange.alpaca.parameters import percent_of
from cloud.exchange.alpaca.schemas import ClosedPosition, Position
from cloud.exchange.orders.answers import Order
from cloud.exchange.orders.errors import (
    MalformedOrderError,
    OrderError,
    OrderRateError,
    OrderRefusedError,
)
from cloud.exchange.orders.numbers import number_in, units_of

AnyRequest = Request[Any, Any, Any]
SymbolOrId = Annotated[str, PathParameter(description="Symbol or asset id.", max_length=64)]
Number = Annotated[str | None, QueryParameter(max_length=80)]


class PositionsController(Controller):
    """Positions of the caller's portfolio."""

    path = "/v2/positions"
    tags = ("trading",)
    guards = (traders,)

    @get("/", summary="My positions")
    async def positions(
        self, request: AnyRequest, trading: NamedDependency[TradingDesk]
    ) -> list[Position]:
        """The open ones, by symbol, at the last trades."""
        return await trading.positions(trader_of(request).portfolio_id)

    @delete("/", status_code=207, summary="Close all positions")
    async def close_all(
        self,
        request: AnyRequest,
        trading: NamedDependency[TradingDesk],
        cancel_orders: Annotated[
            bool, QueryParameter(description="All open orders first.")
        ] = False,
    ) -> list[ClosedPosition]:
        """A market order for each; why there is none where one was refused."""
        portfolio_id = trader_of(request).portfolio_id
        return await trading.close_all(portfolio_id, cancels=cancel_orders)

    @get("/{symbol_or_asset_id:str}", summary="A position")
    async def position(
        self,
        symbol_or_asset_id: SymbolOrId,
        request: AnyRequest,
        trading: NamedDependency[TradingDesk],
    ) -> Position:
        """An open one."""
        return await trading.position(trader_of(request).portfolio_id, symbol_or_asset_id)

    @delete(
        "/{symbol_or_asset_id:str}",
        status_code=200,
        summary="Close a position",
        responses=alpaca_problems(OrderError, OrderRefusedError, OrderRateError),
    )
    async def close(
        self,
        symbol_or_asset_id: SymbolOrId,
        request: AnyRequest,
        trading: NamedDependency[TradingDesk],
        qty: Number = None,
        percentage: Number = None,
    ) -> Order:
        """A market order for all of it, for qty units, or for a percentage of it, rounded down."""
        if qty is not None and percentage is not None:
            raise MalformedOrderError(
                "quantity_invalid", "Send qty or percentage, not both; neither closes all of it."
            )
        units = percent = None
        if qty is not None:
            units = units_of(number_in(qty, "qty"), "qty")
        if percentage is not None:
            percent = percent_of(number_in(percentage, "percentage"))
        return await trading.close(
            trader_of(request).portfolio_id, symbol_or_asset_id, units=units, percent=percent
        )
