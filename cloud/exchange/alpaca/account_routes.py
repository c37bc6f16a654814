"""The account, its settings, its activities and its equity curve under /v2."""

from datetime import timedelta
from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Controller, Request, get, patch
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter

from cloud.exchange.alpaca import shapes
from cloud.exchange.alpaca.access import trader_of, traders
from cloud.exchange.alpaca.activities import PAGE_MAX, ActivityFilter
from cloud.exchange.alpaca.desk import TradingDesk
from cloud.exchange.alpaca.documented import SettingsOperation
from cloud.exchange.alpaca.errors import alpaca_problems
from cloud.exchange.alpaca.history import PortfolioHistory, portfolio_history, span_of
from cloud.exchange.alpaca.parameters import instant_of, symbols_of
from cloud.exchange.alpaca.schemas import Account, AccountConfigurations, Activity
from cloud.exchange.alpaca.settings import SettingsForm
from cloud.exchange.orders.errors import MalformedOrderError, OrderError

AnyRequest = Request[Any, Any, Any]
Instant = Annotated[str | None, QueryParameter(max_length=64, description="RFC 3339, or a date.")]
Word = Annotated[str | None, QueryParameter(max_length=32)]
Types = Annotated[str | None, QueryParameter(max_length=512, description="Comma-separated.")]
PageSize = Annotated[int, QueryParameter(ge=1, le=PAGE_MAX)]
Direction = Annotated[Literal["asc", "desc"], QueryParameter(description="Newest first.")]
PageToken = Annotated[str | None, QueryParameter(max_length=128, description="The last item's id.")]

_SETTINGS: Final = msgspec.json.Decoder(SettingsForm)


class AccountController(Controller):
    """The caller's portfolio as an account."""

    path = "/v2/account"
    tags = ("trading",)
    guards = (traders,)

    @get("/", summary="My trading account")
    async def account(self, request: AnyRequest, trading: NamedDependency[TradingDesk]) -> Account:
        """Cash, buying power and values at the last trades."""
        return await trading.account(trader_of(request).portfolio_id)

    @get("/configurations", summary="My trading settings")
    async def configurations(
        self, request: AnyRequest, trading: NamedDependency[TradingDesk]
    ) -> AccountConfigurations:
        """What the owner has chosen, and what is fixed here."""
        return shapes.configurations(await trading.settings.read(trader_of(request).portfolio_id))

    @patch(
        "/configurations",
        summary="Change my trading settings",
        operation_class=SettingsOperation,
        responses=alpaca_problems(OrderError),
    )
    async def change_configurations(
        self, request: AnyRequest, trading: NamedDependency[TradingDesk]
    ) -> AccountConfigurations:
        """Takes effect with the next order."""
        body = await request.body()
        try:
            form = _SETTINGS.decode(body)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise MalformedOrderError("field_invalid", f"{error}.") from error
        changed = await trading.settings.change(trader_of(request).portfolio_id, form)
        return shapes.configurations(changed)

    @get("/portfolio/history", summary="My equity curve", responses=alpaca_problems(OrderError))
    async def history(
        self,
        request: AnyRequest,
        trading: NamedDependency[TradingDesk],
        period: Word = None,
        timeframe: Word = None,
        start: Instant = None,
        end: Instant = None,
        date_end: Instant = None,
    ) -> PortfolioHistory:
        """A month up to now unless asked otherwise; windows without a change are absent."""
        ends_at = instant_of(end, "end")
        if ends_at is None and (day := instant_of(date_end, "date_end")) is not None:
            ends_at = day + timedelta(days=1)
        span = span_of(
            trading.clock.now(),
            period=period,
            timeframe=timeframe,
            start=instant_of(start, "start"),
            end=ends_at,
        )
        curve = await trading.reader.curve(
            trader_of(request).portfolio_id, span.timeframe, span.starts_at, span.ends_at
        )
        return portfolio_history(curve, span.timeframe)

    @get("/activities", summary="What happened", responses=alpaca_problems(OrderError))
    async def activities(
        self,
        request: AnyRequest,
        trading: NamedDependency[TradingDesk],
        activity_types: Types = None,
        date: Instant = None,
        after: Instant = None,
        until: Instant = None,
        direction: Direction = "desc",
        page_size: PageSize = PAGE_MAX,
        page_token: PageToken = None,
    ) -> list[Activity]:
        """Fills, deposits, withdrawals, dividends and more; the next page begins after a token."""
        types = symbols_of(activity_types)
        since, before = instant_of(after, "after"), instant_of(until, "until")
        if (day := instant_of(date, "date")) is not None:
            since, before = day - timedelta(microseconds=1), day + timedelta(days=1)
        wanted = ActivityFilter(
            None if types is None else frozenset(types),
            since,
            before,
            direction == "asc",
            page_size,
            page_token,
        )
        return await trading.activities.find(trader_of(request).portfolio_id, wanted)

    @get(
        "/activities/{activity_type:str}",
        summary="What happened, of one type",
        responses=alpaca_problems(OrderError),
    )
    async def activities_of_type(
        self,
        activity_type: Annotated[str, PathParameter(description="FILL, DIV...", max_length=16)],
        request: AnyRequest,
        trading: NamedDependency[TradingDesk],
        date: Instant = None,
        after: Instant = None,
        until: Instant = None,
        direction: Direction = "desc",
        page_size: PageSize = PAGE_MAX,
        page_token: PageToken = None,
    ) -> list[Activity]:
        """As the list of all types."""
        since, before = instant_of(after, "after"), instant_of(until, "until")
        if (day := instant_of(date, "date")) is not None:
            since, before = day - timedelta(microseconds=1), day + timedelta(days=1)
        wanted = ActivityFilter(
            frozenset({activity_type}), since, before, direction == "asc", page_size, page_token
        )
        return await trading.activities.find(trader_of(request).portfolio_id, wanted)
