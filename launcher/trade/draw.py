"""The ladder as a picture for a terminal, and as lines where there is none."""

from decimal import Decimal

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from launcher.trade.ladder import Ladder, Print, Row

_BAR_COLUMNS = 10
KEYS = (
    "up/down price   +/- quantity   b buy  s sell   B/S at market   c cancel here   C all   q leave"
)


def price_text(price: Decimal | None) -> str:
    """A price with its cents, and with hundredths of a cent only where it has them."""
    if price is None:
        return "-"
    places = "0.01" if price == price.quantize(Decimal("0.01")) else "0.0001"
    return f"{price.quantize(Decimal(places)):,}"


def picture(ladder: Ladder) -> RenderableType:
    """What is on the screen."""
    return Group(
        _head(ladder),
        Text(""),
        Columns([_ladder_table(ladder), _trade_table(ladder)], padding=(0, 4)),
        Text(""),
        Text(KEYS, style="dim"),
        Text(ladder.said, style="green"),
    )


def lines(ladder: Ladder) -> list[str]:
    """The same as plain text, one line a price."""
    head = [_head(ladder).plain]
    for row in ladder.rows():
        own = f"  yours: {row.own_buys or row.own_sells}" if row.own_buys or row.own_sells else ""
        bid, ask = row.bid_units or "", row.ask_units or ""
        head.append(f"{bid:>10} {price_text(row.price):>12} {ask:<10}{own}".rstrip())
    return head


def trade_line(symbol: str, trade: Print) -> str:
    """One trade as a line of text."""
    return f"{trade.at} {symbol} {trade.units} @ {price_text(trade.price)} {trade.side}".rstrip()


def _head(ladder: Ladder) -> Text:
    text = Text(ladder.symbol, style="bold")
    text.append(f"  {price_text(ladder.last)}", style="bold cyan")
    if ladder.phase:
        text.append(f"  {ladder.phase}", style="dim")
    text.append(f"   position {ladder.position:,}")
    if ladder.position:
        text.append(f" @ {price_text(ladder.average)}")
        profit = ladder.unrealised
        style = "green" if profit >= 0 else "red"
        text.append(f"  {profit.quantize(Decimal('0.01')):+,}", style=style)
    text.append(f"   cash {price_text(ladder.cash)}   quantity {ladder.units}")
    return text


def _ladder_table(ladder: Ladder) -> Table:
    table = Table(box=None, padding=(0, 1))
    for name, side in (("yours", "right"), ("bid", "right"), ("price", "right")):
        table.add_column(name, justify="right" if side == "right" else "left", min_width=8)
    table.add_column("ask", min_width=8)
    table.add_column("yours", min_width=6)
    rows = ladder.rows()
    largest = max((max(row.bid_units, row.ask_units) for row in rows), default=0)
    for row in rows:
        table.add_row(*_cells(row, largest), style="reverse" if row.has_cursor else "")
    return table


def _cells(row: Row, largest: int) -> tuple[Text, ...]:
    own_buy = Text(f"{row.own_buys}" if row.own_buys else "", style="bold yellow")
    own_sell = Text(f"{row.own_sells}" if row.own_sells else "", style="bold yellow")
    bid = Text(_with_bar(row.bid_units, largest, is_left=True), style="green")
    ask = Text(_with_bar(row.ask_units, largest, is_left=False), style="red")
    return own_buy, bid, Text(price_text(row.price)), ask, own_sell


def _with_bar(units: int, largest: int, *, is_left: bool) -> str:
    if not units:
        return ""
    bar = "▪" * max(1, units * _BAR_COLUMNS // largest)
    return f"{bar} {units:>6}" if is_left else f"{units:<6} {bar}"


def _trade_table(ladder: Ladder) -> Table:
    table = Table(box=None, padding=(0, 1))
    for name in ("time", "units", "price"):
        table.add_column(name, justify="right")
    for trade in ladder.trades:
        style = {"buy": "green", "sell": "red"}.get(trade.side, "")
        table.add_row(trade.at, str(trade.units), price_text(trade.price), style=style)
    return table
