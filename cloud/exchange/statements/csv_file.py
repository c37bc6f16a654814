"""A statement as CSV: one table, one row a fact, every row with what section it belongs to.

Text that a spreadsheet would take for a formula is led by an apostrophe.
"""

import csv
import io
from collections.abc import Iterator
from typing import Final

from cloud.exchange.prices import money_text
from cloud.exchange.statements.schemas import Statement, StatementBalance, StatementLine

COLUMNS: Final = (
    *("section", "at", "kind", "symbol", "units", "price", "cash", "fee", "balance", "cost"),
    *("value", "unrealised", "realised", "realised_fifo", "reference"),
)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def to_csv(statement: Statement) -> bytes:
    """The file, UTF-8; amounts in whole currency with two decimal places."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(_rows(statement))
    return out.getvalue().encode()


def _rows(statement: Statement) -> Iterator[dict[str, str]]:
    yield {
        "section": "statement",
        "kind": _plain(statement.portfolio_name),
        "reference": f"{statement.portfolio_id} {statement.currency}",
        "at": statement.made_at.isoformat(),
    }
    yield from _balance("opening", statement.opening)
    for line in statement.lines:
        yield _line(line)
    for kind, cash in statement.totals_minor.items():
        yield {"section": "total", "kind": kind, "cash": money_text(cash)}
    yield from _balance("closing", statement.closing)


def _line(line: StatementLine) -> dict[str, str]:
    reference = line.trade_id or line.transfer or ""
    return {
        "section": "movement",
        "at": line.at.isoformat(),
        "kind": line.kind.value,
        "symbol": _plain(line.symbol or ""),
        "units": "" if line.units is None else str(line.units),
        "price": line.price or line.ratio or "",
        "cash": money_text(line.cash_minor),
        "fee": money_text(line.fee_minor),
        "balance": money_text(line.balance_minor),
        "cost": "" if line.cost_minor is None else money_text(line.cost_minor),
        "reference": str(reference),
    }


def _balance(section: str, balance: StatementBalance) -> Iterator[dict[str, str]]:
    yield {
        "section": section,
        "at": balance.at.isoformat(),
        "kind": "balance",
        "balance": money_text(balance.cash_minor),
        "fee": money_text(balance.fees_minor),
        "value": money_text(balance.equity_minor),
        "unrealised": money_text(balance.unrealised_minor),
        "realised": money_text(balance.realised_minor),
    }
    for one in balance.positions:
        yield {
            "section": section,
            "kind": "position",
            "symbol": _plain(one.symbol),
            "units": str(one.units),
            "price": one.price,
            "cost": money_text(one.cost_minor),
            "value": money_text(one.value_minor),
            "unrealised": money_text(one.unrealised_minor),
            "realised": money_text(one.realised_minor),
            "realised_fifo": money_text(one.realised_fifo_minor),
        }
        for lot in one.lots:
            yield {
                "section": section,
                "kind": "lot",
                "symbol": _plain(one.symbol),
                "units": str(lot.units),
                "cost": money_text(lot.cost_minor),
            }


def _plain(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
