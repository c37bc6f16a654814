"""Watchlists under /v2, by id and by name."""

from typing import Annotated, Any, Final, TypeVar
from uuid import UUID

import asyncpg
import msgspec
from litestar import Controller, Request, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter

from cloud.exchange.alpaca.access import trader_of, traders
from cloud.exchange.alpaca.desk import TradingDesk
from cloud.exchange.alpaca.documented import SymbolOperation, WatchlistOperation
from cloud.exchange.alpaca.errors import alpaca_problems
from cloud.exchange.alpaca.schemas import Watchlist
from cloud.exchange.alpaca.watchlists import SymbolForm, WatchlistForm
from cloud.exchange.orders.errors import MalformedOrderError, OrderError
from cloud.exchange.public_ids import PublicKind, number_of, portfolio_uuid, public_uuid
from cloud.kit.errors import MissingError

AnyRequest = Request[Any, Any, Any]
ListId = Annotated[str, PathParameter(description="The watchlist's id.", max_length=64)]
Symbol = Annotated[str, PathParameter(description="Symbol or asset id.", max_length=64)]
ListName = Annotated[str, QueryParameter(description="The watchlist's name.", max_length=256)]

T = TypeVar("T")

_LISTS: Final = msgspec.json.Decoder(WatchlistForm)
_SYMBOLS: Final = msgspec.json.Decoder(SymbolForm)
_REFUSALS: Final = alpaca_problems(OrderError, MissingError)


