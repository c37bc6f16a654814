"""A client's books: what comes once, twice, too early or not at all."""

from decimal import Decimal
from typing import Any

import pytest

from protocols.market_book import (
    LevelBook,
    OrderBook,
    SequenceGapError,
    StreamPlace,
    resume_request,
    subscribe_request,
)


def levels(seq: int, bids: list[Any] = [], asks: list[Any] = [], **more: Any) -> dict[str, Any]:  # noqa: B006
    def side(pairs: list[Any]) -> list[dict[str, Any]]:
        return [{"p": price, "s": size, "n": 1} for price, size in pairs]

    return {"T": "o", "S": "AAPL", "seq": seq, "b": side(bids), "a": side(asks), **more}


def started(seq: int = 7) -> LevelBook:
    book = LevelBook("AAPL")
    assert book.apply(levels(seq, [(99.5, 10), (99, 20)], [(100.25, 30)], r=True, epoch="e"))
    return book


def test_levels_come_change_and_go() -> None:
    book = started()
    assert book.apply(levels(8, [(99.5, 0), (98, 5)], [(100.25, 31), ("100.30", 1)], r=False))
    assert book.bids() == [(Decimal(99), 20), (Decimal(98), 5)]
    assert book.asks(1) == [(Decimal("100.25"), 31)]
    assert book.orders_at(Decimal("100.3"), is_bid=False) == 1
    assert book.orders_at(Decimal("99.5"), is_bid=True) == 0


def test_what_was_had_changes_nothing() -> None:
    book = started()
    assert not book.apply(levels(7, [(99.5, 0)], r=False))
    assert not book.apply(levels(3, [(99.5, 0)], r=False))
    assert book.bids(1) == [(Decimal("99.5"), 10)]


def test_gap_is_told_once_and_healed_by_what_was_missed() -> None:
    book = started()
    with pytest.raises(SequenceGapError, match="from 7 to 9"):
        book.apply(levels(9, [(97, 1)], r=False))
    assert not book.is_ready
    assert resume_request(book) == {
        "action": "subscribe",
        "orderbooks": ["AAPL"],
        "resume": {"orderbooks": {"AAPL": ["e", 7]}},
    }
    assert not book.apply(levels(10, [(97, 1)], r=False))
    for seq in (8, 9, 10):
        assert book.apply(levels(seq, [(97, seq)], r=False))
    assert book.is_ready
    assert book.bids()[-1] == (Decimal(97), 10)


def test_gap_is_healed_by_a_snapshot_too() -> None:
    book = started()
    with pytest.raises(SequenceGapError):
        book.apply(levels(12, r=False))
    assert book.apply(levels(40, [(1, 1)], r=True, epoch="f"))
    assert (book.bids(), book.asks(), book.is_ready) == ([(Decimal(1), 1)], [], True)
    assert book.apply(levels(41, [(1, 0)], r=False))


def test_deltas_before_the_first_snapshot_wait_for_it() -> None:
    book = LevelBook("AAPL")
    assert not book.apply(levels(12, [(99, 1)], r=False))
    assert not book.is_ready
    assert subscribe_request(book, OrderBook("IBM")) == {
        "action": "subscribe",
        "orderbooks": ["AAPL"],
        "bookOrders": ["IBM"],
    }
    assert "resume" not in resume_request(book)


def test_orders_keep_their_places_and_lose_them_when_added_again() -> None:
    book = OrderBook("AAPL")
    message: dict[str, Any] = {"T": "bo", "S": "AAPL", "seq": 1, "r": True, "epoch": "e"}
    book.apply(message | {"c": [["a", 1, "B", 99, 5], ["a", 2, "B", 99, 6], ["a", 3, "B", 100, 7]]})
    assert [order for order, _, _ in book.queue("B")] == [3, 1, 2]
    changes = [
        ["m", 2, "B", 99, 1],
        ["d", 1, "B", 99, 0],
        ["a", 1, "B", 99, 4],
        ["d", 3, "B", 100, 0],
    ]
    book.apply({"T": "bo", "S": "AAPL", "seq": 2, "r": False, "c": changes})
    assert book.queue("B") == [(2, Decimal(99), 1), (1, Decimal(99), 4)]
    assert book.queue("S") == []


def test_loss_of_the_very_first_message_shows() -> None:
    place = StreamPlace("trades", "AAPL")
    place.subscribed({"epoch": "e", "places": {"trades": {"AAPL": 5}}})
    with pytest.raises(SequenceGapError):
        place.is_new({"T": "t", "S": "AAPL", "seq": 7})
    assert place.is_new({"T": "t", "S": "AAPL", "seq": 6})


def test_reset_moves_the_place() -> None:
    place = StreamPlace("trades", "AAPL")
    place.is_new({"T": "t", "S": "AAPL", "seq": 3})
    reset = {"T": "reset", "channel": "trades", "S": "AAPL", "seq": 90, "epoch": "f"}
    assert place.is_for(reset)
    assert not place.is_for({**reset, "channel": "quotes"})
    assert not place.is_new(reset)
    assert place.is_new({"T": "t", "S": "AAPL", "seq": 91})


def test_fractional_sizes_stay_exact() -> None:
    book = LevelBook("X")
    book.apply({**levels(1, [(1e-8, 0.1)], r=True, epoch="e"), "S": "X"})
    assert book.bids() == [(Decimal("1E-8"), Decimal("0.1"))]
