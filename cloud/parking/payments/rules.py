"""The words for movements of money; they are stored and shown."""

from enum import StrEnum


class PaymentKind(StrEnum):
    """What a movement is for."""

    BOOKING_HELD = "booking_held"
    BOOKING_CHARGED = "booking_charged"
    BOOKING_RELEASED = "booking_released"
    STAY_CHARGED = "stay_charged"
    STAY_REFUNDED = "stay_refunded"


class PaymentMethod(StrEnum):
    """Where the money comes from or goes to."""

    WALLET = "wallet"
    DEBT = "debt"
