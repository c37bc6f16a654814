"""A trader's books follow what the venue says, and count an order from the moment it is sent."""

from hypothesis import given
from hypothesis import strategies as st

from simulators.market.books import Books, price_text, ticks_of
from simulators.market.view import Cancel, Place, Way


def order(tag, *, filled=0, qty=100, price="101.5"):
    return {
        "symbol": "AAPL",
        "client_order_id": tag,
        "side": "buy",
        "qty": str(qty),
        "filled_qty": str(filled),
        "limit_price": price,
    }


def update(event, tag, **more):
    position = more.pop("position", None)
    told = {"event": event, "order": order(tag, **more)}
    return told if position is None else told | {"position_qty": str(position)}


def sent(books, tag):
    books.sent("AAPL", tag, Place(Way.BUY, 100, 1_015_000), at_ms=5)


def test_an_order_counts_from_when_it_is_sent_until_it_is_refused():
    books = Books()
    sent(books, "a")
    assert [each.units for each in books.orders("AAPL")] == [100]
    books.refused("AAPL", "a")
    assert books.orders("AAPL") == ()


def test_a_partial_fill_leaves_the_rest_and_the_last_fill_nothing():
    books = Books()
    sent(books, "a")
    books.heard(update("new", "a"), at_ms=6)
    books.heard(update("partial_fill", "a", filled=30, position=30), at_ms=7)
    (left,) = books.orders("AAPL")
    assert (left.units, left.placed_at_ms, books.units("AAPL")) == (70, 5, 30)
    books.heard(update("fill", "a", filled=100, position=100), at_ms=8)
    assert books.orders("AAPL") == ()
    assert (books.units("AAPL"), books.fills) == (100, 2)


def test_an_order_is_cancelled_once_until_the_venue_refuses():
    books = Books()
    assert not books.may_send("AAPL", Cancel("a"))
    sent(books, "a")
    assert books.may_send("AAPL", Cancel("a"))
    assert not books.may_send("AAPL", Cancel("a"))
    books.kept("a")
    assert books.may_send("AAPL", Cancel("a"))
    books.heard(update("canceled", "a"), at_ms=9)
    assert books.orders("AAPL") == ()


def test_loading_forgets_what_was_only_hoped_for():
    books = Books()
    sent(books, "lost")
    held = [{"symbol": "IBM", "qty": "7"}]
    books.loaded([order("there", filled=10, price=None)], held, at_ms=20)
    (there,) = books.orders("AAPL")
    assert (there.tag, there.units, there.price_ticks, there.placed_at_ms) == ("there", 90, 0, 20)
    assert (books.units("IBM"), books.units("AAPL")) == (7, 0)


@given(st.integers(1, 10**12))
def test_prices_go_to_text_and_back(ticks):
    assert ticks_of(price_text(ticks)) == ticks


def test_prices_come_as_text_numbers_or_not_at_all():
    assert ticks_of("131.2") == ticks_of(131.2) == 1_312_000
    assert ticks_of(None) == 0
