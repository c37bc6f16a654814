"""The ladder shows the book with the trader's own orders, and keys mean what the page says."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from launcher.trade.draw import lines, picture, price_text, trade_line
from launcher.trade.ladder import (
    CancelOrders,
    Ladder,
    Leave,
    Order,
    OwnOrder,
    Print,
    step_at,
)

D = Decimal


def a_ladder():
    ladder = Ladder("AAPL", bids=[(D("131.19"), 300), (D("131.18"), 500)], asks=[(D("131.22"), 40)])
    ladder.orders = {
        "1": OwnOrder("1", "buy", D("131.18"), 20),
        "2": OwnOrder("2", "buy", D("131.18"), 5),
        "3": OwnOrder("3", "sell", D("131.30"), 10),
    }
    ladder.trades.appendleft(Print("14:30:01", D("131.20"), 7, "buy"))
    ladder.position, ladder.average, ladder.cash = 100, D("130.205"), D("5000")
    return ladder


def drawn(ladder):
    console = Console(width=120, record=True, file=None, force_terminal=False)
    with console.capture() as captured:
        console.print(picture(ladder))
    return captured.get()


def test_rows_hold_both_sides_and_own_orders_even_far_from_the_market():
    rows = a_ladder().rows()
    assert [row.price for row in rows] == [D("131.30"), D("131.22"), D("131.19"), D("131.18")]
    assert rows[0].own_sells == 10
    assert rows[0].ask_units == 0
    assert (rows[3].own_buys, rows[3].bid_units) == (25, 500)


def test_the_picture_tells_price_position_profit_and_orders():
    told = drawn(a_ladder())
    for word in ("AAPL", "131.20", "position 100", "+100.00", "5,000.00", "25", "14:30:01"):
        assert word in told, told


def test_the_plain_lines_tell_the_same_without_colours():
    told = "\n".join(lines(a_ladder()))
    assert "\x1b" not in told
    assert "300       131.19" in told
    assert "yours: 25" in told


def test_an_empty_market_can_be_drawn_and_has_no_profit():
    ladder = Ladder("IBM", position=5)
    assert ladder.unrealised == 0
    assert "IBM" in drawn(ladder)
    assert ladder.press("up") is None
    assert "no price" in ladder.said


def test_buying_and_selling_at_the_cursor_and_at_the_market():
    ladder = a_ladder()
    assert ladder.press("b") is None
    assert "price first" in ladder.said
    ladder.press("up")
    assert ladder.cursor == D("131.19")
    ladder.press("up")
    assert ladder.press("b") == Order("buy", 10, D("131.20"))
    ladder.press("+")
    ladder.press("down")
    assert ladder.press("s") == Order("sell", 50, D("131.19"))
    ladder.press("-")
    ladder.press("-")
    assert ladder.press("B") == Order("buy", 5, None)
    assert ladder.press("S") == Order("sell", 5, None)


def test_cancelling_at_the_cursor_and_all():
    ladder = a_ladder()
    ladder.cursor = D("131.18")
    assert ladder.press("c") == CancelOrders(("1", "2"))
    assert ladder.press("C") == CancelOrders(("1", "2", "3"))
    ladder.cursor = D("131.00")
    assert ladder.press("c") is None
    assert "at the cursor" in ladder.said


def test_leaving_and_keys_that_mean_nothing():
    for key in ("q", "\x03", "\x04"):
        assert a_ladder().press(key) == Leave()
    assert a_ladder().press("x") is None


@given(st.lists(st.sampled_from(["up", "down", "+", "-"]), max_size=60))
def test_the_cursor_never_leaves_the_prices_and_the_quantity_never_ends(keys):
    ladder = Ladder("PENNY", bids=[(D("1.0000"), 5)])
    for key in keys:
        ladder.press(key)
        assert ladder.units >= 1
        cursor = ladder.cursor
        assert cursor is None or (cursor > 0 and cursor % step_at(cursor, 1) == 0)


def test_steps_are_a_cent_and_below_a_dollar_a_hundredth_of_one():
    assert step_at(D("1.00"), 1) == D("0.01")
    assert step_at(D("1.00"), -1) == D("0.0001")
    assert step_at(D("0.5"), 1) == D("0.0001")


def test_prices_show_sub_pennies_only_where_there_are_any():
    assert price_text(D("131.2")) == "131.20"
    assert price_text(D("0.1234")) == "0.1234"
    assert price_text(D("1234.5")) == "1,234.50"
    assert price_text(None) == "-"
    assert trade_line("IBM", Print("09:30:00", D("200"), 3, "")) == "09:30:00 IBM 3 @ 200.00"
