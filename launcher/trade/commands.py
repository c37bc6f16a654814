"""`curb trade ...`: parses, asks the venue, prints. Everything slow is imported when needed."""

import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from launcher.trade.broker import Broker

_DEFAULT = "ladder"
_EPILOG = """
\b
curb trade AAPL                         the live ladder of AAPL
curb trade buy AAPL 10                  at the market
curb trade buy AAPL 10 --limit 131.20   at 131.20 or better
curb trade cancel AAPL                  every open order in AAPL

It trades as the demo trader of the running system, or with the key that APCA_API_BASE_URL,
APCA_API_KEY_ID and APCA_API_SECRET_KEY name. Exit codes are those of `curb`: 1 is a refusal.
"""


class _Price(click.ParamType[Decimal]):
    name = "price"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Decimal:
        from launcher.trade.orders import price_of

        try:
            return price_of(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class _TradeGroup(click.Group):
    """A symbol, in capitals, where a command would be, is the ladder of it."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        first = args[0]
        if first not in self.commands and first.isupper() and first[0].isalpha():
            args = [_DEFAULT, *args]
        return super().resolve_command(ctx, args)


_data_option = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="CURB_HOME",
    help="The running system's folder; by default ~/.local/share/curb.",
)
_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_PRICE = _Price()


@click.group(cls=_TradeGroup, epilog=_EPILOG)
def trade() -> None:
    """Trade: a quick order, your books, or a live ladder (curb trade AAPL)."""


def _order_options(command: "Callable[..., None]") -> "Callable[..., None]":
    from launcher.trade.orders import LASTING

    options = (
        click.argument("symbol"),
        click.argument("quantity", type=click.IntRange(min=1)),
        click.option("--limit", type=_PRICE, help="Trade at this price or better."),
        click.option("--stop", type=_PRICE, help="Wake up when a trade touches this price."),
        click.option("--trail", type=_PRICE, help="Trailing stop, so many dollars behind."),
        click.option("--trail-percent", type=_PRICE, help="Trailing stop, so many percent behind."),
        click.option("--take-profit", type=_PRICE, help="Once filled, leave at this price..."),
        click.option("--stop-loss", type=_PRICE, help="... or when it falls or rises to this."),
        click.option("--tif", "lasts", type=click.Choice(LASTING), default="day"),
        click.option("--id", "client_id", help="Your own id: a repeat with it changes nothing."),
        _data_option,
        _json_option,
    )
    for option in reversed(options):
        command = option(command)
    return command


@trade.command()
@_order_options
def buy(data: Path | None, *, as_json: bool, **said: Any) -> None:  # noqa: ANN401 - see Wanted
    """Buy QUANTITY of SYMBOL, at the market unless --limit says otherwise."""
    _place(data, "buy", said, as_json=as_json)


@trade.command()
@_order_options
def sell(data: Path | None, *, as_json: bool, **said: Any) -> None:  # noqa: ANN401 - see Wanted
    """Sell QUANTITY of SYMBOL, at the market unless --limit says otherwise."""
    _place(data, "sell", said, as_json=as_json)


def _place(data: Path | None, side: str, said: dict[str, Any], *, as_json: bool) -> None:
    from launcher.trade.orders import Wanted, order_body

    body = order_body(Wanted(side=side, **said))
    with _broker(data) as broker:
        placed = broker.ask("POST", "/v2/orders", body)
        # What it did at once: the answer to the POST is the order as it was accepted.
        order = broker.ask("GET", f"/v2/orders/{placed['id']}", nested="true")
    _show(order, as_json=as_json, as_text="order_text")


@trade.command()
@click.argument("which", required=False)
@click.option("--all", "is_all", is_flag=True, help="Every open order.")
@_data_option
@_json_option
def cancel(which: str | None, data: Path | None, *, is_all: bool, as_json: bool) -> None:
    """Cancel an order by its id or your own id, all of a symbol, or --all."""
    from launcher.trade.books import orders_meant

    if is_all == (which is not None):
        raise click.UsageError("Name an order or a symbol, or give --all.")
    with _broker(data) as broker:
        ids = orders_meant(broker, which)
        for order_id in ids:
            broker.ask("DELETE", f"/v2/orders/{order_id}")
    if as_json:
        _print_json({"cancelled": ids})
    else:
        click.echo(f"{len(ids)} cancelled." if len(ids) != 1 else f"{ids[0]} cancelled.")


@trade.command()
@click.argument("order_id")
@click.option("--quantity", type=click.IntRange(min=1), help="The whole order, filled included.")
@click.option("--limit", type=_PRICE)
@click.option("--stop", type=_PRICE)
@click.option("--tif", "lasts", type=click.Choice(("day", "gtc")), help="How long it stays.")
@_data_option
@_json_option
def replace(
    order_id: str,
    quantity: int | None,
    limit: Decimal | None,
    stop: Decimal | None,
    lasts: str | None,
    data: Path | None,
    *,
    as_json: bool,
) -> None:
    """Change a working order; it gets a new id."""
    told = {"qty": quantity, "limit_price": limit, "stop_price": stop}
    body = {name: format(value, "f") for name, value in told.items() if value is not None}
    if lasts is not None:
        body["time_in_force"] = lasts
    if not body:
        raise click.UsageError("Say what to change: --quantity, --limit, --stop or --tif.")
    with _broker(data) as broker:
        order = broker.ask("PATCH", f"/v2/orders/{order_id}", body)
    _show(order, as_json=as_json, as_text="order_text")


@trade.command()
@click.argument("symbol", required=False)
@click.option("--all", "is_all", is_flag=True, help="Ended ones too, the newest 50.")
@_data_option
@_json_option
def orders(symbol: str | None, data: Path | None, *, is_all: bool, as_json: bool) -> None:
    """Your open orders, the newest first."""
    query = {"status": "all" if is_all else "open", "limit": 50 if is_all else 500}
    if symbol:
        query["symbols"] = symbol.upper()
    with _broker(data) as broker:
        found = broker.ask("GET", "/v2/orders", **query)
    _show(found, as_json=as_json, as_text="orders_text")


@trade.command()
@_data_option
@_json_option
def positions(data: Path | None, *, as_json: bool) -> None:
    """What you hold, what it cost and what it is worth."""
    with _broker(data) as broker:
        found = broker.ask("GET", "/v2/positions")
    _show(found, as_json=as_json, as_text="positions_text")


@trade.command()
@_data_option
@_json_option
def account(data: Path | None, *, as_json: bool) -> None:
    """Your cash, equity and buying power."""
    with _broker(data) as broker:
        found = broker.ask("GET", "/v2/account")
    _show(found, as_json=as_json, as_text="account_text")


@trade.command()
@click.argument("symbol")
@click.option("--seconds", type=click.FloatRange(min=0.1), help="Leave after so long.")
@_data_option
def ladder(symbol: str, data: Path | None, seconds: float | None) -> None:
    """The live ladder of SYMBOL: depth, trades, your orders; keys buy, sell and cancel.

    Without a terminal: the book once, then a line a trade.
    """
    from launcher.trade.access import find_access
    from launcher.trade.live import run_ladder

    has_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    run_ladder(find_access(data), symbol.upper(), has_terminal=has_terminal, seconds=seconds)


def _broker(data: Path | None) -> "Broker":
    from launcher.trade.access import find_access
    from launcher.trade.broker import Broker

    return Broker(find_access(data))


def _show(found: Any, *, as_json: bool, as_text: str) -> None:  # noqa: ANN401 - JSON
    if as_json:
        _print_json(found)
        return
    from launcher.trade import books

    click.echo(getattr(books, as_text)(found))


def _print_json(content: object) -> None:
    click.echo(json.dumps(content, indent=2, default=str))
