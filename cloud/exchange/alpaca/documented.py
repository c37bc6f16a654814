"""What the document says of bodies that are read from their raw text, which nobody can infer."""

from dataclasses import dataclass
from typing import Final

from litestar.openapi.spec import (
    OpenAPIMediaType,
    OpenAPIType,
    Operation,
    RequestBody,
    Schema,
)

_TEXT: Final = Schema(type=OpenAPIType.STRING)
_FLAG: Final = Schema(type=OpenAPIType.BOOLEAN)


def _number(text: str) -> Schema:
    return Schema(
        one_of=[
            Schema(
                type=OpenAPIType.STRING,
                pattern=r"^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$(?!\n)",
            ),
            Schema(type=OpenAPIType.NUMBER),
        ],
        description=f"{text} A number, or the same as a string; read exactly.",
    )


def _object(properties: dict[str, Schema], *required: str) -> Schema:
    return Schema(
        type=OpenAPIType.OBJECT, properties={**properties}, required=list(required) or None
    )


def _word(*words: str) -> Schema:
    return Schema(type=OpenAPIType.STRING, enum=list(words))


def _body(schema: Schema, description: str) -> RequestBody:
    return RequestBody(
        content={"application/json": OpenAPIMediaType(schema=schema)},
        description=description,
        required=True,
    )


_TIME_IN_FORCE: Final = _word("day", "gtc", "gtd", "ioc", "fok", "opg", "cls")

_ORDER: Final = _body(
    _object(
        {
            "symbol": _TEXT,
            "qty": _number("Whole units."),
            "side": _word("buy", "sell"),
            "type": _word("market", "limit", "stop", "stop_limit", "trailing_stop"),
            "time_in_force": _TIME_IN_FORCE,
            "limit_price": _number("Dollars."),
            "stop_price": _number("Dollars."),
            "trail_price": _number("Dollars."),
            "trail_percent": _number("In steps of 0.01."),
            "extended_hours": _FLAG,
            "client_order_id": Schema(type=OpenAPIType.STRING, max_length=128),
            "order_class": _word("simple", "bracket", "oco", "oto"),
            "take_profit": _object({"limit_price": _number("Dollars.")}),
            "stop_loss": _object(
                {"stop_price": _number("Dollars."), "limit_price": _number("Dollars.")}
            ),
            "position_intent": _word(
                "buy_to_open", "buy_to_close", "sell_to_open", "sell_to_close"
            ),
            "expires_at": Schema(type=OpenAPIType.STRING, description="With gtd, or gtc."),
            "display_qty": _number("What an iceberg shows at a time."),
            "post_only": _FLAG,
            "reduce_only": _FLAG,
            "self_trade": _word(
                "allow", "cancel_newest", "cancel_oldest", "cancel_both", "decrement"
            ),
        },
        "symbol",
        "qty",
        "side",
        "type",
        "time_in_force",
    ),
    "The order; see docs/trading.md for what goes together.",
)

_REPLACEMENT: Final = _body(
    _object(
        {
            "qty": _number("Whole units, what was filled included."),
            "time_in_force": _TIME_IN_FORCE,
            "limit_price": _number("Dollars."),
            "stop_price": _number("Dollars."),
            "trail": _number("Dollars or per cent, as the order has it."),
            "client_order_id": Schema(type=OpenAPIType.STRING, max_length=128),
            "expires_at": Schema(
                type=[OpenAPIType.STRING, OpenAPIType.NULL],
                description="With gtd, or gtc; null takes it away.",
            ),
            "display_qty": _number("What an iceberg shows at a time."),
        }
    ),
    "What to change; what is absent stays.",
)

_SETTINGS: Final = _body(
    _object(
        {
            "suspend_trade": _FLAG,
            "no_shorting": _FLAG,
            "trade_confirm_email": _word("all", "none"),
        }
    ),
    "What to change; what is absent stays.",
)

_SYMBOLS: Final = Schema(type=OpenAPIType.ARRAY, items=_TEXT)
_WATCHLIST: Final = _body(
    _object({"name": Schema(type=OpenAPIType.STRING, max_length=64), "symbols": _SYMBOLS}),
    "The list.",
)
_SYMBOL: Final = _body(_object({"symbol": _TEXT}, "symbol"), "The instrument.")


@dataclass
class OrderOperation(Operation):
    """Takes an order."""

    def __post_init__(self) -> None:
        self.request_body = _ORDER


@dataclass
class ReplaceOperation(Operation):
    """Takes a replacement."""

    def __post_init__(self) -> None:
        self.request_body = _REPLACEMENT


@dataclass
class SettingsOperation(Operation):
    """Takes settings."""

    def __post_init__(self) -> None:
        self.request_body = _SETTINGS


@dataclass
class WatchlistOperation(Operation):
    """Takes a watchlist."""

    def __post_init__(self) -> None:
        self.request_body = _WATCHLIST


@dataclass
class SymbolOperation(Operation):
    """Takes a symbol."""

    def __post_init__(self) -> None:
        self.request_body = _SYMBOL
