"""Risk limits and violations as the API shows and takes them."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from cloud.exchange.venue.schemas import Reason
from trading.orders import MONEY_MAX, QUANTITY_UNITS_MAX

Units = Annotated[int, msgspec.Meta(ge=0, le=QUANTITY_UNITS_MAX)]
Cents = Annotated[int, msgspec.Meta(ge=0, le=MONEY_MAX)]
Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
Bps = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
DAY_MS = 86_400_000


class RiskLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What a portfolio may do; 0 means no limit.

    max_daily_loss_cents: against the equity at the start of the day, without what moved in or out.
    collar_bps: how far beyond the last price (a buy above, a sell below) a limit price may be.
    max_messages: placing, replacing and cancelling, in each window_ms.
    duplicate_ms: the same order again within this time is refused.
    short_margin_bps: cash reserved beside the proceeds of a short sale.
    """

    max_order_units: int
    max_order_notional_cents: int
    max_position_units: int
    max_daily_loss_cents: int
    collar_bps: int
    max_messages: int
    window_ms: int
    duplicate_ms: int
    max_open_orders: int
    may_short: bool
    short_margin_bps: int


class PortfolioLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits in force. is_default: the portfolio has none of its own.

    portfolio_id: null: of all that have none of their own. seq: the command that set them, 0: none.
    """

    portfolio_id: UUID | None
    is_default: bool
    limits: RiskLimits
    seq: int


class LimitsEdit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """New figures; what is left out stays as it is. See RiskLimits."""

    reason: Reason
    max_order_units: Units | msgspec.UnsetType = msgspec.UNSET
    max_order_notional_cents: Cents | msgspec.UnsetType = msgspec.UNSET
    max_position_units: Units | msgspec.UnsetType = msgspec.UNSET
    max_daily_loss_cents: Cents | msgspec.UnsetType = msgspec.UNSET
    collar_bps: Bps | msgspec.UnsetType = msgspec.UNSET
    max_messages: Count | msgspec.UnsetType = msgspec.UNSET
    window_ms: Annotated[int, msgspec.Meta(ge=1, le=DAY_MS)] | msgspec.UnsetType = msgspec.UNSET
    duplicate_ms: Annotated[int, msgspec.Meta(ge=0, le=DAY_MS)] | msgspec.UnsetType = msgspec.UNSET
    max_open_orders: Count | msgspec.UnsetType = msgspec.UNSET
    may_short: bool | msgspec.UnsetType = msgspec.UNSET
    short_margin_bps: Bps | msgspec.UnsetType = msgspec.UNSET


class Violation(msgspec.Struct, frozen=True, kw_only=True):
    """An order, or the change of one, that risk refused.

    id: its command's number and its place in it. reason: the refusal's code.
    orders: the terms that were asked for; a group has several.
    """

    id: str
    at: datetime
    portfolio_id: UUID
    symbol: str
    reason: str
    sentence: str
    orders: list["RefusedTerms"]


class RefusedTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for. Prices are decimal text; null where the order has none.

    order_id: of a change, the order that was to be changed.
    """

    side: str | None
    order_type: str | None
    time_in_force: str | None
    quantity_units: int | None
    limit_price: str | None
    stop_price: str | None
    order_id: UUID | None = None


class ViolationNotice(msgspec.Struct, frozen=True, kw_only=True):
    """What traders and compliance hear.

    more: violations of that portfolio and reason since the last notice that are only in the list.
    """

    violation: Violation
    more: int
