"""Refusals of orders, each with a stable code; `alpaca_code` is the number its interface shows."""

from collections.abc import Mapping
from typing import ClassVar, Final

from cloud.kit.errors import AppError
from trading.reasons import Reason

VALIDATION: Final = 40_010_001
FORBIDDEN: Final = 40_310_000
NOT_FOUND: Final = 40_410_000
UNPROCESSABLE: Final = 42_210_000
RATE_LIMITED: Final = 42_910_000
UNAVAILABLE: Final = 50_310_000


class OrderError(AppError):
    """The order cannot be taken as it was asked for; `reason` says why, for programs."""

    status = 422
    code = "order_invalid"
    alpaca_code: ClassVar[int] = UNPROCESSABLE

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class MalformedOrderError(OrderError):
    """What was sent is no order: not JSON, a field missing, a word or number unreadable."""

    code = "order_malformed"
    alpaca_code = VALIDATION


class OrderRefusedError(OrderError):
    """Risk or the market's rules refused it: funds, units, limits, a kill switch."""

    status = 403
    code = "order_refused"
    alpaca_code = FORBIDDEN


class OrderRateError(OrderError):
    """The portfolio sends more messages than its limits allow."""

    status = 429
    code = "order_rate_limited"
    alpaca_code = RATE_LIMITED

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(reason, message)
        self.headers = {"Retry-After": "1"}


class OrderMissingError(OrderError):
    """There is no such order in this portfolio."""

    status = 404
    code = "order_not_found"
    alpaca_code = NOT_FOUND

    def __init__(self, message: str) -> None:
        super().__init__("order_not_found", message)


class NotCancelableError(OrderError):
    """The order has ended, so it cannot be cancelled or replaced any more."""

    code = "order_is_done"


SENTENCES: Final[Mapping[Reason, str]] = {
    Reason.UNKNOWN_INSTRUMENT: "There is no instrument of this symbol.",
    Reason.UNKNOWN_PORTFOLIO: "This portfolio is not open for trading yet.",
    Reason.UNKNOWN_ORDER: "There is no order of this id.",
    Reason.ORDER_NOT_YOURS: "There is no order of this id.",
    Reason.ORDER_IS_DONE: "The order has ended already.",
    Reason.QUANTITY_NOT_POSITIVE: "qty must be positive.",
    Reason.QUANTITY_TOO_LARGE: "qty is too large.",
    Reason.QUANTITY_NOT_A_LOT: "qty must be a multiple of the instrument's lot.",
    Reason.PRICE_MISSING: "This type of order needs a limit_price.",
    Reason.PRICE_NOT_ALLOWED: "This type of order takes no limit_price.",
    Reason.PRICE_TOO_LARGE: "The price is too large.",
    Reason.PRICE_OFF_TICK: "The price is not a multiple of the tick at its level.",
    Reason.STOP_PRICE_MISSING: "This type of order needs a stop_price.",
    Reason.STOP_PRICE_NOT_ALLOWED: "This order takes no stop_price, or not any more.",
    Reason.TRAIL_INVALID: "A trailing stop needs trail_price or trail_percent, not both.",
    Reason.EXPIRY_INVALID: (
        "A gtd order needs expires_at, which must lie in the future; no other order has one."
    ),
    Reason.DISPLAY_INVALID: "display_qty goes with limit orders that can rest, up to their qty.",
    Reason.COMBINATION_NOT_ALLOWED: "This type, time_in_force and flags do not go together.",
    Reason.GROUP_INVALID: (
        "The legs do not fit: for a sell exit the take-profit price must be above the stop price, "
        "for a buy exit below it, and the legs must be able to wait."
    ),
    Reason.NOTHING_TO_REPLACE: "The order is like that already; nothing would change.",
    Reason.QUANTITY_ALREADY_FILLED: "qty must be more than what was filled already.",
    Reason.GROUP_FIXED: (
        "Quantity and time_in_force of orders that belong together are fixed; "
        "cancel them and place them anew."
    ),
    Reason.TIME_IN_FORCE_FIXED: (
        "Only day, gtc and gtd can become each other; nothing was changed. "
        "For any other time_in_force cancel the order and place it anew."
    ),
    Reason.INSUFFICIENT_FUNDS: "insufficient buying power",
    Reason.INSUFFICIENT_UNITS: "insufficient qty available for order",
    Reason.ORDER_UNITS_LIMIT: "The order has more units than the portfolio's limits allow.",
    Reason.ORDER_NOTIONAL_LIMIT: "The order is worth more than the portfolio's limits allow.",
    Reason.POSITION_LIMIT: "The position would be larger than the portfolio's limits allow.",
    Reason.DAILY_LOSS_LIMIT: (
        "Today's loss limit is reached; only orders that reduce a position are taken."
    ),
    Reason.PRICE_COLLAR: "The price is further from the last one than the limits allow.",
    Reason.MESSAGE_RATE: "too many requests: the portfolio's message rate is used up",
    Reason.DUPLICATE_ORDER: "The very same order came a moment ago; this one is not taken.",
    Reason.SHORT_NOT_ALLOWED: "This portfolio may not sell this instrument short.",
    Reason.SHORT_NOT_FLAGGED: "This would be a short sale, and the order does not say so.",
    Reason.REDUCE_ONLY: "The order would do more than reduce the position.",
    Reason.OPEN_ORDERS_LIMIT: "The portfolio has as many open orders as its limits allow.",
    Reason.CROSSES_ZERO: "An order may not take the position from long to short or back.",
    Reason.ACCOUNT_KILLED: "Trading of this account is stopped by its kill switch.",
    Reason.VENUE_KILLED: "Trading is stopped by the venue's kill switch.",
    Reason.HALTED: "Trading in this instrument is halted.",
    Reason.PRICE_BAND: "The price lies outside the instrument's price band.",
    Reason.NOT_IN_THIS_PHASE: "The market takes no order of this time_in_force now.",
    Reason.POST_ONLY_WOULD_TAKE: "The order is post_only and would have traded at once.",
}

# Not a mistake in the order but a limit it runs into: Alpaca says 403 to these.
_FORBIDDEN: Final = frozenset(
    reason
    for reason in Reason
    if 200 <= reason < 300 or reason in (Reason.ACCOUNT_KILLED, Reason.VENUE_KILLED)
)


def error_of(reason: int, message: str = "") -> OrderError:
    """The refusal that stands for a reason of the engine.

    message: a better sentence than the reason's own, where the caller knows one.
    """
    known = Reason(reason)
    word = known.name.lower()
    text = message or SENTENCES.get(known, f"The order was refused: {word.replace('_', ' ')}.")
    if known == Reason.MESSAGE_RATE:
        return OrderRateError(word, text)
    if known in _FORBIDDEN:
        return OrderRefusedError(word, text)
    if known in (Reason.UNKNOWN_ORDER, Reason.ORDER_NOT_YOURS):
        return OrderMissingError(text)
    if known == Reason.ORDER_IS_DONE:
        return NotCancelableError(word, text)
    return OrderError(word, text)