class WatchlistsController(Controller):
    """Watchlists of the caller's portfolio."""

    path = "/v2"
    tags = ("trading",)
    guards = (traders,)

    @get("/watchlists", summary="My watchlists")
    async def watchlists(
        self, request: AnyRequest, trading: NamedDependency[TradingDesk]
    ) -> list[Watchlist]:
        """All of them, without their instruments."""
        rows = await trading.watchlists.find_all(trader_of(request).portfolio_id)
        return [_shape(row) for row in rows]

    @post(
        "/watchlists",
        status_code=200,
        summary="Make a watchlist",
        operation_class=WatchlistOperation,
        responses=_REFUSALS,
    )
    async def create(self, request: AnyRequest, trading: NamedDependency[TradingDesk]) -> Watchlist:
        """With these instruments, or none yet."""
        form = await _form(request, _LISTS)
        row = await trading.watchlists.create(trader_of(request).portfolio_id, form)
        return await _with_assets(trading, row)

    @get("/watchlists/{watchlist_id:str}", summary="A watchlist", responses=_REFUSALS)
    async def watchlist(
        self, watchlist_id: ListId, request: AnyRequest, trading: NamedDependency[TradingDesk]
    ) -> Watchlist:
        """With its instruments."""
        portfolio_id, number = trader_of(request).portfolio_id, _number(watchlist_id)
        return await _with_assets(trading, await trading.watchlists.by_id(portfolio_id, number))

    @put(
        "/watchlists/{watchlist_id:str}",
        summary="Change a watchlist",
        operation_class=WatchlistOperation,
        responses=_REFUSALS,
    )
    async def update(
        self, watchlist_id: ListId, request: AnyRequest, trading: NamedDependency[TradingDesk]
    ) -> Watchlist:
        """Another name, other instruments, or both."""
        portfolio_id, number = trader_of(request).portfolio_id, _number(watchlist_id)
        form = await _form(request, _LISTS)
        return await _with_assets(
            trading, await trading.watchlists.update(portfolio_id, number, form)
        )

    @post(
        "/watchlists/{watchlist_id:str}",
        status_code=200,
        summary="Add an instrument to a watchlist",
        operation_class=SymbolOperation,
        responses=_REFUSALS,
    )
    async def add(
        self, watchlist_id: ListId, request: AnyRequest, trading: NamedDependency[TradingDesk]
    ) -> Watchlist:
        """At its end."""
        portfolio_id, number = trader_of(request).portfolio_id, _number(watchlist_id)
        form = await _form(request, _SYMBOLS)
        return await _with_assets(
            trading, await trading.watchlists.add(portfolio_id, number, form.symbol)
        )

    @delete("/watchlists/{watchlist_id:str}", summary="Delete a watchlist", responses=_REFUSALS)
    async def remove(
        self, watchlist_id: ListId, request: AnyRequest, trading: NamedDependency[TradingDesk]
    ) -> None:
        """For good."""
        await trading.watchlists.delete(trader_of(request).portfolio_id, _number(watchlist_id))

    @delete(
        "/watchlists/{watchlist_id:str}/{symbol:str}",
        status_code=200,
        summary="Take an instrument out of a watchlist",
        responses=_REFUSALS,
    )
    async def remove_asset(
        self,
        watchlist_id: ListId,
        symbol: Symbol,
        request: AnyRequest,
        trading: NamedDependency[TradingDesk],
    ) -> Watchlist:
        """The others stay in their order."""
        portfolio_id, number = trader_of(request).portfolio_id, _number(watchlist_id)
        return await _with_assets(
            trading, await trading.watchlists.remove(portfolio_id, number, symbol)
        )

    @get("/watchlists:by_name", summary="A watchlist by its name", responses=_REFUSALS)
    async def by_name(
        self, request: AnyRequest, trading: NamedDependency[TradingDesk], name: ListName
    ) -> Watchlist:
        """With its instruments."""
        row = await trading.watchlists.by_name(trader_of(request).portfolio_id, name)
        return await _with_assets(trading, row)

    @put(
        "/watchlists:by_name",
        summary="Change a watchlist by its name",
        operation_class=WatchlistOperation,
        responses=_REFUSALS,
    )
    async def update_by_name(
        self, request: AnyRequest, trading: NamedDependency[TradingDesk], name: ListName
    ) -> Watchlist:
        """Another name, other instruments, or both."""
        portfolio_id = trader_of(request).portfolio_id
        form = await _form(request, _LISTS)
        row = await trading.watchlists.by_name(portfolio_id, name)
        changed = await trading.watchlists.update(portfolio_id, row["id"], form)
        return await _with_assets(trading, changed)

    @post(
        "/watchlists:by_name",
        status_code=200,
        summary="Add an instrument to a watchlist by its name",
        operation_class=SymbolOperation,
        responses=_REFUSALS,
    )
    async def add_by_name(
        self, request: AnyRequest, trading: NamedDependency[TradingDesk], name: ListName
    ) -> Watchlist:
        """At its end."""
        portfolio_id = trader_of(request).portfolio_id
        form = await _form(request, _SYMBOLS)
        row = await trading.watchlists.by_name(portfolio_id, name)
        changed = await trading.watchlists.add(portfolio_id, row["id"], form.symbol)
        return await _with_assets(trading, changed)

    @delete("/watchlists:by_name", summary="Delete a watchlist by its name", responses=_REFUSALS)
    async def remove_by_name(
        self, request: AnyRequest, trading: NamedDependency[TradingDesk], name: ListName
    ) -> None:
        """For good."""
        portfolio_id = trader_of(request).portfolio_id
        row = await trading.watchlists.by_name(portfolio_id, name)
        await trading.watchlists.delete(portfolio_id, row["id"])


async def _form(request: AnyRequest, decoder: msgspec.json.Decoder[T]) -> T:
    body = await request.body()
    try:
        return decoder.decode(body)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise MalformedOrderError("field_invalid", f"{error}.") from error


def _number(text: str) -> int:
    try:
        number = number_of(PublicKind.WATCHLIST, UUID(text))
    except ValueError as error:
        raise MalformedOrderError("watchlist_id_invalid", "watchlist_id must be a UUID.") from error
    if number is None:
        raise MissingError("watchlist not found")
    return number


def _shape(row: asyncpg.Record) -> Watchlist:
    return Watchlist(
        id=public_uuid(PublicKind.WATCHLIST, row["id"]),
        account_id=portfolio_uuid(row["portfolio_id"]),
        name=row["name"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


async def _with_assets(trading: TradingDesk, row: asyncpg.Record) -> Watchlist:
    markets = (trading.directory.by_id(one) for one in row["instrument_ids"])
    assets = [await trading.asset(market) for market in markets if market is not None]
    return msgspec.structs.replace(_shape(row), assets=assets)
