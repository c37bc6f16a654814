"""Transfers as the API shows them."""

from datetime import datetime
from uuid import UUID

import msgspec

from cloud.exchange.transfers.rules import Direction, State
from cloud.ledger.schemas import AmountMinor


class TransferCreate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Move cash: `in` from the wallet to the portfolio, `out` from there to the wallet."""

    direction: Direction
    amount_minor: AmountMinor


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """A transfer. state: `done`, `refused` and `returned` are final; all else is on the way.

    problem: why it was refused; the money is where it was.
    """

    id: int
    portfolio_id: UUID
    direction: Direction
    amount_minor: int
    currency: str
    state: State
    problem: str
    asked_at: datetime
    ended_at: datetime | None
