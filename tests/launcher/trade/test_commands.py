"""`curb trade` says to the venue what the person said, and says back what the venue did."""

import json

import pytest
from click.testing import CliRunner

from launcher.cli import main
from launcher.errors import ExitCode
from tests.launcher.trade.fake_venue import fake_venue

ORDER_ID = "0b5c3a52-9f7e-8a31-8000-00000000002a"
ORDER = {
    "id": ORDER_ID,
    "symbol": "AAPL",
    "side": "buy",
    "qty": "10",
    "type": "limit",
    "time_in_force": "day",
    "limit_price": "131.2",
    "status": "partially_filled",
    "filled_qty": "4",
    "filled_avg_price": "131.175",
}


@pytest.fixture
def venue():
    with fake_venue() as made:
        made.answer("POST", "/v2/orders", ORDER | {"status": "accepted"})
        made.answer("GET", f"/v2/orders/{ORDER_ID}", ORDER)
        made.answer("GET", "/v2/orders", [ORDER])
        made.answer("DELETE", f"/v2/orders/{ORDER_ID}", None, 204)
        yield made


def curb(venue, *arguments):
    return CliRunner().invoke(main, ["trade", *arguments], env=venue.environ())


def test_a_limit_order_goes_out_as_text_and_comes_back_with_what_it_did(venue):
    done = curb(venue, "buy", "aapl", "10", "--limit", "131.20", "--id", "mine")
    assert done.exit_code == 0, done.output
    assert done.output == (
        "buy 10 AAPL limit 131.20 day: partially_filled, 4 at 131.175  " + ORDER_ID + "\n"
    )
    assert venue.asked[0][3] == {
        "symbol": "AAPL",
        "qty": "10",
        "side": "buy",
        "type": "limit",
        "time_in_force": "day",
        "limit_price": "131.20",
        "client_order_id": "mine",
    }
    assert venue.headers[0]["APCA-API-KEY-ID"] == "PKTEST"
    assert venue.headers[0]["APCA-API-SECRET-KEY"] == "secret"


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ([], {"type": "market"}),
        (["--stop", "120"], {"type": "stop", "stop_price": "120"}),
        (
            ["--stop", "120", "--limit", "119.5"],
            {"type": "stop_limit", "stop_price": "120", "limit_price": "119.5"},
        ),
        (["--trail", "1.5"], {"type": "trailing_stop", "trail_price": "1.5"}),
        (["--trail-percent", "2"], {"type": "trailing_stop", "trail_percent": "2"}),
        (
            ["--take-profit", "140", "--stop-loss", "1E+2"],
            {
                "type": "market",
                "order_class": "bracket",
                "take_profit": {"limit_price": "140"},
                "stop_loss": {"stop_price": "100"},
            },
        ),
        (
            ["--stop-loss", "100", "--tif", "gtc"],
            {"order_class": "oto", "stop_loss": {"stop_price": "100"}, "time_in_force": "gtc"},
        ),
    ],
)
def test_the_kinds_of_orders(venue, said, meant):
    assert curb(venue, "sell", "AAPL", "10", *said).exit_code == 0
    body = venue.asked[0][3]
    assert body["side"] == "sell"
    assert {name: body[name] for name in meant} == meant
    assert ("limit_price" in body) == ("limit_price" in meant)


@pytest.mark.parametrize(
    "said",
    [
        ["--limit", "NaN"],
        ["--limit", "-1"],
        ["--limit", "0"],
        ["--limit", "abc"],
        ["--limit", "inf"],
        ["--tif", "forever"],
    ],
)
def test_what_is_no_order_is_a_usage_error_and_asks_nobody(venue, said):
    done = curb(venue, "buy", "AAPL", "10", *said)
    assert done.exit_code == ExitCode.USAGE
    assert venue.asked == []


@pytest.mark.parametrize("quantity", ["0", "-3", "1.5", "x"])
def test_quantities_are_whole_and_positive(venue, quantity):
    assert curb(venue, "buy", "AAPL", "--", quantity).exit_code == ExitCode.USAGE


def test_what_does_not_go_together_is_said(venue):
    done = curb(venue, "buy", "AAPL", "1", "--trail", "1", "--trail-percent", "1")
    assert done.exit_code == ExitCode.FAILED
    assert "not both" in done.output


def test_a_refusal_is_the_venue_s_sentence_and_exit_code_1(venue):
    told = {"code": 40310000, "message": "insufficient buying power"}
    venue.answer("POST", "/v2/orders", told, 403)
    done = curb(venue, "buy", "AAPL", "10")
    assert done.exit_code == ExitCode.FAILED
    assert "insufficient buying power (403, code 40310000)" in done.output


def test_a_standby_is_not_running(venue):
    venue.answer("GET", "/v2/account", {"message": "Another process leads."}, 503)
    done = curb(venue, "account")
    assert done.exit_code == ExitCode.NOT_RUNNING
    assert "Another process leads." in done.output


