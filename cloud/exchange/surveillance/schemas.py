"""Cases, findings and reviews as compliance sees them."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec

CaseState = Literal["open", "dismissed", "escalated"]
PatternWord = Literal["wash_trade", "layering", "momentum_ignition"]


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A suspicion to review. Findings about the same party, rule and instrument join an open one.

    accounts: trading accounts, one or two; users: their owners, in the same order.
    sentence: what the newest finding says.
    """

    id: UUID
    pattern: str
    rule: str
    accounts: list[int]
    users: list[UUID | None]
    symbol: str
    state: str
    first_at: datetime
    last_at: datetime
    findings: int
    sentence: str
    decided_at: datetime | None
    decided_by: UUID | None


class CaseFinding(msgspec.Struct, frozen=True, kw_only=True):
    """One finding. seq: the command that completed the pattern; trades and orders: evidence."""

    seq: int
    first_at: datetime
    at: datetime
    sentence: str
    trades: list[UUID]
    orders: list[UUID]
    figures: dict[str, int]


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """What a reviewer wrote; state: of the case from then on."""

    at: datetime
    actor: UUID
    state: str
    note: str


class CaseDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A case with its newest hundred findings and all reviews, oldest first."""

    case: Case
    findings: list[CaseFinding]
    reviews: list[Review]


class ReviewCreate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A note, and with a state a decision."""

    note: Annotated[str, msgspec.Meta(min_length=3, max_length=2_000, pattern=r"^[^\x00]*$(?!\n)")]
    state: CaseState | None = None
