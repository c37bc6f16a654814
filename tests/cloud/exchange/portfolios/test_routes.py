"""Portfolios over HTTP: opened, named, valued to the cent, moved between, charted, projected."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest

from cloud.accounts.user import Role
from cloud.exchange.portfolios.recorder import EquityRecorder
from cloud.exchange.portfolios.tables import EquitySampleRow
from cloud.exchange.public_ids import portfolio_id_of
from tests.support.listeners import owner
from tests.support.venue_app import VenueApp, venue_app
from trading.commands import (
    AdvanceDay,
    Deposit,
    DepositUnits,
    ListInstrument,
    SetPhase,
    SplitInstrument,
)
from trading.instruments import CONTINUOUS, Instrument
from trading.orders import BUY, SELL

URL = "/api/v1/portfolios"
# 1 tick is a hundredth of a cent.
ACME = Instrument(
    1, "ACME", 1_000_000, ((0, 1), (10_000, 100)), money_divisor=100, taker_fee_rate=1_000
)


@pytest.fixture
async def app(kit) -> AsyncIterator[VenueApp]:
    async with venue_app(kit) as made:
        await made.submit(ListInstrument(0, 0, ACME))
        await made.submit(SetPhase(0, 0, 0, CONTINUOUS))
        yield made


async def _open(
    app: VenueApp, headers: dict[str, str], name: str, cash: int = 0
) -> tuple[str, int]:
    answer = await app.client.post(URL, json={"name": name}, headers=headers)
    assert answer.status_code == 201, answer.text
    number = portfolio_id_of(UUID(answer.json()["id"]))
    assert number is not None
    if cash:
        await app.submit(Deposit(0, 0, number, cash))
    return answer.json()["id"], number


async def test_a_trader_opens_names_and_lists_portfolios(app):
    ada = await app.sign_in("ada@example.org", Role.TRADER)
    first, _ = await _open(app, ada, "main")
    second, _ = await _open(app, ada, "other")
    taken = await app.client.post(URL, json={"name": "main"}, headers=ada)
    assert (taken.status_code, taken.json()["code"]) == (409, "portfolio_name_taken")
    renamed = await app.client.patch(f"{URL}/{second}", json={"name": "savings"}, headers=ada)
    assert renamed.json()["name"] == "savings"
    clash = await app.client.patch(f"{URL}/{second}", json={"name": "main"}, headers=ada)
    assert clash.json()["code"] == "portfolio_name_taken"
    listed = (await app.client.get(URL, headers=ada)).json()
    assert [(one["id"], one["name"], one["is_open"]) for one in listed] == [
        (first, "main", True),
        (second, "savings", True),
    ]
    one = (await app.client.get(f"{URL}/{first}", headers=ada)).json()
    assert one == listed[0]


async def test_the_same_key_opens_one_portfolio(app):
    ada = await app.sign_in("ada@example.org", Role.TRADER)
    headers = ada | {"Idempotency-Key": "open-once-please"}
    answers = [await app.client.post(URL, json={"name": "main"}, headers=headers) for _ in "ab"]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert len((await app.client.get(URL, headers=ada)).json()) == 1


async def test_an_interrupted_opening_goes_on(app):
    ada = await app.sign_in("ada@example.org", Role.TRADER)
    await _open(app, ada, "main")
    # The process died after the row and before the engine was told.
    await app.kit.database.pool.execute(
        "INSERT INTO portfolios (account_id, name, currency, created_at) "
        "SELECT account_id, 'half', 'USD', now() FROM portfolios"
    )
    listed = (await app.client.get(URL, headers=ada)).json()
    assert [one["is_open"] for one in listed] == [True, False]
    unopened = await app.client.get(f"{URL}/{listed[1]['id']}/valuation", headers=ada)
    assert (unopened.status_code, unopened.json()["code"]) == (409, "portfolio_not_open")
    again, _ = await _open(app, ada, "half")
    assert again == listed[1]["id"]


async def test_others_portfolios_are_not_there_but_auditors_may_look(app):
    ada = await app.sign_in("ada@example.org", Role.TRADER)
    eve = await app.sign_in("eve@example.org", Role.TRADER)
    auditor = await app.sign_in("audit@example.org", Role.AUDITOR)
    driver = await app.sign_in("driver@example.org", Role.DRIVER)
    mine, _ = await _open(app, ada, "main", 1_000)
    for path in ("", "/valuation", "/history", "/projection", "/positions/ACME"):
        answer = await app.client.get(f"{URL}/{mine}{path}", headers=eve)
        assert (answer.status_code, answer.json()["code"]) == (404, "portfolio_not_found")
    assert (await app.client.get(f"{URL}/{mine}/valuation", headers=auditor)).is_success
    assert (await app.client.get(f"{URL}/{mine}/valuation", headers=driver)).status_code == 403
    for headers, status in ((eve, 404), (auditor, 403)):
        answer = await app.client.patch(f"{URL}/{mine}", json={"name": "x"}, headers=headers)
        assert answer.status_code == status


@pytest.mark.parametrize(
    "body", [{}, {"name": ""}, {"name": "a\x00b"}, {"name": 1}, {"name": "x" * 65}]
)
async def test_names_that_are_none_are_refused(app, body):
    ada = await app.sign_in("ada@example.org", Role.TRADER)
    answer = await app.client.post(URL, json=body, headers=ada)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


async def test_a_valuation_is_right_to_the_cent(app):
    ada = await app.sign_in("ada@example.org", Role.TRADER)
    bob = await app.sign_in("bob@example.org", Role.TRADER)
    mine, buyer = await _open(app, ada, "main", 10_000_00)
    _, seller = await _open(app, bob, "main", 1_000_00)
    await app.submit(DepositUnits(0, 0, seller, 1, 100, 50_00))
    await app.limit(seller, SELL, 30, 1_000_000)  # 100.00
    await app.limit(seller, SELL, 30, 1_020_000)  # 102.00
    await app.limit(buyer, BUY, 40, 1_020_000)  # 30 at 100, 10 at 102; 10 bp of 4,020.00
    await app.limit(seller, SELL, 1, 1_010_000)
    await app.limit(buyer, BUY, 1, 1_010_000)  # the mark is 101.00
    await app.limit(buyer, SELL, 5, 1_020_000)  # rests: five units are held
    worth = (await app.client.get(f"{URL}/{mine}/valuation", headers=ada)).json()
    (position,) = worth["positions"]
    cost, fees = 4_020_00 + 101_00, 4_02 + 10
    assert worth["cash_minor"] == 10_000_00 - cost - fees
    assert worth["fees_minor"] == fees
    assert position["units"] == 41
    assert position["held_units"] == 5
    assert position["cost_minor"] == cost
    assert position["average_price"] == "100.51219512"
    assert position["mark_price"] == "101.00"
    assert position["value_minor"] == 41 * 101_00
    assert position["unrealised_minor"] == 41 * 101_00 - cost
    assert worth["equity_minor"] == worth["cash_minor"] + 41 * 101_00
    assert worth["unrealised_minor"] == position["unrealised_minor"]
    assert worth["day_profit_minor"] == position["unrealised_minor"] - fees
    assert worth["realised_minor"] == 0


async def test_lots_show_profit_first_in_first_out_beside_the_average(app):
    ada = await app.sign_in("ada@example.org", Role.TRADER)
    bob = await app.sign_in("bob@example.org", Role.TRADER)
    mine, trader = await _open(app, ada, "main", 10_000_00)
    _, other = await _open(app, bob, "main", 10_000_00)
    await app.submit(DepositUnits(0, 0, other, 1, 100, 0))
    for units, price in ((10, 1_000_000), (10, 1_100_000)):
        await app.limit(other, SELL, units, price)
        await app.limit(trader, BUY, units, price)
    await app.limit(other, BUY, 5, 1_200_000)
    await app.limit(trader, SELL, 5, 1_200_000)
    found = (await app.client.get(f"{URL}/{mine}/positions/ACME", headers=ada)).json()
    assert [(lot["units"], lot["cost_minor"]) for lot in found["lots"]] == [
        (5, 500_00),
        (10, 1_100_00),
    ]
    assert found["position"]["realised_minor"] == 5 * 120_00 - 5 * 105_00
    assert found["position"]["realised_fifo_minor"] == 5 * 120_00 - 5 * 100_00
    assert found["unrealised_fifo_minor"] == 15 * 120_00 - 1_600_00
    assert found["position"]["unrealised_minor"] == 15 * 120_00 - 1_575_00
    missing = await app.client.get(f"{URL}/{mine}/positions/NONE", headers=ada)
    assert (missing.status_code, missing.json()["code"]) == (404, "instrument_not_found")


async def test_cash_and_units_move_between_own_portfolios_once_a_key(app):
    ada = await app.sign_in("ada@example.org", Role.TRADER)
    eve = await app.sign_in("eve@example.org", Role.TRADER)
    first, one = await _open(app, ada, "main", 500_00)
    second, _ = await _open(app, ada, "other")
    evil, _ = await _open(app, eve, "main")
    await app.submit(DepositUnits(0, 0, one, 1, 10, 100_00))
    keyed = ada | {"Idempotency-Key": "move-it-just-once"}
    body = {"to_portfolio_id": second, "amount_minor": 200_00}
    answers = await asyncio.gather(
        *(app.client.post(f"{URL}/{first}/moves/cash", json=body, headers=keyed) for _ in range(4))
    )
    assert [answer.status_code for answer in answers] == [201] * 4
    assert len({answer.json()["sequence"] for answer in answers}) == 1
    changed = await app.client.post(
        f"{URL}/{first}/moves/cash", json=body | {"amount_minor": 1}, headers=keyed
    )
    assert (changed.status_code, changed.json()["code"]) == (409, "idempotency_key_reused")
    units = {"to_portfolio_id": second, "symbol": "ACME", "units": 4}
    moved = await app.client.post(f"{URL}/{first}/moves/units", json=units, headers=ada)
    assert moved.status_code == 201
    for path, wrong, status, code in (
        ("cash", {"to_portfolio_id": second, "amount_minor": 300_01}, 409, "move_refused"),
        ("cash", {"to_portfolio_id": evil, "amount_minor": 1}, 404, "portfolio_not_found"),
        ("cash", {"to_portfolio_id": first, "amount_minor": 1}, 409, "move_refused"),
        ("cash", {"to_portfolio_id": second, "amount_minor": 0}, 400, "invalid_request"),
        ("cash", {"to_portfolio_id": second, "amount_minor": 1.5}, 400, "invalid_request"),
        ("units", units | {"units": 7}, 409, "move_refused"),
        ("units", units | {"symbol": "NONE"}, 404, "instrument_not_found"),
    ):
        answer = await app.client.post(f"{URL}/{first}/moves/{path}", json=wrong, headers=ada)
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    theirs = await app.client.post(f"{URL}/{first}/moves/cash", json=body, headers=eve)
    assert theirs.status_code == 404
    worth = [
        (await app.client.get(f"{URL}/{p}/valuation", headers=ada)).json() for p in (first, second)
    ]
    assert [w["cash_minor"] for w in worth] == [300_00, 200_00]
    assert [w["positions"][0]["units"] for w in worth] == [6, 4]
    assert [w["positions"][0]["cost_minor"] for w in worth] == [60_00, 40_00]
    assert [w["day_profit_minor"] for w in worth] == [0, 0]


async def test_a_move_that_was_done_before_a_crash_is_found_not_repeated(app):
    ada = await app.sign_in("ada@example.org", Role.TRADER)
    first, _ = await _open(app, ada, "main", 500_00)
    second, _ = await _open(app, ada, "other")
    keyed = ada | {"Idempotency-Key": "crash-in-between"}
    body = {"to_portfolio_id": second, "amount_minor": 200_00}
    done = await app.client.post(f"{URL}/{first}/moves/cash", json=body, headers=keyed)
    await app.kit.database.pool.execute(
        "UPDATE portfolio_moves SET done_sequence = NULL, done_at = NULL"
    )
    again = await app.client.post(f"{URL}/{first}/moves/cash", json=body, headers=keyed)
    assert again.json()["sequence"] == done.json()["sequence"]
    worth = (await app.client.get(f"{URL}/{first}/valuation", headers=ada)).json()
    assert worth["cash_minor"] == 300_00


async def _samples(app: VenueApp, number: int) -> list[tuple[int, int]]:
    rows = await app.kit.database.pool.fetch(
        "SELECT equity, flows FROM equity_samples WHERE portfolio_id = $1 ORDER BY at", number
    )
    return [(row["equity"], row["flows"]) for row in rows]


def _recorder(app: VenueApp) -> EquityRecorder:
    """The one that hears this application's picture."""
    found: EquityRecorder = owner(app.sequencer, "equity-curve")
    return found