def test_nobody_there_is_not_running(venue):
    environ = venue.environ() | {"APCA_API_BASE_URL": "http://127.0.0.1:1"}
    done = CliRunner().invoke(main, ["trade", "positions"], env=environ)
    assert done.exit_code == ExitCode.NOT_RUNNING
    assert "does not answer" in done.output


def test_half_a_key_is_said():
    done = CliRunner().invoke(main, ["trade", "account"], env={"APCA_API_KEY_ID": "PK"})
    assert done.exit_code == ExitCode.FAILED
    assert "APCA_API_SECRET_KEY" in done.output


def test_without_a_system_it_says_how_to_start_one(tmp_path):
    environ = {"APCA_API_KEY_ID": ""}
    done = CliRunner().invoke(main, ["trade", "account", "--data", str(tmp_path)], env=environ)
    assert done.exit_code == ExitCode.NOT_RUNNING
    assert "curb up" in done.output


@pytest.mark.parametrize("which", [[ORDER_ID], ["AAPL"], ["--all"]])
def test_cancelling_by_id_by_symbol_and_all(venue, which):
    done = curb(venue, "cancel", *which)
    assert done.exit_code == 0, done.output
    assert venue.asked[-1][:2] == ("DELETE", f"/v2/orders/{ORDER_ID}")
    listed = [query for method, _, query, _ in venue.asked if method == "GET"]
    assert listed == ([] if which == [ORDER_ID] else [
        {"status": "open", "limit": "500"} | ({"symbols": "AAPL"} if which == ["AAPL"] else {})
    ])  # fmt: skip


def test_cancelling_by_one_s_own_id(venue):
    venue.answer("GET", "/v2/orders", [])
    venue.answer("GET", "/v2/orders:by_client_order_id", ORDER)
    assert curb(venue, "cancel", "my-own-1").exit_code == 0
    assert venue.asked[1][2] == {"client_order_id": "my-own-1"}


def test_cancelling_what_is_not_there_is_said(venue):
    venue.answer("GET", "/v2/orders", [])
    done = curb(venue, "cancel", "MSFT")
    assert done.exit_code == ExitCode.FAILED
    assert "no open order in MSFT" in done.output


@pytest.mark.parametrize("said", [[], ["AAPL", "--all"]])
def test_cancel_wants_one_of_both(venue, said):
    assert curb(venue, "cancel", *said).exit_code == ExitCode.USAGE


def test_replacing_names_only_what_changes(venue):
    venue.answer("PATCH", f"/v2/orders/{ORDER_ID}", ORDER | {"status": "new"})
    assert curb(venue, "replace", ORDER_ID, "--limit", "131.5").exit_code == 0
    assert venue.asked[-1][3] == {"limit_price": "131.5"}
    assert curb(venue, "replace", ORDER_ID, "--tif", "gtc").exit_code == 0
    assert venue.asked[-1][3] == {"time_in_force": "gtc"}
    assert curb(venue, "replace", ORDER_ID, "--tif", "ioc").exit_code == ExitCode.USAGE
    assert curb(venue, "replace", ORDER_ID).exit_code == ExitCode.USAGE


def test_positions_and_account_are_tables_or_json(venue):
    position = {
        "symbol": "AAPL",
        "qty": "10",
        "avg_entry_price": "131.2",
        "current_price": "130",
        "market_value": "1300",
        "unrealized_pl": "-12",
    }
    venue.answer("GET", "/v2/positions", [position])
    table = curb(venue, "positions").output.splitlines()
    assert table[0].split() == ["symbol", "units", "average", "now", "worth", "profit"]
    assert table[1].split() == ["AAPL", "10", "131.20", "130.00", "1,300.00", "-12.00"]
    assert json.loads(curb(venue, "positions", "--json").output) == [position]
    venue.answer("GET", "/v2/positions", [])
    assert curb(venue, "positions").output == "You hold nothing.\n"
    account = {
        "id": "1",
        "status": "ACTIVE",
        "equity": "1000.5",
        "cash": "1000.5",
        "buying_power": "900",
    }
    venue.answer("GET", "/v2/account", account)
    assert "1,000.50" in curb(venue, "account").output


def test_orders_ask_for_open_ones_or_all(venue):
    assert "partially_filled" in curb(venue, "orders").output
    assert curb(venue, "orders", "--all", "--json").exit_code == 0
    assert [asked[2]["status"] for asked in venue.asked] == ["open", "all"]
    venue.answer("GET", "/v2/orders", [])
    assert curb(venue, "orders").output == "You have no orders here.\n"


def test_a_misspelt_command_is_no_symbol(venue):
    done = curb(venue, "byu", "AAPL", "1")
    assert done.exit_code == ExitCode.USAGE
    assert "No such command" in done.output
