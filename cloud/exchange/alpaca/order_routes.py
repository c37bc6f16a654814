"""Orders under /v2. Bodies are read from their raw text, so that no number becomes a float."""

from typing import Annotated, Any, Literal

from litestar import Controller, Request, delete, get, patch
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter

from cloud.exchange.alpaca.access import trader_of, traders
from cloud.exchange.alpaca.desk import TRADING_DESK_STATE, TradingDesk
from cloud.exchange.alpaca.documented import OrderOperation, ReplaceOperation
from cloud.exchange.alpaca.errors import alpaca_problems
from cloud.exchange.alpaca.parameters import instant_of, order_row_of, symbols_of
from cloud.exchange.alpaca.quick_route import QuickHandler, QuickRequest
from cloud.exchange.alpaca.schemas import CancelledOrder
from cloud.exchange.orders.answers import Order
from cloud.exchange.orders.errors import (
    NotCancelableError,
    OrderError,
    OrderMissingError,
    OrderRateError,
    OrderRefusedError,
)
from cloud.exchange.orders.forms import read_order, read_replacement
from cloud.exchange.orders.store import LIMIT_DEFAULT, LIMIT_MAX, OrderFilter
from cloud.exchange.orders.words import SIDES
from cloud.exchange.public_ids import order_uuid

OrderId = Annotated[str, PathParameter(description="The order's id.", max_length=64)]
Nested = Annotated[bool, QueryParameter(description="Legs under `legs` of their first order.")]
AnyRequest = Request[Any, Any, Any]


class OrdersController(Controller):
    """Orders of the caller's portfolio."""

    path = "/v2"
    tags = ("trading",)
    guards = (traders,)

    @QuickHandler(
        "/orders",
        http_method="POST",
        status_code=200,
        summary="Place an order",
        operation_class=OrderOperation,
        request_class=QuickRequest,
        responses=alpaca_problems(OrderError, OrderRefusedError, OrderRateError),
    )
    async def place(self, request: AnyRequest) -> Order:
        """Durable when it is answered. The same client_order_id again gives the same order."""
        # Not a dependency: resolving even one takes longer than reading and checking the order.
        trading: TradingDesk = request.app.state[TRADING_DESK_STATE]
        form = read_order(await request.body())
        return await trading.place(trader_of(request).portfolio_id, form)

    @get("/orders", summary="List orders", responses=alpaca_problems(OrderError))
    async def list_orders(
        self,
        request: AnyRequest,
        trading: NamedDependency[TradingDesk],
        status: Annotated[
            Literal["open", "closed", "all"], QueryParameter(description="Live ones, ended, both.")
        ] = "open",
        limit: Annotated[int, QueryParameter(ge=1, le=LIMIT_MAX)] = LIMIT_DEFAULT,
        after: Annotated[
            str | None, QueryParameter(max_length=64, description="Submitted after.")
        ] = None,
        until: Annotated[
            str | None, QueryParameter(max_length=64, description="Submitted before.")
        ] = None,
        direction: Annotated[
            Literal["asc", "desc"], QueryParameter(description="By submission; newest first.")
        ] = "desc",
        nested: Nested = False,
        symbols: Annotated[
            str | None, QueryParameter(max_length=4_096, description="Comma-separated.")
        ] = None,
        side: Annotated[
            Literal["buy", "sell"] | None, QueryParameter(description="One side only.")
        ] = None,
    ) -> list[Order]:
        """Committed orders that fit, replaced ones among the closed."""
        wanted = OrderFilter(
            status=status,
            limit=limit,
            after=instant_of(after, "after"),
            until=instant_of(until, "until"),
            is_ascending=direction == "asc",
            is_nested=nested,
            instruments=_instruments(trading, symbols),
            side=0 if side is None else SIDES[side],
        )
        found = await trading.orders.find(trader_of(request).portfolio_id, wanted)
        return [trading.show(view) for view in found]

    @delete("/orders", status_code=207, summary="Cancel all orders")
    async def cancel_all(
        self, request: AnyRequest, trading: NamedDependency[TradingDesk]
    ) -> list[CancelledOrder]:
        """All in one step: no other order comes between them."""
        ended = await trading.orders.cancel_all(trader_of(request).portfolio_id)
        return [CancelledOrder(order_uuid(view.id), 200, trading.show(view)) for view in ended]

    @get(
        "/orders:by_client_order_id",
        summary="An order by the trader's own id",
        responses=alpaca_problems(OrderMissingError),
    )
    async def by_client_order_id(
        self,
        request: AnyRequest,
        trading: NamedDependency[TradingDesk],
        client_order_id: Annotated[str, QueryParameter(max_length=128)],
    ) -> Order:
        """With its legs."""
        portfolio_id = trader_of(request).portfolio_id
        found = await trading.store.by_client_order_id(portfolio_id, client_order_id)
        if found is None:
            raise OrderMissingError(f"order not found for {client_order_id[:128]}")
        return trading.show(found)

    @get("/orders/{order_id:str}", summary="An order", responses=alpaca_problems(OrderError))
    async def order(
        self,
        order_id: OrderId,
        request: AnyRequest,
        trading: NamedDependency[TradingDesk],
        nested: Nested = False,
    ) -> Order:
        """As it stands, or stood when another replaced it."""
        portfolio_id, row_id = trader_of(request).portfolio_id, order_row_of(order_id)
        return trading.show(await trading.order(portfolio_id, row_id, is_nested=nested))

    @patch(
        "/orders/{order_id:str}",
        summary="Replace an order",
        operation_class=ReplaceOperation,
        responses=alpaca_problems(OrderError, OrderRefusedError, OrderRateError),
    )
    async def replace(
        self, order_id: OrderId, request: AnyRequest, trading: NamedDependency[TradingDesk]
    ) -> Order:
        """Gives the order that goes on, with a new id; a new price or more units cost its place."""
        portfolio_id, row_id = trader_of(request).portfolio_id, order_row_of(order_id)
        form = read_replacement(await request.body())
        if row_id is None:
            raise OrderMissingError("order not found")
        return trading.show(await trading.orders.replace(portfolio_id, row_id, form))

    @delete(
        "/orders/{order_id:str}",
        summary="Cancel an order",
        responses=alpaca_problems(NotCancelableError, OrderRateError),
    )
    async def cancel(
        self, order_id: OrderId, request: AnyRequest, trading: NamedDependency[TradingDesk]
    ) -> None:
        """Cancelled when it is answered: there is no pending state."""
        portfolio_id, row_id = trader_of(request).portfolio_id, order_row_of(order_id)
        if row_id is None:
            raise OrderMissingError("order not found")
        await trading.orders.cancel(portfolio_id, row_id)


def _instruments(trading: TradingDesk, symbols: str | None) -> tuple[int, ...] | None:
    """The instruments of these symbols; unknown ones have no orders."""
    wanted = symbols_of(symbols)
    if wanted is None:
        return None
    found = (trading.directory.by_symbol(symbol) for symbol in wanted)
    return tuple(market.instrument.instrument_id for market in found if market is not None)
