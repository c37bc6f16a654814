"""Payments and receipts as the API shows them."""

from datetime import datetime
from uuid import UUID

import msgspec

from cloud.parking.payments.rules import PaymentKind, PaymentMethod
from cloud.parking.tariffs.schemas import Line


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """One movement of money; negative amounts went back to the driver."""

    id: UUID
    lot: str
    booking_id: UUID | None
    stay_id: UUID | None
    kind: PaymentKind
    method: PaymentMethod
    amount_cents: int
    currency: str
    at: datetime


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """All about what a booking or a stay cost.

    number: of the receipt, the same however often it is asked for.
    total_cents: what the lines sum to; paid_cents and owed_cents add up to it once it is settled.
    """

    number: str
    lot: str
    lot_name: str
    address: str
    starts_at: datetime
    ends_at: datetime | None
    lines: list[Line]
    total_cents: int
    paid_cents: int
    owed_cents: int
    currency: str
    payments: list[Payment]
