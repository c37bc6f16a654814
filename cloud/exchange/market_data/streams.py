"""The streams of a feed: one for each channel of each symbol, numbered without gaps.

A place in a stream is (epoch, seq). What was sent lately is kept, so that a client that comes back,
or has missed something, gets exactly that; streams that nobody has heard for a while are not even
written, only counted.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Protocol

from cloud.exchange.market_data.messages import Batch, StreamMessage
from protocols.market_book import CHANNEL_TYPES

ALL: Final = "*"
TAIL_MESSAGES_MAX: Final = 1_000
KEPT_UNHEARD_NS: Final = 60_000_000_000
BOOK_CHANNELS: Final = ("orderbooks", "bookOrders")


class Listener(Protocol):
    """A connection, as far as a stream needs it."""

    def offer(self, batch: Batch) -> None:
        """Queue messages for sending; never blocks, never fails."""
        ...


class Stream:
    """One channel of one symbol."""

    __slots__ = ("channel", "fresh", "heard_at_ns", "listeners", "seq", "symbol", "tail")

    def __init__(self, channel: str, symbol: str) -> None:
        self.channel = channel
        self.symbol = symbol
        self.seq = 0
        self.tail: deque[StreamMessage] = deque(maxlen=TAIL_MESSAGES_MAX)
        self.fresh: list[StreamMessage] = []
        self.listeners: dict[Listener, None] = {}
        self.heard_at_ns = 0

    def since(self, seq: int) -> Sequence[StreamMessage] | None:
        """Everything after that number; None if it is not at hand any more."""
        if not self.seq - len(self.tail) <= seq <= self.seq:
            return None
        return list(self.tail)[len(self.tail) - (self.seq - seq) :]


class Streams:
    """All streams of one feed.

    epoch: of the numbering; another one after every beginning.
    """

    def __init__(self, epoch: str) -> None:
        self.epoch = epoch
        self._streams: dict[tuple[str, str], Stream] = {}
        self._of_all: dict[str, dict[Listener, None]] = {name: {} for name in CHANNEL_TYPES}
        self._fresh: list[Stream] = []

    def stream(self, channel: str, symbol: str) -> Stream:
        """The stream, made where there was none."""
        found = self._streams.get((channel, symbol))
        if found is None:
            found = self._streams[(channel, symbol)] = Stream(channel, symbol)
        return found

    def is_wanted(self, channel: str, symbol: str, now_ns: int) -> bool:
        """Whether messages of it must be written; if not, `skip` says that there was one."""
        found = self._streams.get((channel, symbol))
        if found is None:
            return bool(self._of_all[channel])
        if found.listeners or self._of_all[channel]:
            found.heard_at_ns = now_ns
            return True
        return now_ns - found.heard_at_ns < KEPT_UNHEARD_NS

    def skip(self, channel: str, symbol: str, count: int = 1) -> None:
        """Count messages that nobody wanted: what was before them cannot be resumed from.

        Counted from the first one on, whether anybody ever came: who has seen number 0 must find
        that it is over.
        """
        stream = self.stream(channel, symbol)
        stream.seq += count
        stream.tail.clear()

    def add(self, channel: str, symbol: str, body: Mapping[str, object], at_ns: int) -> None:
        """Number a message; it goes out with the next `take`."""
        stream = self.stream(channel, symbol)
        stream.seq += 1
        head = {"T": CHANNEL_TYPES[channel], "S": symbol}
        message = StreamMessage({**head, **body, "seq": stream.seq}, at_ns, stream.seq)
        stream.tail.append(message)
        if not stream.fresh:
            self._fresh.append(stream)
        stream.fresh.append(message)

    def take(self) -> Iterator[tuple[Batch, Sequence[Listener]]]:
        """Everything added since the last taking, with those who hear it now."""
        fresh, self._fresh = self._fresh, []
        for stream in fresh:
            batch = Batch(stream.fresh)
            stream.fresh = []
            everybody = self._of_all[stream.channel]
            if everybody:
                yield batch, list({**stream.listeners, **everybody})
            elif stream.listeners:
                yield batch, list(stream.listeners)

    def listen(self, listener: Listener, channel: str, symbol: str, now_ns: int) -> None:
        """Hear a stream from now on; ALL: the channel's of every symbol."""
        if symbol == ALL:
            self._of_all[channel][listener] = None
            return
        stream = self.stream(channel, symbol)
        stream.listeners[listener] = None
        stream.heard_at_ns = now_ns

    def unlisten(self, listener: Listener, channel: str, symbol: str) -> None:
        """Hear it no more."""
        if symbol == ALL:
            self._of_all[channel].pop(listener, None)
            return
        stream = self._streams.get((channel, symbol))
        if stream is None:
            return
        stream.listeners.pop(listener, None)
        if not stream.listeners and stream.seq == 0:
            # Nothing was ever told: whatever clients make up must not be kept for them.
            del self._streams[(channel, symbol)]

    def unlisten_all(self, listener: Listener, heard: Iterable[tuple[str, str]]) -> None:
        """Hear none of these any more."""
        for channel, symbol in heard:
            self.unlisten(listener, channel, symbol)
