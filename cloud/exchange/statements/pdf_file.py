"""A statement as PDF, on A4: summary, positions with their lots, movements; page numbers."""

import io
from collections.abc import Sequence
from typing import Any, Final
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.lib.units import mm
from reportlab.platypus import LongTable, Paragraph, SimpleDocTemplate, Spacer, TableStyle

from cloud.exchange.prices import money_text
from cloud.exchange.statements.errors import StatementTooLongError
from cloud.exchange.statements.schemas import Statement, StatementBalance, StatementLine

LINES_MAX: Final = 5_000
_INK: Final = colors.HexColor("#1b2a3a")
_RULE: Final = colors.HexColor("#c9d1d9")
_GRID: Final = TableStyle(
    [
        ("FONT", (0, 0), (-1, -1), "Helvetica", 7.5),
        ("FONT", (0, 0), (-1, 0), "Helvetica-Bold", 7.5),
        ("TEXTCOLOR", (0, 0), (-1, -1), _INK),
        ("LINEBELOW", (0, 0), (-1, -1), 0.25, _RULE),
        ("ALIGN", (2, 0), (-1, -1), "RIGHT"),
        ("TOPPADDING", (0, 0), (-1, -1), 1.5),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 1.5),
    ]
)


def to_pdf(statement: Statement) -> bytes:
    """The document; takes about a millisecond a line, so call it in a thread.

    Raises:
        StatementTooLongError: more lines than anybody would read; the CSV has them.
    """
    if len(statement.lines) > LINES_MAX:
        raise StatementTooLongError(
            f"A PDF has at most {LINES_MAX} movements, not {len(statement.lines)}; take the CSV "
            "or a shorter period."
        )
    out = io.BytesIO()
    document = SimpleDocTemplate(
        out,
        pagesize=landscape(A4),
        leftMargin=15 * mm,
        rightMargin=15 * mm,
        topMargin=15 * mm,
        bottomMargin=15 * mm,
        title=f"Statement of {statement.portfolio_name}",
        author="Curb",
        invariant=1,
    )
    styles = getSampleStyleSheet()
    title, heading, text = styles["Title"], styles["Heading2"], styles["BodyText"]
    period = f"{_instant(statement.starts_at)} to {_instant(statement.ends_at)}"
    story: list[Any] = [
        Paragraph(f"Statement: {escape(statement.portfolio_name)}", title),
        Paragraph(
            f"{period} &middot; {statement.currency} &middot; {statement.portfolio_id}", text
        ),
        Paragraph("Summary", heading),
        _table(_summary(statement)),
    ]
    for name, balance in (("Opening", statement.opening), ("Closing", statement.closing)):
        story += [
            Paragraph(f"{name} positions, {_instant(balance.at)}", heading),
            _table(_positions(balance)) if balance.positions else Paragraph("None.", text),
        ]
    story += [
        Paragraph("Movements", heading),
        _table(_movements(statement.lines)) if statement.lines else Paragraph("None.", text),
        Spacer(1, 4 * mm),
        Paragraph(
            f"Made {_instant(statement.made_at)}. All movements since the portfolio was opened "
            f"were replayed and agree with {escape(statement.agrees_with)}.",
            text,
        ),
    ]
    document.build(story, onFirstPage=_footer, onLaterPages=_footer)
    return out.getvalue()


def _summary(statement: Statement) -> list[list[str]]:
    opening, closing = statement.opening, statement.closing
    rows = [["", "", statement.currency], ["Opening cash", "", money_text(opening.cash_minor)]]
    rows += [
        [kind.replace("_", " ").capitalize(), "", money_text(cash)]
        for kind, cash in statement.totals_minor.items()
        if cash
    ]
    made = closing.realised_minor - opening.realised_minor
    return [
        *rows,
        ["Closing cash", "", money_text(closing.cash_minor)],
        ["Value of positions", "", money_text(closing.value_minor)],
        ["Equity, opening", "", money_text(opening.equity_minor)],
        ["Equity, closing", "", money_text(closing.equity_minor)],
        ["Realised in the period, by average cost", "", money_text(made)],
        ["Unrealised at the end", "", money_text(closing.unrealised_minor)],
    ]


def _positions(balance: StatementBalance) -> list[list[str]]:
    rows = [["Symbol", "Lot", "Units", "Average", "Cost", "Price", "Value", "Unrealised"]]
    for one in balance.positions:
        rows.append(
            [
                one.symbol,
                "",
                f"{one.units:,}",
                one.average_price,
                money_text(one.cost_minor),
                one.price,
                money_text(one.value_minor),
                money_text(one.unrealised_minor),
            ]
        )
        rows += [
            ["", str(number), f"{lot.units:,}", "", money_text(lot.cost_minor), "", "", ""]
            for number, lot in enumerate(one.lots, 1)
        ]
    return rows


def _movements(lines: Sequence[StatementLine]) -> list[list[str]]:
    rows = [["Time (UTC)", "What", "Symbol", "Units", "Price", "Fee", "Cash", "Balance"]]
    for line in lines:
        rows.append(
            [
                _instant(line.at),
                line.kind.replace("_", " "),
                line.symbol or "",
                "" if line.units is None else f"{line.units:,}",
                line.price or line.ratio or "",
                money_text(line.fee_minor) if line.fee_minor else "",
                money_text(line.cash_minor) if line.cash_minor else "",
                money_text(line.balance_minor),
            ]
        )
    return rows


def _table(rows: Sequence[list[str]]) -> LongTable:
    return LongTable(rows, repeatRows=1, style=_GRID, hAlign="LEFT")


def _instant(at: Any) -> str:  # noqa: ANN401 -- a datetime; reportlab has no types of its own
    return str(at.strftime("%Y-%m-%d %H:%M:%S"))


def _footer(canvas: Any, document: Any) -> None:  # noqa: ANN401 -- as above
    canvas.saveState()
    canvas.setFont("Helvetica", 7)
    canvas.setFillColor(_INK)
    canvas.drawString(15 * mm, 8 * mm, "Curb Exchange")
    canvas.drawRightString(landscape(A4)[0] - 15 * mm, 8 * mm, f"Page {document.page}")
    canvas.restoreState()
