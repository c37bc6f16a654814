"""Real sessions of another exchange: our trades are its trades, our book is its book."""

import json
import os
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.coinbase_replay import Replay, read_messages, ticks_per_price
from tests.trading.venue_rig import check_venue

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("CURB_DATA_DIR", ROOT.parent / "shared" / "data"))
FOLDER = DATA / "market" / "coinbase_l3"
SESSIONS = sorted(FOLDER.glob("*.in*")) or [None]


@pytest.mark.parametrize("path", SESSIONS, ids=lambda path: path.name if path else "absent")
def test_a_recorded_session_gives_the_recorded_trades_and_book(path):
    if path is None:
        pytest.skip(f"There are no recorded sessions in {FOLDER}.")
    expected = json.loads(path.with_name(path.name.split(".")[0] + ".out").read_text())
    replay = Replay(ticks_per_price(read_messages(path)))
    replay.run(read_messages(path), until=expected["sequence"])
    assert replay.submitted > 0
    assert replay.own == replay.recorded
    for side, levels in zip(("bids", "asks"), replay.book(), strict=True):
        recorded = [(Decimal(str(p)), Decimal(str(size))) for p, size in expected[side]]
        assert levels[: len(recorded)] == recorded
    check_venue(replay.engine.venue)


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
    replay = Replay(ticks_per_price(messages))
    replay.run(messages)
    assert replay.own == replay.recorded
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
    assert replay.book()[1] == [(Decimal(20), Decimal("0.5"))]


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
    assert replay.book() == ([(Decimal(10), Decimal(1))], [])


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
    replay = Replay(100)
    replay.run([old, received(7, "x", "sell", "10.00", "1"), done(6, "a", "canceled")])
    assert replay.book()[0] == [(Decimal(10), Decimal(1))]
