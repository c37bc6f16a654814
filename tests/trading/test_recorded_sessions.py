"""Real sessions of another exchange: our trades are its trades, our book is its book."""

import gzip
import json
import os
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner

from simulators.l3.__main__ import main
from simulators.l3.recording import read_messages, scale_of, sessions
from simulators.l3.replay import Replay
from simulators.l3.report import replay_session
from tests.trading.venue_rig import check_venue

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("CURB_RECORDINGS_DIR", ROOT.parent / "shared" / "data"))
FOLDER = DATA / "market" / "coinbase_l3"
SESSIONS = sessions(FOLDER) if FOLDER.is_dir() else []


@pytest.mark.parametrize("path", SESSIONS or [None], ids=lambda one: one.name if one else "absent")
def test_a_recorded_session_gives_the_recorded_trades_and_book(path):
    if path is None:
        pytest.skip(f"There are no recorded sessions in {FOLDER}.")
    report = replay_session(path)
    assert report.submitted > 0
    assert report.differences == []
    assert report.refused == 0


def message(kind, number, **fields):
    return {"type": kind, "sequence": number, "time": "t" if number else "", **fields}


def resting(order_id, side, price, size):
    return message("open", 0, order_id=order_id, side=side, price=price, remaining_size=size)


def received(number, order_id, side, price, size, order_type="limit", funds=None):
    return message(
        "received",
        number,
        order_id=order_id,
        side=side,
        price=price,
        size=size,
        funds=funds,
        order_type=order_type,
    )


def done(number, order_id, reason="filled"):
    return message("done", number, order_id=order_id, reason=reason)


def matched(number, maker, taker, price, size):
    return message(
        "match", number, maker_order_id=maker, taker_order_id=taker, price=price, size=size
    )


def replayed(*messages):
    replay = Replay(scale_of(messages))
    replay.run(messages)
    assert replay.venue.trades == replay.recorded
    assert not replay.venue.refusals
    check_venue(replay.venue.engine.venue)
    return replay


def test_funds_buy_what_they_pay_for():
    replay = replayed(
        resting("a", "sell", "10.00", "1"),
        resting("b", "sell", "20.00", "1"),
        received(1, "m", "buy", None, None, "market", "20"),
        matched(2, "a", "m", "10.00", "1"),
        done(3, "a"),
        matched(4, "b", "m", "20.00", "0.5"),
        done(5, "m"),
    )
    assert replay.venue.book()[1] == [(Decimal(20), Decimal("0.5"))]


def test_a_killed_order_does_not_trade():
    replayed(
        resting("a", "sell", "10.00", "1"),
        received(1, "k", "buy", "10.00", "2"),
        done(2, "k", "canceled"),
    )


def test_own_orders_taken_away_are_gone_before_the_order_trades():
    replay = replayed(
        resting("own", "sell", "10.00", "1"),
        resting("b", "sell", "10.00", "1"),
        received(1, "t", "buy", "10.00", "3"),
        message("change", 2, order_id="t", side="buy", old_size="3", new_size="2"),
        done(3, "own", "canceled"),
        matched(4, "b", "t", "10.00", "1"),
        done(5, "b"),
        message("open", 6, order_id="t", side="buy", price="10.00", remaining_size="1"),
    )
    assert replay.venue.book() == ([(Decimal(10), Decimal(1))], [])


def test_a_resting_order_that_shrank_keeps_its_place():
    replayed(
        resting("a", "sell", "10.001", "2"),
        resting("b", "sell", "10.001", "2"),
        message("change", 1, order_id="a", side="sell", old_size="2", new_size="1"),
        received(2, "t", "buy", "10.001", "2"),
        matched(3, "a", "t", "10.001", "1"),
        matched(4, "b", "t", "10.001", "1"),
        done(5, "t"),
    )


def test_what_the_snapshot_holds_already_is_not_played_again():
    old = resting("a", "buy", "10.00", "1") | {"sequence": 7}
    replay = replayed(old, received(7, "x", "sell", "10.00", "1"), done(6, "a", "canceled"))
    assert replay.venue.book()[0] == [(Decimal(10), Decimal(1))]


def test_an_order_announced_before_the_recording_rests_and_trades_as_the_feed_says():
    replay = replayed(
        resting("a", "sell", "10.00", "2"),
        matched(1, "a", "early", "10.00", "1"),
        message("open", 2, order_id="late", side="buy", price="9.00", remaining_size="3"),
    )
    assert replay.set_right == 2
    assert replay.venue.book() == ([(Decimal(9), Decimal(3))], [(Decimal(10), Decimal(1))])


def test_a_gap_is_named_and_what_it_hid_is_set_right():
    replay = replayed(
        resting("a", "sell", "10.00", "2"),
        resting("gone", "sell", "10.00", "2"),
        received(1, "cut", "buy", "9.00", "1"),
        # 2 to 4: "cut" came to rest, "gone" was filled.
        done(5, "gone"),
        done(6, "cut", "canceled"),
        received(8, "t", "buy", "10.00", "1"),
        matched(9, "a", "t", "10.00", "1"),
        done(10, "t"),
    )
    assert replay.gaps == [(2, 4), (7, 7)]
    assert replay.set_right == 1
    assert replay.venue.book() == ([], [(Decimal(10), Decimal(1))])


def test_prices_and_sizes_of_any_size_and_fineness_are_whole_in_the_engine():
    replayed(
        resting("a", "sell", "0.00000123", "250000000"),
        received(1, "m", "buy", "0.00000123", "250000000"),
        matched(2, "a", "m", "0.00000123", "250000000"),
        done(3, "a"),
        done(4, "m"),
    )


@pytest.fixture
def session(tmp_path):
    path = tmp_path / "tiny.in.gz"
    lines = [
        resting("a", "sell", "10.00", "2"),
        received(1, "t", "buy", "10.00", "1"),
        matched(2, "a", "t", "10.00", "1"),
        done(3, "t"),
    ]
    with gzip.open(path, "wt") as file:
        file.write("a line of the recorder's own\n")
        file.writelines(f"2016-03-12 00:08:37,352 {json.dumps(line)}\n" for line in lines)
    return path


def write_book(session, asks, sequence=3):
    book = {"bids": [], "asks": asks, "sequence": sequence}
    session.with_name("tiny.out").write_text(json.dumps(book))


def test_the_command_tells_equal_from_different_by_its_exit_status(session):
    assert len(list(read_messages(session))) == 4
    write_book(session, [[10, 1]])
    same = CliRunner().invoke(main, [str(session.parent)])
    assert (same.exit_code, "equal" in same.output) == (0, True)
    write_book(session, [[10.0, 0.5]])
    other = CliRunner().invoke(main, [str(session), "--json"])
    assert other.exit_code == 1
    assert "ask 1" in json.loads(other.output)[0]["differences"][0]


def test_a_recording_that_ends_before_its_book_is_not_called_equal(session):
    write_book(session, [[10, 1]], sequence=9)
    assert not replay_session(session).is_equal


def test_a_folder_without_sessions_is_said(tmp_path):
    found = CliRunner().invoke(main, [str(tmp_path)])
    assert found.exit_code == 2
    assert "no session" in found.output
