"""Wallets and statements as the API shows them."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from cloud.kit.patterns import END
from cloud.ledger.rules import AMOUNT_MINOR_MAX

Currency = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{3}" + END, description="ISO 4217.")]
AmountMinor = Annotated[
    int, msgspec.Meta(ge=1, le=AMOUNT_MINOR_MAX, description="Minor units: cents for EUR.")
]


class Wallet(msgspec.Struct, frozen=True, kw_only=True):
    """A user's money in one currency, in minor units.

    held_minor: set aside for bookings; not part of available_minor.
    owed_minor: debts; zero or more.
    """

    currency: str
    available_minor: int
    held_minor: int
    owed_minor: int


class StatementLine(msgspec.Struct, frozen=True, kw_only=True):
    """One transaction as the user sees it: what it changed in minor units.

    available_after_minor: the wallet's balance right after; null when the wallet was not touched.
    """

    id: UUID
    at: datetime
    kind: str
    memo: str
    reference: str
    currency: str
    available_minor: int
    held_minor: int
    owed_minor: int
    available_after_minor: int | None


class TopUp(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Put money into one's own wallet.

    provider: how to pay; GET /api/v1/wallet/providers names the ways.
    card: what the provider asks for; the demo card takes `4242` and declines `0000`.
    """

    amount_minor: AmountMinor
    currency: Currency
    provider: Annotated[str, msgspec.Meta(max_length=32)]
    card: Annotated[str, msgspec.Meta(min_length=4, max_length=64)]


class Credit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Put money into somebody's wallet on behalf of the operator; audited."""

    amount_minor: AmountMinor
    currency: Currency
    reason: Annotated[str, msgspec.Meta(min_length=3, max_length=200)]


class Provider(msgspec.Struct, frozen=True):
    """A way to pay. is_demo: no real money moves."""

    name: str
    label: str
    is_demo: bool
