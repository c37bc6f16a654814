"""Orders, positions and the account as lines of text, and which orders a word means."""

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from launcher.trade.broker import Broker

_NOT_FOUND = 404


def orders_meant(broker: "Broker", which: str | None) -> list[str]:
    """The ids of the open orders that a word names: an order's id, the trader's own id of one, or
    a symbol; None: all of them.

    Raises:
        RefusedError: no order has that id, and no open one is in that symbol.
    """
    from launcher.trade.broker import RefusedError

    if which is not None and _is_uuid(which):
        return [which]
    query = {} if which is None else {"symbols": which.upper()}
    found = broker.ask("GET", "/v2/orders", status="open", limit=500, **query)
    if which is None or found:
        return [order["id"] for order in found]
    try:
        order = broker.ask("GET", "/v2/orders:by_client_order_id", client_order_id=which)
    except RefusedError as error:
        if error.status != _NOT_FOUND:
            raise
        raise RefusedError(
            error.status,
            error.code,
            f"You have no open order in {which.upper()}, and none of that id.",
        ) from error
    return [order["id"]]


def order_text(order: dict[str, Any]) -> str:
    """One order, its legs below it."""
    told = [_order_line(order)]
    told += [f"  {_order_line(leg)}" for leg in order.get("legs") or ()]
    return "\n".join(told)


def orders_text(found: Sequence[dict[str, Any]]) -> str:
    """A line an order."""
    return "\n".join(order_text(order) for order in found) if found else "You have no orders here."


def positions_text(found: Sequence[dict[str, Any]]) -> str:
    """A line a position."""
    rows = [("symbol", "units", "average", "now", "worth", "profit")]
    for each in found:
        profit = _signed(each.get("unrealized_pl"))
        average, now = _money(each["avg_entry_price"]), _money(each.get("current_price"))
        worth = _money(each.get("market_value"))
        rows.append((each["symbol"], str(each["qty"]), average, now, worth, profit))
    return _table(rows) if found else "You hold nothing."


def account_text(found: dict[str, Any]) -> str:
    """The figures that matter."""
    facts = [
        ("account", str(found.get("account_number") or found["id"])),
        ("status", str(found["status"])),
        ("equity", _money(found["equity"])),
        ("cash", _money(found["cash"])),
        ("buying power", _money(found["buying_power"])),
        ("positions", _money(found.get("long_market_value"))),
    ]
    return "\n".join(f"{name:14}{value:>16}" for name, value in facts)


def _order_line(order: dict[str, Any]) -> str:
    what = f"{order['side']} {order['qty']} {order['symbol']}"
    kind = order["type"]
    names = ("limit_price", "stop_price", "trail_price", "trail_percent")
    terms = [f"{name.split('_')[0]} {_money(order[name])}" for name in names if order.get(name)]
    if not terms or not terms[0].startswith(f"{kind} "):
        terms.insert(0, kind)
    done = ""
    if Decimal(order.get("filled_qty") or 0):
        done = f", {order['filled_qty']} at {_money(order['filled_avg_price'])}"
    said = " ".join([what, *terms, order["time_in_force"]])
    return f"{said}: {order['status']}{done}  {order['id']}"


def _money(value: object) -> str:
    if value in (None, ""):
        return "-"
    amount = Decimal(str(value))
    rounded = amount.quantize(Decimal("0.01"))
    return f"{rounded:,}" if rounded == amount else f"{amount.normalize():,f}"


def _signed(value: object) -> str:
    return "-" if value in (None, "") else f"{Decimal(str(value)).quantize(Decimal('0.01')):+,}"


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
