"""One room as one process sees it: who is in it here, and what they have been sent.

Every change of members and every delivery happens without an await in between. That is what makes
"what was missed, then what is new" free of gaps and doubles.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, Protocol

import msgspec

from cloud.realtime import metrics
from cloud.realtime.history import Reading
from cloud.realtime.rooms import Room
from protocols.realtime import Code, Resumed, Subscribed, encode

TAIL_EVENTS_MAX: Final = 500


class Member(Protocol):
    """A connection, as far as a room needs it."""

    def offer(self, frame: str) -> None:
        """Queue a frame for sending; never blocks, never fails."""
        ...

    def drop(self, code: Code, message: str) -> None:
        """End the connection with this reason; never blocks, never fails."""
        ...


@dataclass(frozen=True)
class TakenSnapshot:
    """A room's state, taken when its events up to `seq` were known here."""

    epoch: str
    seq: int
    data: msgspec.Raw
    taken_at_s: float


class LocalRoom:
    """The members of a room in this process, and the last events they were sent."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self.epoch = ""
        self.seq = 0
        self.is_known = asyncio.Event()
        """Set once this process hears the room and knows where it stands."""
        self.members: set[Member] = set()
        self.waiting: set[Member] = set()
        """Members whose history broke, until they have a new snapshot."""
        self.must_look_again = False
        self.idle_since_s: float | None = None
        self.snapshot: TakenSnapshot | None = None
        self._tail: deque[str] = deque(maxlen=TAIL_EVENTS_MAX)

    def take(self, epoch: str, seq: int, frame: str) -> bool:
        """An announced event: deliver it if it is the next; False if history must be read."""
        if epoch != self.epoch:
            return False
        if seq <= self.seq:
            return True
        if seq != self.seq + 1:
            return False
        self._deliver(frame)
        return True

    def catch_up(self, reading: Reading) -> bool:
        """Deliver what a reading after our place has more; False if it does not reach back to us.

        In that case the room now stands where the reading says, and members need a snapshot.
        """
        if reading.epoch == self.epoch and reading.seq <= self.seq:
            return True
        if reading.epoch == self.epoch and reading.frames is not None:
            # Announcements may have come while history was being read: take only what is new.
            for frame in reading.frames[len(reading.frames) - (reading.seq - self.seq) :]:
                self._deliver(frame)
            return True
        self.epoch, self.seq = reading.epoch, reading.seq
        self._tail.clear()
        self.snapshot = None
        return False

    def can_resume(self, epoch: str | None, after: int | None) -> bool:
        """Whether the tail here reaches back to that place."""
        if epoch != self.epoch or after is None:
            return False
        return self.seq - len(self._tail) <= after <= self.seq

    def resume(self, member: Member, after: int) -> None:
        """Let a member in that has had everything up to `after`; `can_resume` must say so."""
        resumed = Resumed(self.room.wire_name, self.epoch, after)
        member.offer(encode(resumed).decode())
        self._follow_from(member, after)

    def resume_from(self, member: Member, after: int, reading: Reading) -> bool:
        """The same with the help of a reading after that place; False if that does not suffice."""
        if reading.epoch != self.epoch or reading.frames is None or after > self.seq:
            return False
        older = list(reading.frames[: self.seq - after])
        newer: Sequence[str] = ()
        if reading.seq < self.seq:
            if not self.can_resume(self.epoch, reading.seq):
                return False
            newer = self._after(reading.seq)
        self.members.add(member)
        member.offer(encode(Resumed(self.room.wire_name, self.epoch, after)).decode())
        for frame in (*older, *newer):
            member.offer(frame)
        return True

    def leave(self, member: Member) -> None:
        """Send the member nothing more."""
        self.members.discard(member)
        self.waiting.discard(member)

    def join(self, member: Member, snapshot: TakenSnapshot) -> None:
        """Let a member in with a snapshot; `is_usable` must say so."""
        subscribed = Subscribed(self.room.wire_name, snapshot.epoch, snapshot.seq, snapshot.data)
        member.offer(encode(subscribed).decode())
        self._follow_from(member, snapshot.seq)

    def is_usable(self, snapshot: TakenSnapshot) -> bool:
        """Whether every event after the snapshot is still at hand."""
        return self.can_resume(snapshot.epoch, snapshot.seq)

    def _follow_from(self, member: Member, after: int) -> None:
        # First in, then its frames: one that is dropped over them is out again, and stays out.
        self.members.add(member)
        for frame in self._after(after):
            member.offer(frame)

    def _after(self, seq: int) -> Sequence[str]:
        skipped = len(self._tail) - (self.seq - seq)
        return list(islice(self._tail, skipped, None))

    def _deliver(self, frame: str) -> None:
        self.seq += 1
        self._tail.append(frame)
        metrics.SENT.inc(len(self.members))
        # A member that is dropped for being slow leaves the room: iterate over a copy.
        for member in tuple(self.members):
            member.offer(frame)