async def test_the_equity_curve_is_taken_by_the_minute_and_the_day(app, clock):
    ada = await app.sign_in("ada@example.org", Role.TRADER)
    bob = await app.sign_in("bob@example.org", Role.TRADER)
    mine, buyer = await _open(app, ada, "main", 1_000_00)
    _, seller = await _open(app, bob, "main", 0)
    await app.submit(DepositUnits(0, 0, seller, 1, 100, 0))
    recorder = _recorder(app)
    await recorder.look()
    await app.limit(seller, SELL, 5, 1_000_000)
    await app.limit(buyer, BUY, 5, 1_000_000)
    clock.advance(timedelta(minutes=1))
    await recorder.look()
    await app.limit(seller, SELL, 1, 1_100_000)
    await app.limit(buyer, BUY, 1, 1_100_000)
    clock.advance(timedelta(minutes=1))
    await recorder.look()
    clock.advance(timedelta(minutes=1))
    await recorder.look()  # nothing changed: no sample
    fees = 50, 61
    assert await _samples(app, buyer) == [
        (1_000_00 - fees[0], 1_000_00),
        (1_050_00 - fees[1], 1_000_00),
    ]
    found = (
        await app.client.get(f"{URL}/{mine}/history", params={"timeframe": "1Min"}, headers=ada)
    ).json()
    assert [p["profit_minor"] for p in found["points"]] == [
        -fees[0],
        50_00 - fees[1],
        50_00 - fees[1],  # now
    ]
    assert found["points"][-1]["profit_ppm"] == (50_00 - fees[1]) * 10
    await app.submit(AdvanceDay(0, 0, 30_000))
    await recorder.look()
    assert len(await _samples(app, buyer)) == 3
    whole = (await app.client.get(f"{URL}/{mine}/history", headers=ada)).json()
    assert [p["equity_minor"] for p in whole["points"]] == [1_050_00 - fees[1]]
    wide = {"timeframe": "1Min", "starts_at": "2020-01-01T00:00:00Z"}
    too_long = await app.client.get(f"{URL}/{mine}/history", params=wide, headers=ada)
    assert (too_long.status_code, too_long.json()["code"]) == (422, "history_too_long")


