"""From words on the command line to the body of an order, as the venue's API wants it."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from launcher.errors import LauncherError

LASTING = ("day", "gtc", "ioc", "fok", "opg", "cls")


@dataclass(frozen=True, slots=True)
class Wanted:
    """One order as the person said it; None where nothing was said. Prices in dollars."""

    side: str
    symbol: str
    quantity: int
    limit: Decimal | None = None
    stop: Decimal | None = None
    trail: Decimal | None = None
    trail_percent: Decimal | None = None
    take_profit: Decimal | None = None
    stop_loss: Decimal | None = None
    lasts: str = "day"
    client_id: str | None = None


def price_of(text: str) -> Decimal:
    """A price or a percentage, as typed.

    Raises:
        ValueError: it is no plain positive number.
    """
    try:
        price = Decimal(text)
    except InvalidOperation as error:
        raise ValueError(f"{text!r} is not a number.") from error
    if not price.is_finite() or price <= 0:
        raise ValueError(f"{text!r} is not a positive number.")
    return price


def order_body(wanted: Wanted) -> dict[str, Any]:
    """The JSON of `POST /v2/orders`; all numbers as text, so that none passes through a float.

    Raises:
        LauncherError: what was said does not go together.
    """
    body: dict[str, Any] = {
        "symbol": wanted.symbol.upper(),
        "qty": str(wanted.quantity),
        "side": wanted.side,
        "type": _type_of(wanted),
        "time_in_force": wanted.lasts,
    }
    prices = {
        "limit_price": wanted.limit,
        "stop_price": wanted.stop,
        "trail_price": wanted.trail,
        "trail_percent": wanted.trail_percent,
    }
    body |= {name: format(price, "f") for name, price in prices.items() if price is not None}
    if wanted.client_id is not None:
        body["client_order_id"] = wanted.client_id
    return body | _exits(wanted)


def _type_of(wanted: Wanted) -> str:
    trails = wanted.trail is not None or wanted.trail_percent is not None
    if wanted.trail is not None and wanted.trail_percent is not None:
        raise LauncherError("Give --trail or --trail-percent, not both.")
    if trails and (wanted.limit is not None or wanted.stop is not None):
        raise LauncherError("A trailing stop has neither --limit nor --stop.")
    if trails:
        return "trailing_stop"
    if wanted.stop is not None:
        return "stop" if wanted.limit is None else "stop_limit"
    return "market" if wanted.limit is None else "limit"


def _exits(wanted: Wanted) -> dict[str, Any]:
    exits: dict[str, Any] = {}
    if wanted.take_profit is not None:
        exits["take_profit"] = {"limit_price": format(wanted.take_profit, "f")}
    if wanted.stop_loss is not None:
        exits["stop_loss"] = {"stop_price": format(wanted.stop_loss, "f")}
    if not exits:
        return {}
    return exits | {"order_class": "bracket" if len(exits) == 2 else "oto"}
