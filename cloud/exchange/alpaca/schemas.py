"""The answers under /v2 in Alpaca's shapes; amounts and prices are text, never floats.

Fields that Alpaca has and this venue has no meaning for carry what is true here: no margin, no
options, no fractions. Our additions stand last in each struct.
"""

import datetime as dt
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from cloud.exchange.orders.answers import Order


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """The portfolio as a trading account.

    Additions: settled_cash may be withdrawn; held_cash is reserved by open orders; fees and
    realized_pl are since the portfolio was opened; seq: the command that changed it last.
    """

    id: UUID
    account_number: str
    status: str
    currency: str
    buying_power: str
    regt_buying_power: str
    daytrading_buying_power: str
    options_buying_power: str
    non_marginable_buying_power: str
    cash: str
    accrued_fees: str
    pending_transfer_in: str
    pending_transfer_out: str
    portfolio_value: str
    pattern_day_trader: bool
    trading_blocked: bool
    transfers_blocked: bool
    account_blocked: bool
    created_at: datetime
    trade_suspended_by_user: bool
    multiplier: str
    shorting_enabled: bool
    equity: str
    last_equity: str
    long_market_value: str
    short_market_value: str
    position_market_value: str
    initial_margin: str
    maintenance_margin: str
    last_maintenance_margin: str
    sma: str
    daytrade_count: int
    settled_cash: str
    held_cash: str
    fees: str
    realized_pl: str
    seq: int


class AccountConfigurations(msgspec.Struct, frozen=True, kw_only=True):
    """What the owner has chosen. Only suspend_trade, no_shorting and trade_confirm_email change."""

    dtbp_check: str
    fractional_trading: bool
    max_margin_multiplier: str
    max_options_trading_level: int
    no_shorting: bool
    pdt_check: str
    ptp_no_exception_entry: bool
    suspend_trade: bool
    trade_confirm_email: str


class Asset(msgspec.Struct, frozen=True, kw_only=True, rename={"asset_class": "class"}):
    """An instrument. Additions: phase is what its market does now; tick_table says at which prices
    [from, step] prices must be multiples of which step; settle_days: 0 or 1."""

    id: UUID
    asset_class: str
    exchange: str
    symbol: str
    name: str
    status: str
    tradable: bool
    marginable: bool
    maintenance_margin_requirement: int
    shortable: bool
    easy_to_borrow: bool
    fractionable: bool
    attributes: list[str]
    min_order_size: str
    min_trade_increment: str
    price_increment: str
    phase: str
    tick_table: list[list[str]]
    settle_days: int


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """Units of one instrument; qty, market_value and cost_basis are negative when short.

    Additions: settled_qty; realized_pl since the portfolio was opened; seq.
    """

    asset_id: UUID
    symbol: str
    exchange: str
    asset_class: str
    asset_marginable: bool
    avg_entry_price: str
    qty: str
    qty_available: str
    side: str
    market_value: str
    cost_basis: str
    unrealized_pl: str
    unrealized_plpc: str
    unrealized_intraday_pl: str
    unrealized_intraday_plpc: str
    current_price: str
    lastday_price: str
    change_today: str
    settled_qty: str
    realized_pl: str
    seq: int


class CancelledOrder(msgspec.Struct, frozen=True):
    """What became of one order when all were cancelled."""

    id: UUID
    status: int
    body: Order | None = None


class ClosedPosition(msgspec.Struct, frozen=True):
    """What became of one position when all were closed.

    body: the fields of the order, as of `Order`; where there is none, those of `CloseRefusal`.
    """

    symbol: str
    status: int
    body: dict[str, Any]
    order_id: UUID | None = None


class CloseRefusal(msgspec.Struct, frozen=True):
    """Why a position could not be closed."""

    code: int
    message: str
    symbol: str
    existing_qty: str
    held_for_orders: str
    available: str


class Clock(msgspec.Struct, frozen=True):
    """The venue's time, and when it opens and closes next."""

    timestamp: datetime
    is_open: bool
    next_open: datetime
    next_close: datetime


class CalendarDay(msgspec.Struct, frozen=True):
    """A day of trading; times are HH:MM of the venue's zone, session times HHMM."""

    date: dt.date
    open: str
    close: str
    session_open: str
    session_close: str
    settlement_date: dt.date


class Watchlist(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A named list of instruments; `assets` is absent in the list of all watchlists."""

    id: UUID
    account_id: UUID
    name: str
    created_at: datetime
    updated_at: datetime
    assets: list[Asset] | None = None


class Activity(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A fill, or what moved cash or units without one; which fields are there tells the type."""

    id: str
    account_id: UUID
    activity_type: str
    transaction_time: datetime | None = None
    type: str | None = None
    price: str | None = None
    qty: str | None = None
    side: str | None = None
    symbol: str | None = None
    leaves_qty: str | None = None
    order_id: UUID | None = None
    cum_qty: str | None = None
    order_status: str | None = None
    fee: str | None = None
    date: dt.date | None = None
    net_amount: str | None = None
    description: str | None = None
    status: str | None = None
    per_share_amount: str | None = None
    seq: int | None = None
