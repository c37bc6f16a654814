"""Limits between the API and the engine, their reasons in words, and how often to tell; pure."""

from typing import Final

import msgspec

from cloud.exchange.limits.schemas import LimitsEdit, RiskLimits
from trading.reasons import Reason
from trading.terms import Limits

NS_PER_MS: Final = 1_000_000

SENTENCES: Final[dict[int, str]] = {
    Reason.INSUFFICIENT_FUNDS: "There is not enough free cash for the order and its fees.",
    Reason.INSUFFICIENT_UNITS: "There are not enough free units to sell.",
    Reason.ORDER_UNITS_LIMIT: "The order has more units than one order may have.",
    Reason.ORDER_NOTIONAL_LIMIT: "The order is worth more than one order may be.",
    Reason.POSITION_LIMIT: "The position could become larger than allowed.",
    Reason.DAILY_LOSS_LIMIT: "The day's loss is used up; only orders that reduce a position go.",
    Reason.PRICE_COLLAR: "The price is too far from the last one.",
    Reason.MESSAGE_RATE: "Too many orders, changes and cancels in too short a time.",
    Reason.DUPLICATE_ORDER: "The same order came a moment ago.",
    Reason.SHORT_NOT_ALLOWED: "Short sales are not allowed here.",
    Reason.SHORT_NOT_FLAGGED: "The order would sell short without saying so.",
    Reason.REDUCE_ONLY: "The order may only reduce a position, and there is none to reduce.",
    Reason.UNSETTLED_FUNDS: "The cash has not settled yet.",
    Reason.OPEN_ORDERS_LIMIT: "There are as many open orders as allowed.",
    Reason.CROSSES_ZERO: "The order would take the position through zero; send two.",
}


def is_risk_reason(reason: int) -> bool:
    """Whether risk refused it: the reasons in the 200s."""
    return 200 <= reason < 300


def sentence_of(reason: int) -> str:
    """What the reason means, for people."""
    return SENTENCES.get(reason, "Risk limits do not allow the order.")


def shown_limits(limits: Limits) -> RiskLimits:
    """As the API shows them."""
    return RiskLimits(
        max_order_units=limits.max_order_units,
        max_order_notional_cents=limits.max_order_notional,
        max_position_units=limits.max_position_units,
        max_daily_loss_cents=limits.max_daily_loss,
        collar_bps=limits.collar_bps,
        max_messages=limits.max_messages,
        window_ms=-(-limits.window_ns // NS_PER_MS),
        duplicate_ms=-(-limits.duplicate_ns // NS_PER_MS),
        max_open_orders=limits.max_open_orders,
        may_short=limits.may_short != 0,
        short_margin_bps=limits.short_margin_bps,
    )


def engine_limits(limits: RiskLimits) -> Limits:
    """As the engine takes them."""
    return Limits(
        max_order_units=limits.max_order_units,
        max_order_notional=limits.max_order_notional_cents,
        max_position_units=limits.max_position_units,
        max_daily_loss=limits.max_daily_loss_cents,
        collar_bps=limits.collar_bps,
        max_messages=limits.max_messages,
        window_ns=limits.window_ms * NS_PER_MS,
        duplicate_ns=limits.duplicate_ms * NS_PER_MS,
        max_open_orders=limits.max_open_orders,
        may_short=int(limits.may_short),
        short_margin_bps=limits.short_margin_bps,
    )


def edited(limits: RiskLimits, edit: LimitsEdit) -> RiskLimits:
    """The limits with what the edit gives."""
    given = {
        name: value
        for name in RiskLimits.__struct_fields__
        if (value := getattr(edit, name)) is not msgspec.UNSET
    }
    return msgspec.structs.replace(limits, **given)


def changes(before: RiskLimits, after: RiskLimits) -> dict[str, str | int | bool | None]:
    """What an edit changed, as `name: new` and `name_before: old`: for the audit trail."""
    found: dict[str, str | int | bool | None] = {}
    for name in RiskLimits.__struct_fields__:
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            found[name], found[f"{name}_before"] = new, old
    return found


class Pace:
    """Lets one notice through for each key in so many nanoseconds, and counts the others.

    keys_max: beyond it the oldest key is forgotten, and its next notice goes through at once.
    """

    def __init__(self, every_ns: int, keys_max: int = 10_000) -> None:
        self._every_ns = every_ns
        self._keys_max = keys_max
        self._told: dict[tuple[int, int], tuple[int, int]] = {}

    def take(self, key: tuple[int, int], at_ns: int) -> int | None:
        """None: do not tell now. Otherwise how many were not told since the last one."""
        last_ns, more = self._told.get(key, (at_ns - self._every_ns, 0))
        if at_ns - last_ns < self._every_ns:
            self._told[key] = (last_ns, more + 1)
            return None
        self._told.pop(key, None)
        self._told[key] = (at_ns, 0)
        if len(self._told) > self._keys_max:
            del self._told[next(iter(self._told))]
        return more
