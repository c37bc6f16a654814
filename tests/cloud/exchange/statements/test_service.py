"""Statements from the tables: they add up, agree with the engine, and read well as files."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import msgspec
import pytest

from cloud.accounts.user import Role
from cloud.exchange.portfolios.live import LivePortfolios
from cloud.exchange.public_ids import portfolio_id_of, portfolio_uuid
from cloud.exchange.statements import pdf_file
from cloud.exchange.statements.csv_file import to_csv
from cloud.exchange.statements.errors import PeriodInvalidError, StatementTooLongError
from cloud.exchange.statements.pdf_file import to_pdf
from cloud.exchange.statements.rules import DisagreementError
from cloud.exchange.statements.service import StatementService
from tests.cloud.exchange.test_tables_follow_the_journal import drive
from tests.support.exchange import leading_sequencer
from tests.support.venue_app import VenueApp, venue_app
from tests.trading import random_commands
from tests.trading.random_commands import MARKETS, PORTFOLIOS
from trading.commands import Deposit, DepositUnits, ListInstrument, SetPhase, SplitInstrument
from trading.instruments import CONTINUOUS, Instrument
from trading.orders import BUY, SELL

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
FAR_AHEAD = datetime(2100, 1, 1, tzinfo=UTC)
SHOWABLE = [
    MARKETS[0],
    Instrument(*(2 if n == 6 else value for n, value in enumerate(MARKETS[1].as_tuple()))),
    MARKETS[2],
]
ACME = Instrument(1, "ACME", 1_000_000, money_divisor=100, taker_fee_rate=1_000)


@pytest.mark.parametrize("seed", range(3))
async def test_statements_of_random_days_agree_with_the_engine(kit, clock, seed, monkeypatch):
    """`make` itself compares with the tables; here with the engine too, and from end to end."""
    monkeypatch.setattr(random_commands, "MARKETS", SHOWABLE)
    statements = StatementService(kit.database.pool)
    cuts = [LONG_AGO]
    async with leading_sequencer(kit) as sequencer:
        for part in range(3):
            await drive(sequencer, clock, seed * 10 + part, 400, is_settled=part == 0)
            clock.advance(timedelta(seconds=1))
            cuts.append(clock.now())
        venue, live = sequencer.engine.venue, LivePortfolios()
        live.start(sequencer.engine)
        lines = 0
        for owner in range(1, PORTFOLIOS + 1):
            one, now = venue.portfolios[owner], FAR_AHEAD
            closing = None
            for starts_at, ends_at in pairwise(cuts):
                made = await statements.make(owner, "p", "USD", starts_at, ends_at, now)
                opening = made.opening.cash_minor
                assert opening + sum(made.totals_minor.values()) == made.closing.cash_minor
                if made.lines:
                    assert made.lines[-1].balance_minor == made.closing.cash_minor
                if closing is not None:
                    assert msgspec.structs.replace(made.opening, at=LONG_AGO) == closing
                closing = msgspec.structs.replace(made.closing, at=LONG_AGO)
                lines += len(made.lines)
            assert closing is not None
            assert (closing.cash_minor, closing.fees_minor) == (one.cash, one.fees)
            assert closing.realised_minor == one.realised
            assert closing.equity_minor == live.equity(live.portfolios[owner])
            held = {n: p for n, p in one.positions.items() if p.units}
            assert [p.units for p in closing.positions] == [held[n].units for n in sorted(held)]
            for shown, number in zip(closing.positions, sorted(held), strict=True):
                assert [(lot.units, lot.cost_minor) for lot in shown.lots] == held[number].lots()
        assert lines > 50


@pytest.fixture
async def app(kit) -> AsyncIterator[VenueApp]:
    async with venue_app(kit) as made:
        await made.submit(ListInstrument(0, 0, ACME))
        await made.submit(SetPhase(0, 0, 0, CONTINUOUS))
        yield made


async def _trader(app: VenueApp, email: str, cash: int = 0) -> tuple[dict[str, str], int]:
    headers = await app.sign_in(email, Role.TRADER)
    name = "=HYPERLINK(1)" if email.startswith("ada") else "main"
    made = await app.client.post("/api/v1/portfolios", json={"name": name}, headers=headers)
    number = portfolio_id_of(UUID(made.json()["id"]))
    assert number is not None
    if cash:
        await app.submit(Deposit(0, 0, number, cash))
    return headers, number


async def _small_history(app: VenueApp, clock) -> tuple[dict[str, str], int]:
    ada, mine = await _trader(app, "ada@example.org", 1_000_00)
    _, other = await _trader(app, "bob@example.org", 1_000_00)
    await app.submit(DepositUnits(0, 0, other, 1, 100, 0))
    clock.advance(timedelta(minutes=2))
    await app.limit(other, SELL, 5, 1_000_000)
    await app.limit(mine, BUY, 5, 1_000_000)
    await app.limit(other, BUY, 2, 1_100_000)
    await app.limit(mine, SELL, 2, 1_100_000)
    clock.advance(timedelta(minutes=2))
    await app.submit(SplitInstrument(0, 0, 1, 2, 1))
    clock.advance(timedelta(minutes=2))
    return ada, mine


async def test_a_statement_over_http_in_all_formats(app, clock):
    began = clock.now()
    ada, mine = await _small_history(app, clock)
    url = f"/api/v1/portfolios/{portfolio_uuid(mine)}/statement"
    since = {"starts_at": (began + timedelta(minutes=1)).isoformat()}
    made = (await app.client.get(url, params=since, headers=ada)).json()
    bought, sold, fees = -500_00, 220_00, -(50 + 22)
    assert made["opening"]["cash_minor"] == 1_000_00
    assert made["totals_minor"]["purchases"] == bought
    assert made["totals_minor"]["sales"] == sold
    assert made["totals_minor"]["fees"] == fees
    assert made["closing"]["cash_minor"] == 1_000_00 + bought + sold + fees
    assert [line["kind"] for line in made["lines"]] == ["bought", "sold", "split"]
    (position,) = made["closing"]["positions"]
    # Three were left at 100.00 each; the split made six of them, worth half of the last 110.00.
    assert (position["units"], position["cost_minor"], position["price"]) == (6, 300_00, "55.00")
    assert position["lots"] == [{"units": 6, "cost_minor": 300_00}]
    assert made["closing"]["realised_minor"] == 20_00

    answer = await app.client.get(url, params=since | {"format": "csv"}, headers=ada)
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert rows[0]["kind"] == "'=HYPERLINK(1)"  # no formula in a spreadsheet
    cash = {row["section"]: row["balance"] for row in rows if row["kind"] == "balance"}
    assert cash == {"opening": "1000.00", "closing": "719.28"}
    totals = sum(float(row["cash"]) for row in rows if row["section"] == "total")
    assert round(totals * 100) == bought + sold + fees
    moved = [row for row in rows if row["section"] == "movement"]
    assert [row["kind"] for row in moved] == ["bought", "sold", "split"]
    assert moved[-1]["balance"] == "719.28"
    assert moved[-1]["price"] == "2:1"

    answer = await app.client.get(url, params=since | {"format": "pdf"}, headers=ada)
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.content.startswith(b"%PDF-")
    assert answer.content.rstrip().endswith(b"%%EOF")


async def test_who_may_not_and_what_cannot_be(app, clock):
    ada, mine = await _small_history(app, clock)
    eve, _ = await _trader(app, "eve@example.org")
    auditor = await app.sign_in("audit@example.org", Role.AUDITOR)
    url = f"/api/v1/portfolios/{portfolio_uuid(mine)}/statement"
    assert (await app.client.get(url, headers=eve)).status_code == 404
    assert (await app.client.get(url, headers=auditor)).status_code == 200
    for params, status, code in (
        ({"starts_at": "2030-01-01T00:00:00Z"}, 422, "period_invalid"),
        ({"ends_at": "0001-01-01T00:00:00+14:00"}, 422, "period_invalid"),
        (
            {"starts_at": "2026-01-02T00:00:00Z", "ends_at": "2026-01-01T00:00:00Z"},
            422,
            "period_invalid",
        ),
        ({"format": "docx"}, 400, "invalid_request"),
        ({"starts_at": "yesterday"}, 400, "invalid_request"),
    ):
        answer = await app.client.get(url, params=params, headers=ada)
        assert (answer.status_code, answer.json()["code"]) == (status, code), params
    whole = {"starts_at": "0001-01-01T00:00:00-12:00", "ends_at": "9999-12-31T23:59:59-12:00"}
    made = (await app.client.get(url, params=whole, headers=ada)).json()
    assert [line["kind"] for line in made["lines"]][:1] == ["deposit"]


async def test_a_record_that_was_tampered_with_gives_no_statement(app, clock):
    _, mine = await _small_history(app, clock)
    statements, pool = StatementService(app.kit.database.pool), app.kit.database.pool
    await statements.make(mine, "p", "USD", LONG_AGO, FAR_AHEAD, clock.now())
    for tamper, restore in (
        ("UPDATE portfolio_balances SET cash = cash + 1", "SET cash = cash - 1"),
        ("UPDATE positions SET cost = cost - 1", "SET cost = cost + 1"),
        ("UPDATE trades SET taker_fee = taker_fee + 1", "SET taker_fee = taker_fee - 1"),
    ):
        await pool.execute(tamper)
        with pytest.raises(DisagreementError):
            await statements.make(mine, "p", "USD", LONG_AGO, FAR_AHEAD, clock.now())
        table = tamper.split()[1]
        await pool.execute(f"UPDATE {table} {restore}")


async def test_documents_have_a_bound(app, clock, monkeypatch):
    _, mine = await _small_history(app, clock)
    statements = StatementService(app.kit.database.pool)
    made = await statements.make(mine, "p & <q>", "USD", LONG_AGO, FAR_AHEAD, clock.now())
    assert to_pdf(made) == to_pdf(made)
    assert b"p & <q>" in to_csv(made)
    monkeypatch.setattr(pdf_file, "LINES_MAX", 1)
    with pytest.raises(StatementTooLongError, match="take the CSV"):
        to_pdf(made)
    monkeypatch.setattr("cloud.exchange.statements.service.LINES_MAX", 1)
    with pytest.raises(StatementTooLongError):
        await statements.make(mine, "p", "USD", LONG_AGO, FAR_AHEAD, clock.now())
    with pytest.raises(PeriodInvalidError):
        await statements.make(mine, "p", "USD", FAR_AHEAD, FAR_AHEAD, clock.now())
