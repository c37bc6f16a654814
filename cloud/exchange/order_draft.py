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
    expires_at_ns: said whenever time_in_force is; 0 where it ends by no clock.
    """

    # Defaults of the class, so that an order pays only for what its events say.
    accepted: OrderAccepted | None = None
    base_id: int = 0
    client_order_id: str | None = None
    source: str = ""
    group_kind: int = 0
    parent_id: int | None = None
    leg: int = 0
    sequence: int = 0
    units: int = 0
    ticks: int = 0
    fees: int = 0
    lost: int = 0
    state: int = 0
    reason: int = 0
    remaining: int = UNCHANGED
    quantity: int = UNCHANGED
    price: int = UNCHANGED
    stop: int = UNCHANGED
    trail: int = UNCHANGED
    trail_bps: int = UNCHANGED
    display: int = UNCHANGED
    time_in_force: int = UNCHANGED
    expires_at_ns: int = UNCHANGED
    extreme: int = UNCHANGED
    is_triggered: bool = False
    is_ended: bool = False
    replaces: int | None = None
    replaced_by: int | None = None

    def __init__(self, row_id: int, engine_order_id: int) -> None:
        self.row_id = row_id
        self.engine_order_id = engine_order_id

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
    "expires_at_ns",
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
    "time_in_force",
    "trail",
    "trail_bps",
    "units",
)
