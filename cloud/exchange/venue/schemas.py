"""Instruments, acts and kill switches as the API shows and takes them; prices are decimal text."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from trading.bounds import FEE_RATE_MAX

Reason = Annotated[
    str,
    msgspec.Meta(
        min_length=3,
        max_length=200,
        # Control characters cannot be stored, and a kill switch is turned before it is stored.
        pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)",
        description="Why, in one line; kept in the audit trail.",
    ),
]
Price = Annotated[Decimal, msgspec.Meta(description='Decimal text, such as "150.25".')]
PhaseWord = Literal[
    "closed", "opening_call", "continuous", "volatility_call", "closing_call", "halted"
]
FeeRate = Annotated[
    int,
    msgspec.Meta(
        ge=-FEE_RATE_MAX,
        le=FEE_RATE_MAX,
        description="1/100 of a basis point; negative: rebate.",
    ),
]
Bps = Annotated[int, msgspec.Meta(ge=0, le=9_999, description="Basis points.")]


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """An instrument.

    lower_price, upper_price: limit down and limit up; null: none.
    halt_reason: while it is halted by hand.
    seq: the command that changed it last.
    """

    id: UUID
    symbol: str
    name: str
    phase: str
    reference_price: str
    lower_price: str | None
    upper_price: str | None
    lot_units: int
    maker_fee_rate: int
    taker_fee_rate: int
    settle_days: int
    protection_bps: int
    band_bps: int
    volatility_bps: int
    is_shortable: bool
    halt_reason: str | None
    seq: int


class Listing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of what can be chosen of an equity; sent again unchanged, nothing happens.

    reference_price: what protections are measured from until there was a trade.
    settle_days: 0 or 1. protection_bps: how far a market order may trade from the last price.
    band_bps: limit up and down at each open; 0: none. volatility_bps: a trade this far from the
    last one calls an auction instead; 0: never.
    """

    reference_price: Price
    reason: Reason
    name: Annotated[str, msgspec.Meta(max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)")] = ""
    lot_units: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    maker_fee_rate: FeeRate = 0
    taker_fee_rate: FeeRate = 0
    settle_days: Annotated[int, msgspec.Meta(ge=0, le=1)] = 1
    protection_bps: Annotated[int, msgspec.Meta(ge=1, le=9_999)] = 1_000
    band_bps: Bps = 0
    volatility_bps: Bps = 0
    is_shortable: bool = True


class PhaseChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Move to a phase; leaving a call holds its auction."""

    phase: PhaseWord
    reason: Reason


class Halt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Stop trading; orders stay, and can be cancelled."""

    reason: Reason


class Resume(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """End a halt: mostly by a call, whose auction finds the new price."""

    reason: Reason
    phase: Literal["volatility_call", "closing_call", "closed"] = "volatility_call"


class Bands(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limit down and limit up until the next open; null: no bound."""

    reason: Reason
    lower_price: Price | None = None
    upper_price: Price | None = None


class Split(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`numerator` new units for `denominator` old ones; open orders are cancelled."""

    numerator: Annotated[int, msgspec.Meta(ge=1, le=10_000)]
    denominator: Annotated[int, msgspec.Meta(ge=1, le=10_000)]
    effective_on: date
    reason: Reason


class Dividend(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Cash for each unit held now, in whole currency; short positions pay it."""

    amount: Annotated[Decimal, msgspec.Meta(description='For one unit: "0.24".')]
    effective_on: date
    reason: Reason


class KillSwitchEdit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """On: cancel all orders of the scope at once and refuse new ones until it is off."""

    is_on: bool
    reason: Reason


class KillSwitch(msgspec.Struct, frozen=True, kw_only=True):
    """A kill switch. account_id: the trading account's number; 0 is the whole venue.

    is_held: the venue switched it on, so its trader cannot switch it off.
    cancelled_orders: by this request; seq: the command that set it last.
    """

    account_id: int
    is_on: bool
    is_held: bool
    seq: int
    cancelled_orders: int = 0


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """One act on the venue. state: asked, done or refused; seq: its command's number."""

    id: UUID
    asked_at: datetime
    actor: UUID | None
    kind: str
    symbol: str | None
    account_id: int | None
    portfolio_id: UUID | None
    reason: str
    details: dict[str, str | int | bool | None]
    effective_on: date | None
    state: str
    seq: int | None
    refusal: str | None
