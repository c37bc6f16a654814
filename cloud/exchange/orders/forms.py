"""What comes in: a new order and a replacement, in Alpaca's words and ours.

Numbers stay raw text until `rules` reads them. Fields that Alpaca has not (`expires_at`,
`display_qty`, `post_only`, `reduce_only`, `self_trade`) are additions; unknown fields are ignored,
as Alpaca does.
"""

from datetime import datetime
from typing import Annotated, Final

import msgspec

from cloud.exchange.orders.errors import MalformedOrderError
from cloud.exchange.orders.numbers import ABSENT

Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class TakeProfitForm(msgspec.Struct, frozen=True):
    """The exit at a profit."""

    limit_price: msgspec.Raw = ABSENT


class StopLossForm(msgspec.Struct, frozen=True):
    """The exit at a loss; with `limit_price` a stop-limit order, without a stop."""

    stop_price: msgspec.Raw = ABSENT
    limit_price: msgspec.Raw = ABSENT


class OrderForm(msgspec.Struct, frozen=True):
    """A new order as it was sent. See docs/trading.md for what each field means."""

    symbol: str | None = None
    qty: msgspec.Raw = ABSENT
    notional: msgspec.Raw = ABSENT
    side: str | None = None
    type: str | None = None
    time_in_force: str | None = None
    limit_price: msgspec.Raw = ABSENT
    stop_price: msgspec.Raw = ABSENT
    trail_price: msgspec.Raw = ABSENT
    trail_percent: msgspec.Raw = ABSENT
    extended_hours: bool | None = None
    client_order_id: str | None = None
    order_class: str | None = None
    take_profit: TakeProfitForm | None = None
    stop_loss: StopLossForm | None = None
    position_intent: str | None = None
    legs: msgspec.Raw = ABSENT
    expires_at: Instant | None = None
    display_qty: msgspec.Raw = ABSENT
    post_only: bool | None = None
    reduce_only: bool | None = None
    self_trade: str | None = None


class ReplaceForm(msgspec.Struct, frozen=True):
    """What to change of an order; what is absent stays. expires_at: null takes it away."""

    qty: msgspec.Raw = ABSENT
    time_in_force: str | None = None
    limit_price: msgspec.Raw = ABSENT
    stop_price: msgspec.Raw = ABSENT
    trail: msgspec.Raw = ABSENT
    client_order_id: str | None = None
    expires_at: Instant | msgspec.UnsetType | None = msgspec.UNSET
    display_qty: msgspec.Raw = ABSENT


_ORDERS: Final = msgspec.json.Decoder(OrderForm)
_REPLACEMENTS: Final = msgspec.json.Decoder(ReplaceForm)


def read_order(body: bytes | msgspec.Raw) -> OrderForm:
    """The order in a JSON body.

    Raises:
        MalformedOrderError: it is not JSON, or a field has the wrong type.
    """
    try:
        return _ORDERS.decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise _malformed(error) from error


def read_replacement(body: bytes | msgspec.Raw) -> ReplaceForm:
    """The replacement in a JSON body.

    Raises:
        MalformedOrderError: it is not JSON, or a field has the wrong type.
    """
    try:
        return _REPLACEMENTS.decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise _malformed(error) from error


def _malformed(error: Exception) -> MalformedOrderError:
    if isinstance(error, msgspec.ValidationError):
        return MalformedOrderError("field_invalid", f"{error}.")
    return MalformedOrderError("json_invalid", "The body is not JSON that can be read.")
