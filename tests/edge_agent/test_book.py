"""What the site remembers of cards, in whatever order it hears of them."""

import sqlite3

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.book import TAPS_KEPT, Book, CardSeen
from edge_agent.happenings import copied_card, learn_from_event, learn_from_tap, tag_of_uid
from edge_agent.store import Store
from protocols.gate import GateEvent, Tap
from protocols.portable import codes, macs
from tests.edge_agent.test_access import a_lane

TAG = bytes(7)


def seen(counter, at_ms=None, gate="elm-in-1", tap=0) -> CardSeen:
    return CardSeen(counter=counter, gate=gate, boot=1, tap=tap, at_ms=at_ms)


def reloaded(statements, tmp_path, now_ms=0) -> Book:
    store = Store(tmp_path / "book.sqlite3")
    book = Book()

    def write(connection: sqlite3.Connection) -> None:
        for sql, values in statements:
            connection.execute(sql, values)
        book.load(connection, now_ms)

    store.read_now(write)
    store.close()
    return book


def test_who_went_in_is_inside_until_it_comes_out():
    book = Book()
    assert not book.is_inside("elm", TAG)
    book.passed("elm", TAG, is_entry=True, at_ms=10)
    assert book.is_inside("elm", TAG)
    assert not book.is_inside("oak", TAG)
    book.passed("elm", TAG, is_entry=False, at_ms=20)
    assert not book.is_inside("elm", TAG)


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 50)), unique_by=lambda p: p[1], min_size=1))
def test_the_latest_passage_counts_in_whatever_order_they_are_told(passages):
    book = Book()
    for is_entry, at_ms in passages:
        book.passed("elm", TAG, is_entry=is_entry, at_ms=at_ms)
    assert book.is_inside("elm", TAG) == max(passages, key=lambda p: p[1])[0]


def test_the_book_is_the_same_after_a_restart(tmp_path):
    book, statements = Book(), []
    statements += book.passed("elm", TAG, is_entry=True, at_ms=10)
    statements += book.saw(TAG, seen(5, at_ms=10))
    statements += book.tapped("elm-in-1", 1, 4, TAG)
    again = reloaded(statements, tmp_path)
    assert again.is_inside("elm", TAG)
    assert again.conflict(TAG, seen(4, at_ms=20, tap=9)) == seen(5, at_ms=10)
    assert again.tag_of_tap("elm-in-1", 1, 4) == TAG
    assert again.passed("elm", TAG, is_entry=False, at_ms=9) == []


def test_only_the_last_taps_of_a_gate_are_kept(tmp_path):
    book, statements = Book(), []
    for tap in range(TAPS_KEPT + 10):
        statements += book.tapped("elm-in-1", 1, tap, TAG)
    assert book.tag_of_tap("elm-in-1", 1, 9) is None
    again = reloaded(statements, tmp_path)
    for tap in range(TAPS_KEPT + 10):
        assert again.tag_of_tap("elm-in-1", 1, tap) == (TAG if tap >= 10 else None)


@given(st.lists(st.integers(0, 100), min_size=2))
def test_one_card_alone_is_never_called_a_copy(increments):
    """It counts up, or stays when a write was torn; gates may tell of its taps in any order."""
    book, counter = Book(), 0
    for tap, step in enumerate(increments):
        counter += min(step, 1)
        current = seen(counter, at_ms=tap, tap=tap)
        assert book.conflict(TAG, current) is None
        book.saw(TAG, current)


def test_a_tap_told_late_is_judged_by_when_it_was():
    book = Book()
    book.saw(TAG, seen(6, at_ms=100, gate="elm-in-2"))
    # The gate was cut off when the card had counter 5, before: nothing wrong with that.
    assert book.conflict(TAG, seen(5, at_ms=50)) is None
    # Before, but further on than it was later: two cards count by themselves.
    assert book.conflict(TAG, seen(7, at_ms=50)) == seen(6, at_ms=100, gate="elm-in-2")
    # Later, but behind.
    assert book.conflict(TAG, seen(5, at_ms=150)) == seen(6, at_ms=100, gate="elm-in-2")


def test_a_repeated_tap_is_no_conflict_with_itself():
    book = Book()
    book.saw(TAG, seen(6, at_ms=100))
    assert book.conflict(TAG, seen(5, at_ms=101)) is None


def event(kind, data, seq=0, at_ms=1000) -> GateEvent:
    return GateEvent(v=1, boot=1, seq=seq, at_ms=at_ms, up_ms=1, clock="set", kind=kind, data=data)


UID = "04a1b2c3d4e5f6"


def test_a_passage_after_a_tap_the_gate_decided_alone_is_known_by_its_access_event():
    book, lane = Book(), a_lane()
    learn_from_event(book, lane, event(codes.ACCESS, {"tap": 3, "uid": UID}), 2000)
    learn_from_event(book, lane, event(codes.PASSAGE, {"tap": 3, "direction": 1}), 2000)
    assert book.is_inside("elm", macs.tag_key(bytes.fromhex(UID)))


def test_a_grant_that_nobody_used_leaves_the_driver_outside():
    book, lane = Book(), a_lane()
    learn_from_event(book, lane, event(codes.ACCESS, {"tap": 3, "uid": UID}), 2000)
    learn_from_event(book, lane, event(codes.BACKED_OUT, {"tap": 3, "direction": 1}), 2000)
    assert not book.is_inside("elm", macs.tag_key(bytes.fromhex(UID)))


def test_a_copy_that_a_gate_let_in_alone_is_found_when_it_tells():
    book, lane = Book(), a_lane()
    tag = macs.tag_key(bytes.fromhex(UID))
    earlier = seen(9, at_ms=500, gate="elm-in-2", tap=1)
    book.saw(tag, earlier)
    data = {"tap": 3, "uid": UID, "level": 1, "counter": 8}
    _, copied = learn_from_event(book, lane, event(codes.ACCESS, data), 2000)
    assert copied == copied_card(tag, earlier, seen(8, at_ms=1000, tap=3))
    # The same event again tells nothing new.
    assert learn_from_event(book, lane, event(codes.ACCESS, data), 2000)[1] is None


def test_a_copy_that_the_agent_refused_is_not_told_twice():
    book, lane = Book(), a_lane()
    tag = macs.tag_key(bytes.fromhex(UID))
    book.saw(tag, seen(9, at_ms=500, gate="elm-in-2"))
    tap = Tap(v=1, boot=1, seq=3, uid=UID, read=0, level=1, counter=8, clock="set")
    assert learn_from_tap(book, tap, tag, "elm-in-1", 900)[1]
    assert not learn_from_tap(book, tap, tag, "elm-in-1", 900)[1]
    data = {"tap": 3, "uid": UID, "level": 1, "counter": 8}
    assert learn_from_event(book, lane, event(codes.ACCESS, data), 2000)[1] is None


@given(st.dictionaries(st.text(max_size=8), st.none() | st.integers() | st.text() | st.booleans()))
def test_no_event_data_whatever_breaks_the_learning(data):
    for kind in (codes.ACCESS, codes.PASSAGE):
        for uid in (UID, "zz", 7):
            learn_from_event(Book(), a_lane(), event(kind, {"tap": 1, "uid": uid} | data), 1)


def test_a_uid_has_4_7_or_10_bytes():
    for good in ("01020304", UID, "0102030405060708090a"):
        assert tag_of_uid(good) == macs.tag_key(bytes.fromhex(good))
    for bad in ("", "0102", "zz020304", "01 02 03", None, 4, "0102030405"):
        assert tag_of_uid(bad) is None
