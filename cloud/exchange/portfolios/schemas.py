"""Portfolios as `/api/v1` shows them: money in minor units, prices as text, never floats."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from cloud.exchange.portfolios.equity import Timeframe
from cloud.exchange.portfolios.projection import Method
from trading.orders import MONEY_MAX, QUANTITY_UNITS_MAX

Name = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=64,
        pattern=r"^[^\x00-\x1f\x7f]+$(?!\n)",
        description="Unique for you.",
    ),
]


class PortfolioCreate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Open a portfolio."""

    name: Name


class PortfolioRename(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Give a portfolio another name."""

    name: Name


class Portfolio(msgspec.Struct, frozen=True, kw_only=True):
    """A portfolio; `id` is also the account id of the Alpaca surface.

    is_open: the venue takes orders for it.
    """

    id: UUID
    name: str
    currency: str
    created_at: datetime
    closed_at: datetime | None
    is_open: bool


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """Units of one instrument; negative when short. Averages are of the open units.

    cost_minor: what the open units cost (of a short: brought in), without fees, by average cost.
    held_units: reserved by open orders. value_minor: at `mark_price`, the last trade's.
    """

    instrument_id: UUID
    symbol: str
    units: int
    settled_units: int
    held_units: int
    cost_minor: int
    average_price: str
    mark_price: str
    value_minor: int
    unrealised_minor: int
    realised_minor: int
    realised_fifo_minor: int


class Valuation(msgspec.Struct, frozen=True, kw_only=True):
    """What a portfolio is worth, as of the command `sequence`, all of it committed.

    cash_minor: by trade date; available_minor: what orders may still reserve of it.
    day_profit_minor: since the venue's day began, deposits and transfers apart.
    """

    portfolio_id: UUID
    sequence: int
    as_of: datetime
    currency: str
    cash_minor: int
    settled_cash_minor: int
    held_cash_minor: int
    available_minor: int
    long_value_minor: int
    short_value_minor: int
    equity_minor: int
    fees_minor: int
    realised_minor: int
    unrealised_minor: int
    day_profit_minor: int
    positions: list[Position]


class PositionLot(msgspec.Struct, frozen=True, kw_only=True):
    """Units opened together; oldest first, as first in, first out takes them."""

    units: int
    cost_minor: int
    unrealised_minor: int


class PositionLots(msgspec.Struct, frozen=True, kw_only=True):
    """A position with its lots: profit by average cost and first in, first out side by side."""

    position: Position
    lots: list[PositionLot]
    fifo_cost_minor: int
    unrealised_fifo_minor: int


class HistoryPoint(msgspec.Struct, frozen=True, kw_only=True):
    """A window of the equity curve, by its beginning; a window without one did not change.

    profit_minor: since the base, flows apart. flows_minor: deposits, withdrawals and transfers
    since the portfolio was opened. profit_ppm: of what was at work, in millionths.
    """

    starts_at: datetime
    equity_minor: int
    flows_minor: int
    profit_minor: int
    profit_ppm: int | None


class History(msgspec.Struct, frozen=True, kw_only=True):
    """The equity curve of a portfolio. base_minor: the equity that profits are measured from."""

    portfolio_id: UUID
    timeframe: Timeframe
    base_minor: int
    base_at: datetime | None
    points: list[HistoryPoint]


class ProjectedDay(msgspec.Struct, frozen=True, kw_only=True):
    """So many trading days ahead: a quantile of the equity for each of the `quantiles`."""

    days_ahead: int
    equity_minor: list[int]


class Projection(msgspec.Struct, frozen=True, kw_only=True):
    """An estimate, with how uncertain it is; docs/trading.md has the method.

    drift_ppm, drift_error_ppm, volatility_ppm: a year's, of the logarithm of growth, in
    millionths. Where the error is larger than the drift, even its sign is not known.
    """

    portfolio_id: UUID
    method: Method
    observed_days: int
    equity_minor: int
    quantiles: list[str]
    drift_ppm: int
    drift_error_ppm: int
    volatility_ppm: int
    days: list[ProjectedDay]


class CashMoveCreate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Move settled, free cash to another portfolio of yours."""

    to_portfolio_id: UUID
    amount_minor: Annotated[int, msgspec.Meta(ge=1, le=MONEY_MAX)]


class UnitsMoveCreate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Move settled, free units, oldest lots first, with their cost, to another of yours."""

    to_portfolio_id: UUID
    symbol: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    units: Annotated[int, msgspec.Meta(ge=1, le=QUANTITY_UNITS_MAX)]


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """What was moved between two portfolios of one user. symbol and units: null for cash."""

    id: int
    sequence: int
    at: datetime
    from_portfolio_id: UUID
    to_portfolio_id: UUID
    amount_minor: int | None = None
    symbol: str | None = None
    units: int | None = None
