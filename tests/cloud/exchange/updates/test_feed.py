"""Feeds: numbers without gaps, and exactly what was missed or nothing."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from cloud.exchange.updates import feed as feed_module
from cloud.exchange.updates.feed import Feed


class Reader:
    def __init__(self):
        self.heard = []

    def offer(self, data):
        self.heard.append(msgspec.json.decode(data))

    def end(self, code, message):
        raise AssertionError("nobody ends it")


@given(count=st.integers(0, 60), place=st.integers(-5, 70), kept=st.integers(1, 40))
def test_a_reader_that_comes_back_gets_what_it_missed_or_learns_that_it_cannot(count, place, kept):
    before = feed_module.KEPT_FRAMES_MAX
    feed_module.KEPT_FRAMES_MAX = kept
    try:
        feed = Feed("trade_updates", "e1")
        for number in range(count):
            feed.tell(b'{"n":%d}' % number)
        missed = feed.missed("e1", place)
    finally:
        feed_module.KEPT_FRAMES_MAX = before
    is_known = 0 <= place <= count and count - place <= min(kept, count)
    assert (missed is not None) == is_known
    if missed is not None:
        told = [msgspec.json.decode(frame) for frame in missed]
        assert [frame["seq"] for frame in told] == list(range(place + 1, count + 1))
        assert [frame["data"]["n"] for frame in told] == list(range(place, count))
    assert feed.missed("e2", place) is None


def test_readers_hear_from_when_they_come_to_when_they_leave():
    feed, one, other = Feed("portfolio", "e"), Reader(), Reader()
    feed.readers.add(one)
    feed.tell(b"1")
    feed.readers.add(other)
    feed.tell(b"2")
    feed.readers.discard(one)
    feed.tell(b"3")
    assert one.heard == [
        {"stream": "portfolio", "seq": 1, "data": 1},
        {"stream": "portfolio", "seq": 2, "data": 2},
    ]
    assert [frame["seq"] for frame in other.heard] == [2, 3]


def test_what_is_kept_is_bounded_in_bytes(monkeypatch):
    monkeypatch.setattr(feed_module, "KEPT_BYTES_MAX", 10_000)
    feed = Feed("trade_updates", "e")
    for _ in range(100):
        feed.tell(b'"%s"' % (b"x" * 500))
    assert len(feed.missed("e", feed.seq) or []) == 0
    kept = next(n for n in range(100, -1, -1) if feed.missed("e", 100 - n) is not None)
    assert 15 <= kept <= 20