async def test_flows_go_on_after_a_restart(kit, clock):
    async with venue_app(kit) as app:
        await app.submit(ListInstrument(0, 0, ACME))
        ada = await app.sign_in("ada@example.org", Role.TRADER)
        mine, number = await _open(app, ada, "main", 700_00)
        await _recorder(app).look()
        clock.advance(timedelta(minutes=1))
        await _recorder(app).look()
        assert await _samples(app, number) == [(700_00, 700_00)]
        await app.submit(Deposit(0, 0, number, 300_00))  # after the last sample
        await app.submit(DepositUnits(0, 0, number, 1, 2, 1))
    async with venue_app(kit) as app:
        await _recorder(app).look()
        clock.advance(timedelta(minutes=1))
        await _recorder(app).look()
        assert (await _samples(app, number))[-1] == (1_200_00, 1_200_00)
        worth = (await app.client.get(f"{URL}/{mine}/valuation", headers=ada)).json()
        assert worth["day_profit_minor"] == 0


async def test_a_split_moves_the_mark_and_makes_no_profit(app):
    ada = await app.sign_in("ada@example.org", Role.TRADER)
    mine, number = await _open(app, ada, "main")
    await app.submit(DepositUnits(0, 0, number, 1, 7, 700_00))
    await app.submit(SplitInstrument(0, 0, 1, 2, 1))
    worth = (await app.client.get(f"{URL}/{mine}/valuation", headers=ada)).json()
    assert worth["positions"][0]["units"] == 14
    assert worth["positions"][0]["mark_price"] == "50.00"
    assert worth["equity_minor"] == 700_00


