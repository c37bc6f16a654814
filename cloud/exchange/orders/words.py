"""The words that Alpaca's interface has for the engine's numbers, both ways.

Two do not map one to one: a GTD order is shown as `gtc` with `expires_at` (Alpaca's clients know no
other word), and a stop that waits is `new`, as an order in the book is.
"""

from typing import Final

from trading.orders import GroupKind, OrderState, OrderType, SelfTrade, Side, TimeInForce

REPLACED: Final = 9
"""The state of an order row that another goes on for; the engine itself has no such state."""

SIDES: Final = {"buy": Side.BUY.value, "sell": Side.SELL.value}
SIDE_WORDS: Final = {number: word for word, number in SIDES.items()}

ORDER_TYPES: Final = {
    "market": OrderType.MARKET.value,
    "limit": OrderType.LIMIT.value,
    "stop": OrderType.STOP.value,
    "stop_limit": OrderType.STOP_LIMIT.value,
    "trailing_stop": OrderType.TRAILING_STOP.value,
}
ORDER_TYPE_WORDS: Final = {number: word for word, number in ORDER_TYPES.items()}

TIMES_IN_FORCE: Final = {
    "day": TimeInForce.DAY.value,
    "gtc": TimeInForce.GTC.value,
    "gtd": TimeInForce.GTD.value,
    "ioc": TimeInForce.IOC.value,
    "fok": TimeInForce.FOK.value,
    "opg": TimeInForce.OPG.value,
    "cls": TimeInForce.CLS.value,
}
TIME_IN_FORCE_WORDS: Final = {
    number: "gtc" if word == "gtd" else word for word, number in TIMES_IN_FORCE.items()
}

ORDER_CLASSES: Final = {
    "": 0,
    "simple": 0,
    "oco": GroupKind.OCO.value,
    "oto": GroupKind.OTO.value,
    "bracket": GroupKind.BRACKET.value,
}
ORDER_CLASS_WORDS: Final = {number: word for word, number in ORDER_CLASSES.items() if word}

SELF_TRADE_MODES: Final = {
    "allow": SelfTrade.ALLOW.value,
    "cancel_newest": SelfTrade.CANCEL_NEWEST.value,
    "cancel_oldest": SelfTrade.CANCEL_OLDEST.value,
    "cancel_both": SelfTrade.CANCEL_BOTH.value,
    "decrement": SelfTrade.DECREMENT.value,
}
SELF_TRADE_WORDS: Final = {number: word for word, number in SELF_TRADE_MODES.items()}

STATUS_WORDS: Final = {
    OrderState.NEW.value: "pending_new",
    OrderState.HELD.value: "held",
    OrderState.UNTRIGGERED.value: "new",
    OrderState.OPEN.value: "new",
    OrderState.PARTIALLY_FILLED.value: "partially_filled",
    OrderState.FILLED.value: "filled",
    OrderState.CANCELLED.value: "canceled",
    OrderState.EXPIRED.value: "expired",
    OrderState.REJECTED.value: "rejected",
    REPLACED: "replaced",
}

LIVE_STATES: Final = (
    OrderState.HELD.value,
    OrderState.UNTRIGGERED.value,
    OrderState.OPEN.value,
    OrderState.PARTIALLY_FILLED.value,
)
"""The states of orders that may still trade: Alpaca's filter `open`."""

POSITION_INTENTS: Final = {
    "buy_to_open": (Side.BUY.value, True),
    "buy_to_close": (Side.BUY.value, False),
    "sell_to_open": (Side.SELL.value, True),
    "sell_to_close": (Side.SELL.value, False),
}
"""word -> (side, whether it opens)."""
