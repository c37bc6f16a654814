"""Streams count what nobody heard: a place of before is over, also when everybody had left."""

from cloud.exchange.market_data.streams import Streams

BOOK = ("orderbooks", "AAPL")


class Nobody:
    """A listener that keeps nothing."""

    def offer(self, _batch):
        pass


def test_what_happens_while_nobody_listens_is_counted_and_cannot_be_resumed_over():
    streams = Streams("epoch")
    first = Nobody()
    streams.listen(first, *BOOK, now_ns=1)
    assert streams.stream(*BOOK).seq == 0
    streams.unlisten(first, *BOOK)
    # The first listener saw the book at number 0; now it changes, and nobody is there.
    assert not streams.is_wanted(*BOOK, now_ns=2)
    streams.skip(*BOOK)
    again = streams.stream(*BOOK)
    assert again.seq == 1
    assert again.since(0) is None


def test_a_made_up_symbol_is_forgotten_with_its_last_listener():
    streams = Streams("epoch")
    first = Nobody()
    streams.listen(first, "orderbooks", "MADE-UP", now_ns=1)
    made = streams.stream("orderbooks", "MADE-UP")
    streams.unlisten(first, "orderbooks", "MADE-UP")
    assert streams.stream("orderbooks", "MADE-UP") is not made
