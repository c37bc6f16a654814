"""Overviews as the API shows them."""

from datetime import date

import msgspec

from cloud.parking.lots.schemas import LotOccupancy


class LotOverview(msgspec.Struct, frozen=True, kw_only=True):
    """One lot at a glance. Counts of entries, exits, refusals and revenue are of its local day."""

    lot: str
    name: str
    occupancy: LotOccupancy
    entries_today: int
    exits_today: int
    refused_today: int
    revenue_today_cents: int
    owed_cents: int
    exceptions_open: int
    currency: str


class RevenueDay(msgspec.Struct, frozen=True, kw_only=True):
    """One local day of a lot.

    paid_cents: from wallets, bookings and stays, less what was given back; owed_cents: new debts.
    stays: that ended on this day; fees_cents: what they cost, prepaid or not.
    """

    day: date
    paid_cents: int
    owed_cents: int
    stays: int
    fees_cents: int
    currency: str
