"""Assets, the clock and the calendar under /v2."""

from datetime import date, datetime, timedelta
from typing import Annotated, Final

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter

from cloud.exchange.alpaca.access import traders
from cloud.exchange.alpaca.desk import TradingDesk
from cloud.exchange.alpaca.errors import alpaca_problems
from cloud.exchange.alpaca.parameters import instant_of
from cloud.exchange.alpaca.schemas import Asset, CalendarDay, Clock
from cloud.exchange.alpaca.shapes import EXCHANGE_NAME
from cloud.exchange.orders.answers import ASSET_CLASS
from cloud.exchange.orders.errors import MalformedOrderError, OrderError
from cloud.exchange.sessions.calendar import TradingDay

Word = Annotated[str | None, QueryParameter(max_length=64)]
Day = Annotated[str | None, QueryParameter(max_length=64, description="A date.")]

DAYS_DEFAULT: Final = timedelta(days=366)
DAYS_MAX: Final = timedelta(days=3_660)


class MarketController(Controller):
    """What can be traded, and when."""

    path = "/v2"
    tags = ("trading",)
    guards = (traders,)

    @get("/assets", summary="What can be traded")
    async def assets(
        self,
        trading: NamedDependency[TradingDesk],
        status: Word = None,
        asset_class: Word = None,
        exchange: Word = None,
        attributes: Word = None,
    ) -> list[Asset]:
        """Every instrument, by symbol; all are active equities of one exchange."""
        is_other = (
            status not in (None, "", "active", "all")
            or asset_class not in (None, "", ASSET_CLASS)
            or exchange not in (None, "", EXCHANGE_NAME)
            or attributes not in (None, "")
        )
        return [] if is_other else await trading.assets()

    @get("/assets/{symbol_or_asset_id:str}", summary="One instrument")
    async def asset(
        self,
        symbol_or_asset_id: Annotated[
            str, PathParameter(description="Symbol or asset id.", max_length=64)
        ],
        trading: NamedDependency[TradingDesk],
    ) -> Asset:
        """By its symbol or its id."""
        return await trading.asset(trading.directory.find(symbol_or_asset_id))

    @get("/clock", summary="The venue's clock")
    async def clock(self, trading: NamedDependency[TradingDesk]) -> Clock:
        """Whether it is open now by the calendar, and when that changes."""
        now, schedule = trading.clock.now(), trading.schedule

        def local(at: datetime) -> datetime:
            return at.astimezone(schedule.zone)

        return Clock(
            local(now),
            schedule.is_open(now),
            local(schedule.next_open(now)),
            local(schedule.next_close(now)),
        )

    @get("/calendar", summary="Days of trading", responses=alpaca_problems(OrderError))
    async def calendar(
        self, trading: NamedDependency[TradingDesk], start: Day = None, end: Day = None
    ) -> list[CalendarDay]:
        """From start to end, both included; a year around today where they are not given."""
        zone = trading.schedule.zone
        today = trading.clock.now().astimezone(zone).date()
        first = _day_of(start, "start") or min(today, _day_of(end, "end") or today)
        last = _day_of(end, "end") or first + DAYS_DEFAULT
        if not timedelta() <= last - first <= DAYS_MAX:
            raise MalformedOrderError(
                "end_invalid", f"end must not be before start, and at most {DAYS_MAX.days} later."
            )
        return [_shown(trading, day) for day in trading.schedule.days(first, last)]


def _day_of(text: str | None, field: str) -> date | None:
    found = instant_of(text, field)
    return None if found is None else found.date()


def _shown(trading: TradingDesk, day: TradingDay) -> CalendarDay:
    zone = trading.schedule.zone
    opens, closes = day.opens_at.astimezone(zone), day.closes_at.astimezone(zone)
    calls, ends = day.opening_call_at.astimezone(zone), day.closes_at.astimezone(zone)
    return CalendarDay(
        day.day,
        _time(opens, day.day, ":"),
        _time(closes, day.day, ":"),
        _time(calls, day.day, ""),
        _time(ends, day.day, ""),
        day.settles_on,
    )


def _time(at: datetime, day: date, between: str) -> str:
    # A day may end at midnight, which clients cannot read as 24:00.
    return f"23{between}59" if at.date() > day else f"{at:%H}{between}{at:%M}"