async def test_a_projection_takes_enough_days(app, clock):
    ada = await app.sign_in("ada@example.org", Role.TRADER)
    mine, number = await _open(app, ada, "main", 1_000_00)
    short = await app.client.get(f"{URL}/{mine}/projection", headers=ada)
    assert (short.status_code, short.json()["code"]) == (409, "history_too_short")
    async with app.kit.database.session() as session:
        for day in range(30):
            equity = 1_000_00 + (day % 2) * 10_00
            at = clock.now() - timedelta(days=30 - day)
            session.add(
                EquitySampleRow(
                    portfolio_id=number, at=at, sequence=1, equity=equity, cash=0, flows=1_000_00
                )
            )
    for method in ("lognormal", "bootstrap"):
        found = (
            await app.client.get(
                f"{URL}/{mine}/projection", params={"method": method, "days": 5}, headers=ada
            )
        ).json()
        assert found["observed_days"] == 29
        assert len(found["days"]) == 5
        low, _, middle, _, high = found["days"][-1]["equity_minor"]
        assert low < high
        assert low <= middle <= high
    for wrong in ({"days": 0}, {"days": 253}, {"method": "tea-leaves"}):
        answer = await app.client.get(f"{URL}/{mine}/projection", params=wrong, headers=ada)
        assert answer.status_code == 400
    empty, _ = await _open(app, ada, "empty")
    nothing = await app.client.get(f"{URL}/{empty}/projection", headers=ada)
    assert (nothing.status_code, nothing.json()["code"]) == (409, "nothing_to_project")
