"""What was told on one stream of one portfolio: numbered without gaps, kept for a while.

A place is (epoch, seq). A feed begins with the first reader and ends some time after the last one;
each has an epoch of its own, so a number of another feed, or of one before a restart, is never
taken for one of this. Who names a place that is still kept gets exactly what followed it; anybody
else is told to start from a snapshot.
"""

from collections import deque
from typing import Final, Protocol

from cloud.exchange.updates.messages import Ended

KEPT_FRAMES_MAX: Final = 2_048
KEPT_BYTES_MAX: Final = 2 * 1024 * 1024


class Reader(Protocol):
    """Whoever is told; must be quick and never raise. portfolio_id: of whose streams."""

    @property
    def portfolio_id(self) -> int | None: ...  # noqa: D102 -- see the class

    def offer(self, data: bytes) -> None:
        """Take a frame."""
        ...

    def end(self, code: Ended, message: str) -> None:
        """Be told nothing more, and why."""
        ...


class Feed:
    """One stream of one portfolio.

    name: the stream's, part of every frame. epoch: nobody else's.
    """

    def __init__(self, name: str, epoch: str) -> None:
        self.name = name
        self.epoch = epoch
        self.seq = 0
        self.readers: set[Reader] = set()
        self._head = b'{"stream":"%s","seq":' % name.encode()
        self._frames: deque[bytes] = deque()
        self._bytes = 0

    def tell(self, data: bytes) -> None:
        """Number a message (JSON), keep it, and give it to every reader."""
        self.seq += 1
        frame = b'%s%d,"data":%s}' % (self._head, self.seq, data)
        self._frames.append(frame)
        self._bytes += len(frame)
        while len(self._frames) > KEPT_FRAMES_MAX or self._bytes > KEPT_BYTES_MAX:
            self._bytes -= len(self._frames.popleft())
        for reader in tuple(self.readers):
            reader.offer(frame)

    def missed(self, epoch: str, seq: int) -> list[bytes] | None:
        """The frames after that place, None if they are not all known any more (or never were)."""
        behind = self.seq - seq
        if epoch != self.epoch or not 0 <= behind <= len(self._frames):
            return None
        return list(self._frames)[len(self._frames) - behind :]
