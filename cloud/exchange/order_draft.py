"""One row of `orders` while a batch is gone through: what the events say, summed up."""

from typing import Final

from trading.order_events import OrderAccepted

UNCHANGED: Final = -1


class OrderDraft:
    """What a batch does to one row; plain attributes, because each order of a batch makes one.

    accepted: of an order that is new in this batch. base_id: of a replacement of an older order,
    the row it goes on from (0: none). units, ticks, fees: of the fills in this batch.
    lost: units that left the quantity without a trade, where the quantity itself is not known here.
    Figures are UNCHANGED, and state 0, where the batch says nothing of them.
    """

    __slots__ = (
        "accepted",
        "base_id",
        "client_order_id",
        "display",
        "engine_order_id",
        "extreme",
        "fees",
        "group_kind",
        "is_ended",
        "is_triggered",
        "leg",
        "lost",
        "parent_id",
        "price",
        "quantity",
        "reason",
        "remaining",
        "replaced_by",
        "replaces",
        "row_id",
        "sequence",
        "source",
        "state",
        "stop",
        "ticks",
        "trail",
        "trail_bps",
        "units",
    )

    def __init__(self, row_id: int, engine_order_id: int) -> None:
        self.row_id = row_id
        self.engine_order_id = engine_order_id
        self.accepted: OrderAccepted | None = None
        self.base_id = 0
        self.client_order_id: str | None = None
        self.source = ""
        self.group_kind = 0
        self.parent_id: int | None = None
        self.leg = 0
        self.sequence = 0
        self.units = 0
        self.ticks = 0
        self.fees = 0
        self.lost = 0
        self.state = 0
        self.reason = 0
        self.remaining = UNCHANGED
        self.quantity = UNCHANGED
        self.price = UNCHANGED
        self.stop = UNCHANGED
        self.trail = UNCHANGED
        self.trail_bps = UNCHANGED
        self.display = UNCHANGED
        self.extreme = UNCHANGED
        self.is_triggered = False
        self.is_ended = False
        self.replaces: int | None = None
        self.replaced_by: int | None = None

    def fill(self, units: int, price_ticks: int, fee: int, remaining: int) -> None:
        """Count one fill."""
        self.units += units
        self.ticks += units * price_ticks
        self.fees += fee
        self.remaining = remaining

    def lose(self, units: int, remaining: int) -> None:
        """Units left the order without a trade."""
        self.remaining = remaining
        if self.quantity == UNCHANGED:
            self.lost += units
        else:
            self.quantity -= units

    def successor(self, row_id: int) -> "OrderDraft":
        """The row that goes on from here, with all that is known of it so far."""
        after = OrderDraft(row_id, self.engine_order_id)
        for name in _INHERITED:
            setattr(after, name, getattr(self, name))
        after.replaces = self.row_id
        if self.accepted is None:
            after.base_id = self.base_id or self.row_id
        return after


_INHERITED: Final = (
    "accepted",
    "display",
    "extreme",
    "fees",
    "group_kind",
    "is_triggered",
    "leg",
    "parent_id",
    "price",
    "quantity",
    "reason",
    "remaining",
    "source",
    "state",
    "stop",
    "ticks",
    "trail",
    "trail_bps",
    "units",
)
